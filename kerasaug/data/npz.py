"""Files of `numpy.savez` (`.npz`)."""

import contextlib
import dataclasses
import math
import zipfile
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
import tensorflow as tf

from kerasaug.data import arrays, pictures
from kerasaug.data.dataset import SPLITS, ImageDataset, Note
from kerasaug.data.held import BATCH, Blocks, blocks
from kerasaug.errors import InputError

NAMES = ("x", "y", "x_train", "y_train", "x_test", "y_test", "class_names")


def read(path: Path) -> ImageDataset:
    """Reads a file of `numpy.savez`.

    Args:
        path: Holds `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`, and if wanted
            `class_names`. Images are arrays (n, height, width) or (n, height, width, 1, 3 or 4),
            uint8 or numbers that fill one of `arrays.RANGES`. Labels are whole numbers or texts
            (n,); with `class_names` they are indices of those.

    Returns:
        The data set; without `test` if the file has one split.

    Raises:
        InputError: If the file cannot be read so.
    """
    with _telling_damage(path), path.open("rb") as file:
        return _read(path, file)


def _read(path, file):
    found = _load(path, file)
    ends = {"train": ""} if "x" in found else {split: f"_{split}" for split in SPLITS}
    wanted = [name + end for end in ends.values() for name in "xy"]
    if missing := [name for name in wanted if name not in found]:
        raise InputError(
            f"{path} lacks {', '.join(missing)}; accepted: arrays x and y, or x_train, y_train, "
            f"x_test and y_test; it holds {', '.join(found) or 'none'}"
        )
    images = [_images(path, f"x{end}", found[f"x{end}"]) for end in ends.values()]
    labels = [_labels(path, f"y{end}", found[f"y{end}"], found[f"x{end}"]) for end in ends.values()]
    images, scaled = _as_uint8(path, images)
    if "class_names" in found:
        names = _class_names(found["class_names"])
        if any(
            each.dtype.kind == "U" or not (0 <= each.min() and each.max() < len(names))
            for each in labels
        ):
            raise InputError(
                f"{path}: with class_names, labels must be numbers from 0 to {len(names) - 1}"
            )
    else:
        names, labels = arrays.numbered(labels)
    splits = dict(zip(ends, zip(images, labels, strict=True), strict=True))
    notes = [Note(f"pixels from {scaled} were brought to 0 to 255")] if scaled else []
    try:
        return dataclasses.replace(arrays.of_splits(splits, names, path.stem), notes=tuple(notes))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


@contextlib.contextmanager
def _telling_damage(path):
    try:
        yield
    except (InputError, MemoryError, tf.errors.ResourceExhaustedError):
        raise
    except ValueError as error:
        if not zipfile.is_zipfile(path):
            raise InputError(f"{path} is not an .npz file, or it is damaged") from error
        what = "an array of Python objects" if "pickle" in str(error) else "a damaged array"
        raise InputError(f"{path} holds {what}, which is not read") from error
    # NumPy parses the header of an array as Python, and zipfile has errors of its own.
    except Exception as error:
        raise InputError(f"{path} is not an .npz file, or it is damaged") from error


def _load(path: Path, file: BinaryIO) -> dict[str, np.ndarray | Blocks]:
    found = np.load(file, allow_pickle=False)
    if not isinstance(found, np.lib.npyio.NpzFile):
        raise InputError(f"{path} holds a single array, not several by name")
    if len(set(found.files)) < len(found.zip.namelist()):
        raise InputError(f"{path} holds an array twice")
    names = [name for name in found.files if name in NAMES]
    arrays.refuse_what_does_not_fit(path, sum(_claimed(found.zip, name) for name in names))
    others = {name: np.empty(0) for name in found.files if name not in NAMES}
    return {**others, **{name: _array(found, name) for name in names}}


def _entry(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    return archive.NameToInfo.get(f"{name}.npy") or archive.getinfo(name)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Of the array that a file begins with: shape, whether in Fortran's order, and type."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError("unknown version")
    return getattr(np.lib.format, f"read_array_header_{version[0]}_{version[1]}")(file)


def _claimed(archive: zipfile.ZipFile, name: str) -> int:
    """Bytes that an array takes, as its own header and the archive's say: the larger."""
    with archive.open(_entry(archive, name)) as file:
        shape, _, dtype = _header(file)
    return max(_entry(archive, name).file_size, math.prod(shape) * dtype.itemsize)


def _array(found: np.lib.npyio.NpzFile, name: str) -> np.ndarray | Blocks:
    """An array; images as blocks, which are not all in memory at a time if they are bytes."""
    with found.zip.open(_entry(found.zip, name)) as file:
        shape, fortran_order, dtype = _header(file)
    if not name.startswith("x"):
        return found[name]
    if dtype != np.uint8 or fortran_order or not (shape and shape[0]):
        return blocks(found[name])

    def read():
        with found.zip.open(_entry(found.zip, name)) as file:
            _header(file)
            for start in range(0, shape[0], BATCH):
                count = min(BATCH, shape[0] - start)
                content = file.read(count * math.prod(shape[1:]))
                yield np.frombuffer(content, np.uint8).reshape(count, *shape[1:])
            if file.read(1):
                raise ValueError("more values than its shape says")

    return Blocks(shape, dtype, read)


def _images(path, name, array):
    shaped = array
    if len(array.shape) == 3:
        shaped = array.changed(lambda some: some[..., None], (*array.shape, 1), array.dtype)
    shape = shaped.shape
    if len(shape) != 4 or shape[3] not in (1, 3, 4) or shape[0] == 0:
        raise InputError(
            f"{path}: {name} must be (n, height, width), or that with 1, 3 or 4 channels at the "
            f"end, and not empty; it is {array.shape}"
        )
    if shaped.dtype.kind not in "uif" and shaped.dtype != bool:
        raise InputError(f"{path}: {name} must hold numbers; it holds {array.dtype}")
    if shaped.dtype.kind == "f" and not all(np.isfinite(some).all() for some in shaped.read()):
        raise InputError(f"{path}: {name} holds NaN or infinity")
    return shaped


def _labels(path, name, array, images):
    labels = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if labels.dtype.kind not in "iuU":
        raise InputError(f"{path}: {name} must hold whole numbers or texts; it holds {array.dtype}")
    if labels.shape != images.shape[:1]:
        raise InputError(
            f"{path}: {name} must have one label for each of {images.shape[0]} images; "
            f"it is {array.shape}"
        )
    if labels.dtype.kind == "U":
        return labels
    if labels.dtype == np.uint64 and labels.max(initial=0) > np.iinfo(np.int64).max:
        raise InputError(f"{path}: {name} must hold numbers below 2^63; it holds {labels.max()}")
    return labels.astype(np.int64)


def _class_names(array):
    return [
        name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        for name in array.ravel()
    ]


def _as_uint8(path, images):
    """The images as uint8, without transparency, and in words where their pixels came from."""
    scaled, low, high = None, 0, 255
    if len({array.dtype for array in images}) > 1:
        kinds = " and ".join(str(array.dtype) for array in images)
        raise InputError(f"{path}: both splits must hold numbers of one kind, not {kinds}")
    if any(array.dtype != np.uint8 for array in images):
        ends = [(some.min(), some.max()) for array in images for some in array.read()]
        lowest, highest = min(low for low, _ in ends), max(high for _, high in ends)
        found = arrays.pixel_range(lowest, highest)
        if found is None:
            accepted = ", ".join(f"{low} to {high}" for low, high in arrays.RANGES)
            raise InputError(
                f"{path}: pixels from {lowest:g} to {highest:g}; accepted are uint8, or other "
                f"numbers from {accepted}"
            )
        low, high = found
        scaled = f"{low} to {high}"
    return [_pixels(array, low, high) for array in images], scaled


def _pixels(array, low, high):
    """Pixels from `low` to `high` as uint8 without transparency."""
    transparent = array.shape[3] == 4

    def change(some):
        if array.dtype != np.uint8:
            some = np.rint((some.astype(np.float32) - low) * (255 / (high - low))).astype(np.uint8)
        return pictures.on_background(some) if transparent else some

    shape = (*array.shape[:3], array.shape[3] - transparent)
    return array.changed(change, shape, np.dtype(np.uint8))
