"""Files of `numpy.savez` (`.npz`)."""

import dataclasses
import math
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
import tensorflow as tf

from kerasaug.data.dataset import SPLITS, ImageDataset, Note
from kerasaug.data.readers import arrays, image_files, pixel_ranges
from kerasaug.data.readers.pixel_ranges import PixelRange
from kerasaug.errors import InputError

BATCH = 64
DARK = 16
"""Bytes up to this may be meant as shares or as scikit-learn's digits."""
NAMES = ("x", "y", "x_train", "y_train", "x_test", "y_test", "class_names")
OTHER_NAME = re.compile(
    r"(?P<before>train_|test_)?((?P<x>x|images?)|(?P<y>y|labels?|targets?))(?P<after>_train|_test)?",
    re.IGNORECASE,
)
"""What else arrays are called, as `X`, `images` or `train_labels`."""
UNNAMED = {"arr_0": "x", "arr_1": "y"}
"""What `numpy.savez(path, images, labels)` calls them."""


def read(path: Path) -> ImageDataset:
    """Reads a file of `numpy.savez`.

    Args:
        path: Holds `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`, or these under an
            `OTHER_NAME`, and perhaps `class_names`. Images are arrays (n, height, width) or
            (n, height, width, 1, 3 or 4), uint8 or numbers of a range that `pixel_ranges.find`
            knows. Labels are whole numbers, texts or truth values (n,), or one-hot (n, number of
            classes); with `class_names` they are indices of those.

    Returns:
        The data set; without `test` if the file has one split.

    Raises:
        InputError: If the file is damaged or holds something else.
    """
    try:
        with path.open("rb") as file:
            return _read(path, file)
    except (InputError, MemoryError, tf.errors.ResourceExhaustedError):
        raise
    # NumPy parses the header of an array as Python, and zipfile has errors of its own.
    except Exception as error:
        if not (isinstance(error, ValueError) and zipfile.is_zipfile(path)):
            raise InputError(f"{path} is not an .npz file, or it is damaged") from error
        content = "an array of Python objects" if "pickle" in str(error) else "a damaged array"
        raise InputError(f"{path} holds {content}, which is not read") from error


def _read(path: Path, file: BinaryIO) -> ImageDataset:
    content, unread = _load(path, file)
    if {"x_test", "y_test"} & content.keys():
        # Beside a test split, x and y are the training split.
        for name in "xy":
            if name in content and f"{name}_train" in content:
                raise InputError(f"{path} holds both {name} and {name}_train; remove one")
            if name in content:
                content[f"{name}_train"] = content.pop(name)
    ends = {"train": ""} if "x" in content else {split: f"_{split}" for split in SPLITS}
    needed = [name + end for end in ends.values() for name in "xy"]
    if missing := [name for name in needed if name not in content]:
        raise InputError(
            f"{path} lacks {', '.join(missing)}; it must hold arrays x and y, or x_train, y_train, "
            "x_test and y_test, as numpy.savez(path, x=images, y=labels) writes them. Received: "
            f"{', '.join([*content, *unread]) or 'none'}"
        )
    images = [_images(path, f"x{end}", content[f"x{end}"]) for end in ends.values()]
    labels = [
        _labels(path, f"y{end}", content[f"y{end}"], part.shape[0])
        for end, part in zip(ends.values(), images, strict=True)
    ]
    images, notes = _as_uint8(path, images)
    if unread:
        notes = (*notes, Note("arrays that are not read", tuple(unread)))
    if "class_names" in content:
        names = [
            name.decode(errors="replace") if isinstance(name, bytes) else str(name)
            for name in content["class_names"].ravel()
        ]
        last = len(names) - 1
        if any(part.dtype.kind == "U" or part.min() < 0 or part.max() > last for part in labels):
            raise InputError(f"{path}: with class_names, labels must be numbers from 0 to {last}")
    else:
        names, labels = arrays.names_and_indices(labels)
    splits = dict(zip(ends, zip(images, labels, strict=True), strict=True))
    try:
        return dataclasses.replace(arrays.from_splits(splits, names, path.stem), notes=notes)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _load(path: Path, file: BinaryIO) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays under the names of `NAMES`, and the names of others."""
    archive = np.load(file, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise InputError(f"{path} holds a single array, not several by name")
    if len(set(archive.files)) < len(archive.zip.namelist()):
        raise InputError(f"{path} holds an array twice")
    names: dict[str, str] = {}
    for name in archive.files:
        if (known := _known_name(name, archive.files)) is None:
            continue
        if known in names:
            raise InputError(f"{path} holds both {names[known]} and {name}; remove one")
        names[known] = name
    arrays.check_memory(path, sum(_size(archive.zip, name) for name in names.values()))
    unread = [name for name in archive.files if name not in names.values()]
    return {known: archive[name] for known, name in names.items()}, unread


def _known_name(name: str, beside: Sequence[str]) -> str | None:
    """Which of `NAMES` an array has; None if another one."""
    if name in NAMES:
        return name
    if set(beside) - {"class_names"} == UNNAMED.keys():
        return UNNAMED.get(name)
    match = OTHER_NAME.fullmatch(name)
    if match is None or (match["before"] and match["after"]):
        return None
    split = (match["before"] or match["after"] or "").strip("_").lower()
    return ("x" if match["x"] else "y") + (f"_{split}" if split else "")


def _entry(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    return archive.NameToInfo.get(f"{name}.npy") or archive.getinfo(name)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Of the array that a file begins with: shape, whether in Fortran's order, and type."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError("unknown version")
    return getattr(np.lib.format, f"read_array_header_{version[0]}_{version[1]}")(file)


def _size(archive: zipfile.ZipFile, name: str) -> int:
    """Bytes of an array by its own header or by the archive's, whichever is larger."""
    with archive.open(_entry(archive, name)) as file:
        shape, _, dtype = _header(file)
    return max(_entry(archive, name).file_size, math.prod(shape) * dtype.itemsize)


def _images(path: Path, name: str, images: np.ndarray) -> np.ndarray:
    """Images of rank 4."""
    shape = images.shape
    if len(shape) == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3, 4) or len(images) == 0:
        raise InputError(
            f"{path}: {name} must be (n, height, width), or that with 1, 3 or 4 channels at the "
            f"end, and not empty. Received: {shape}"
        )
    if images.dtype.kind not in "uif" and images.dtype != bool:
        raise InputError(f"{path}: {name} must hold numbers. Received: {images.dtype}")
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise InputError(f"{path}: {name} must not hold NaN or infinity")
    return images


def _labels(path: Path, name: str, labels: np.ndarray, count: int) -> np.ndarray:
    """Labels (count,), int64 or texts."""
    shape = labels.shape
    if len(shape) == 2 and shape[1] == 1:
        labels = labels[:, 0]
    elif len(shape) == 2 and _is_one_hot(labels):
        labels = labels.argmax(axis=1)
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, errors="replace")
    is_whole = (
        labels.dtype.kind == "f" and (np.abs(labels) < 2**53).all() and not (labels % 1).any()
    )
    if is_whole or labels.dtype.kind == "b":
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iuU":
        raise InputError(
            f"{path}: {name} must hold whole numbers or texts. Received: {labels.dtype}"
        )
    if labels.shape != (count,):
        raise InputError(
            f"{path}: {name} must have one label for each of {count} images. Received: {shape}"
        )
    if labels.dtype.kind == "U":
        return labels
    if labels.dtype == np.uint64 and labels.max(initial=0) > np.iinfo(np.int64).max:
        raise InputError(f"{path}: {name} must hold numbers below 2^63. Received: {labels.max()}")
    return labels.astype(np.int64)


def _is_one_hot(labels: np.ndarray) -> bool:
    is_one, is_zero = labels == 1, labels == 0
    return bool((is_one | is_zero).all() and (is_one.sum(axis=1) == 1).all())


def _as_uint8(path: Path, images: list[np.ndarray]) -> tuple[list[np.ndarray], tuple[Note, ...]]:
    """The images as uint8 without transparency, and a note if they were something else."""
    if len({part.dtype for part in images}) > 1:
        kinds = " and ".join(str(part.dtype) for part in images)
        raise InputError(f"{path}: both splits must hold numbers of one kind, not {kinds}")
    if images[0].dtype == np.uint8:
        highest = max(part.max() for part in images)
        note = Note(f"the brightest of all pixels is {highest} of 255: images are nearly black")
        pixels = [_pixels(part, PixelRange(0, 255)) for part in images]
        return pixels, (note,) if highest <= DARK else ()
    filled = pixel_ranges.find(images)
    if filled is None:
        lowest, highest = min(part.min() for part in images), max(part.max() for part in images)
        ranges = ", ".join(f"{low} to {high}" for low, high in pixel_ranges.ENDS)
        raise InputError(
            f"{path}: pixels must be uint8, or other numbers from {ranges}. "
            f"Received: pixels from {lowest:g} to {highest:g}"
        )
    text = f"pixels from {filled} were brought to 0 to 255"
    if beyond := sum(map(filled.count_beyond, images)):
        share = beyond / sum(part.size for part in images)
        text += f"; {share:.1%} that lie beyond, as after bicubic resizing, were cut to this range"
    return [_pixels(part, filled) for part in images], (Note(text),)


def _pixels(images: np.ndarray, filled: PixelRange) -> np.ndarray:
    """Pixels of a range as uint8 without transparency."""
    transparent = images.shape[3] == 4
    if images.dtype == np.uint8 and not transparent:
        return images
    pixels = np.empty((*images.shape[:3], images.shape[3] - transparent), np.uint8)
    # Floats of all images would take four times as much.
    for start in range(0, len(images), BATCH):
        block = images[start : start + BATCH]
        block = block if block.dtype == np.uint8 else filled.to_uint8(block)
        pixels[start : start + BATCH] = image_files.on_background(block) if transparent else block
    return pixels
