"""Images in memory: arrays, and files that hold them (`.npz`)."""

import contextlib
import dataclasses
import hashlib
import math
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasaug.data import pictures
from kerasaug.data.dataset import SPLITS, ImageDataset, Note
from kerasaug.errors import InputError

TEST_SHARE = 0.2
RANGES = ((0, 1), (-1, 1), (0, 16), (0, 255), (0, 65535))
"""Pixels that are not uint8 are taken to fill the first of these that holds all of them."""
NPZ_NAMES = ("x", "y", "x_train", "y_train", "x_test", "y_test", "class_names")
MOST_CLASSES = 1000
CONTAINER_MEMORY = Path("/sys/fs/cgroup/memory.max")
MEMORY_SHARE = 0.5
"""Of the machine's memory, that what is read from one file may take."""


def from_arrays(
    train_images: np.ndarray,
    train_labels: np.ndarray,
    test_images: np.ndarray | None = None,
    test_labels: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    name: str = "arrays",
) -> ImageDataset:
    """Makes a data set of images in memory.

    Args:
        train_images: uint8 array (n, height, width, channels).
        train_labels: int array (n,), in [0, number of classes).
        test_images: uint8 array (m, height, width, channels); if not given, a fifth of the images
            of every class become the test split.
        test_labels: int array (m,).
        class_names: One name per class; the numbers if not given.
        name: What the data set is called.

    Returns:
        The data set.

    Raises:
        InputError: If images are not uint8 of rank 4, or labels do not fit them.
    """
    splits = {"train": (train_images, train_labels)}
    if test_images is not None:
        splits["test"] = (test_images, test_labels)
    dataset = of_splits(splits, class_names, name)
    return dataset if dataset.test else dataset.split_test(TEST_SHARE)


def training_images(
    images: np.ndarray, labels: np.ndarray, class_names: Sequence[str] | None = None
) -> ImageDataset:
    """Makes a data set that has no test split, to train a generator on.

    Args:
        images: uint8 array (n, height, width, channels).
        labels: int array (n,), in [0, number of classes).
        class_names: One name per class; the numbers if not given.

    Returns:
        The data set; its `test` is None.

    Raises:
        InputError: See `from_arrays`.
    """
    return of_splits({"train": (images, labels)}, class_names, "arrays")


def of_splits(
    splits: dict[str, tuple[np.ndarray, np.ndarray]], class_names: Sequence[str] | None, name: str
) -> ImageDataset:
    """Makes a data set of what was read, without a test split where none is given.

    Args:
        splits: Images and labels by the name of the split; see `from_arrays`.
        class_names: One name per class; the numbers if not given.
        name: What the data set is called.

    Returns:
        The data set.

    Raises:
        InputError: See `from_arrays`.
    """
    train_images, train_labels = splits["train"]
    for split, (images, labels) in splits.items():
        fits = images.ndim == 4 and images.shape[1:] == train_images.shape[1:]
        if images.dtype != np.uint8 or not fits:
            raise InputError(
                f"`{split}_images` must be uint8 (n, height, width, channels) like the other "
                f"split. Received: {images.dtype} {images.shape}"
            )
        if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
            raise InputError(
                f"`{split}_labels` must be integers ({len(images)},). "
                f"Received: {labels.dtype} {labels.shape}"
            )
    if not len(train_images):
        raise InputError("`train_images` must hold at least one. Received: none")
    highest = max(labels.max(initial=0) for _, labels in splits.values())
    if class_names is None and highest >= MOST_CLASSES:
        raise InputError(f"labels must be below {MOST_CLASSES:,}. Received: up to {highest}")
    names = class_names or [str(number) for number in range(highest + 1)]
    if min(labels.min(initial=0) for _, labels in splits.values()) < 0 or highest >= len(names):
        raise InputError(f"labels must be in [0, {len(names)}). Received: up to {highest}")
    streams = {
        split: tf.data.Dataset.from_tensor_slices((images, labels.astype(np.int32)))
        for split, (images, labels) in splits.items()
    }
    digest = hashlib.sha256(str(train_images.shape).encode())
    digest.update(np.ascontiguousarray(train_images))
    test_counts = ()
    if "test" in splits:
        images, labels = splits["test"]
        digest.update(np.ascontiguousarray(images))
        digest.update(np.ascontiguousarray(labels.astype(np.int32)))
        test_counts = tuple(np.bincount(labels, minlength=len(names)).tolist())
    return ImageDataset(
        name=name,
        content=digest.hexdigest(),
        records=streams["train"],
        test=streams.get("test"),
        class_names=tuple(names),
        image_shape=train_images.shape[1:],
        train_labels=train_labels.astype(np.int32),
        indices=np.arange(len(train_labels)),
        test_counts=test_counts,
    )


def pixel_range(lowest: float, highest: float) -> tuple[int, int] | None:
    """The range that pixels fill which are not uint8.

    Args:
        lowest: Of all pixels.
        highest: Of all pixels.

    Returns:
        The first of `RANGES` that holds both; None if none does.
    """
    fitting = [(low, high) for low, high in RANGES if low <= lowest and highest <= high]
    return fitting[0] if fitting else None


def read_npz(path: Path) -> ImageDataset:
    """Reads a file of `numpy.savez`.

    Args:
        path: Holds `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`, and if wanted
            `class_names`. Images are arrays (n, height, width) or (n, height, width, 1, 3 or 4),
            uint8 or numbers that fill one of `RANGES`. Labels are whole numbers or texts (n,);
            with `class_names` they are indices of those.

    Returns:
        The data set; without `test` if the file has one split.

    Raises:
        InputError: If the file cannot be read so.
    """
    arrays = _load_npz(path)
    ends = {"train": ""} if "x" in arrays else {split: f"_{split}" for split in SPLITS}
    wanted = [name + end for end in ends.values() for name in "xy"]
    if missing := [name for name in wanted if name not in arrays]:
        raise InputError(
            f"{path} lacks {', '.join(missing)}; accepted: arrays x and y, or x_train, y_train, "
            f"x_test and y_test; it holds {', '.join(arrays) or 'none'}"
        )
    images = [_images(path, f"x{end}", arrays[f"x{end}"]) for end in ends.values()]
    labels = [
        _labels(path, f"y{end}", arrays[f"y{end}"], arrays[f"x{end}"]) for end in ends.values()
    ]
    images, scaled = _as_uint8(path, images)
    if "class_names" in arrays:
        names = _class_names(path, arrays["class_names"])
        if any(
            each.dtype.kind == "U" or not (0 <= each.min() and each.max() < len(names))
            for each in labels
        ):
            raise InputError(
                f"{path}: with class_names, labels must be numbers from 0 to {len(names) - 1}"
            )
    else:
        names, labels = numbered(labels)
    splits = dict(zip(ends, zip(images, labels, strict=True), strict=True))
    notes = [Note(f"pixels from {scaled} were brought to 0 to 255")] if scaled else []
    try:
        return dataclasses.replace(of_splits(splits, names, path.stem), notes=tuple(notes))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def refuse_what_does_not_fit(path: Path, size: int) -> None:
    """Refuses a file before memory is taken for what it holds.

    Args:
        path: The file.
        size: Bytes that it would take.

    Raises:
        InputError: If that is more than half of this machine's memory.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    # A container may have less.
    with contextlib.suppress(OSError, ValueError):
        memory = min(memory, int(CONTAINER_MEMORY.read_text()))
    if size > memory * MEMORY_SHARE:
        raise InputError(
            f"{path} would take {size // 2**30:,} GiB of memory; accepted is up to half of the "
            f"{memory // 2**30:,} GiB that there are; a folder of images is read as it is needed"
        )


def _load_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        # Opened here, since NumPy leaves a file open that proves to be no archive.
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            if not isinstance(found, np.lib.npyio.NpzFile):
                raise InputError(f"{path} holds a single array, not several by name")
            if len(set(found.files)) < len(found.zip.namelist()):
                raise InputError(f"{path} holds an array twice")
            names = [name for name in found.files if name in NPZ_NAMES]
            refuse_what_does_not_fit(path, sum(_claimed(found.zip, name) for name in names))
            others = {name: np.empty(0) for name in found.files if name not in NPZ_NAMES}
            return {**others, **{name: found[name] for name in names}}
    except (InputError, MemoryError):
        raise
    except ValueError as error:
        if not zipfile.is_zipfile(path):
            raise InputError(f"{path} is not an .npz file, or it is damaged") from error
        what = "an array of Python objects" if "pickle" in str(error) else "a damaged array"
        raise InputError(f"{path} holds {what}, which is not read") from error
    # NumPy parses the header of an array as Python, and zipfile has errors of its own.
    except Exception as error:
        raise InputError(f"{path} is not an .npz file, or it is damaged") from error


def _claimed(archive: zipfile.ZipFile, name: str) -> int:
    """Bytes that an array takes, as its own header and the archive's say: the larger."""
    entry = archive.NameToInfo.get(f"{name}.npy") or archive.getinfo(name)
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError("unknown version")
        read = getattr(np.lib.format, f"read_array_header_{version[0]}_{version[1]}")
        shape, _, dtype = read(file)
    return max(entry.file_size, math.prod(shape) * dtype.itemsize)


def _images(path, name, array):
    shaped = array[..., None] if array.ndim == 3 else array
    if shaped.ndim != 4 or shaped.shape[3] not in (1, 3, 4) or not len(shaped):
        raise InputError(
            f"{path}: {name} must be (n, height, width), or that with 1, 3 or 4 channels at the "
            f"end, and not empty; it is {array.shape}"
        )
    if shaped.dtype.kind not in "uif" and shaped.dtype != bool:
        raise InputError(f"{path}: {name} must hold numbers; it holds {array.dtype}")
    if shaped.dtype.kind == "f" and not np.isfinite(shaped).all():
        raise InputError(f"{path}: {name} holds NaN or infinity")
    return shaped


def _labels(path, name, array, images):
    labels = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if labels.dtype.kind not in "iuU":
        raise InputError(f"{path}: {name} must hold whole numbers or texts; it holds {array.dtype}")
    if labels.shape != images.shape[:1]:
        raise InputError(
            f"{path}: {name} must have one label for each of {len(images)} images; "
            f"it is {array.shape}"
        )
    if labels.dtype.kind == "U":
        return labels
    if labels.dtype == np.uint64 and labels.max(initial=0) > np.iinfo(np.int64).max:
        raise InputError(f"{path}: {name} must hold numbers below 2^63; it holds {labels.max()}")
    return labels.astype(np.int64)


def _class_names(path, array):
    names = [
        name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        for name in array.ravel()
    ]
    if len(set(names)) < len(names):
        raise InputError(f"{path}: class_names has a name twice")
    return names


def numbered(labels: Sequence[np.ndarray]) -> tuple[list[str], list[np.ndarray]]:
    """Takes the distinct labels for names.

    Args:
        labels: Those of each split, (n,), of one type.

    Returns:
        The names, sorted, and the labels as indices of those.
    """
    known = np.unique(np.concatenate(labels))
    return [str(name) for name in known], [np.searchsorted(known, each) for each in labels]


def _as_uint8(path, arrays):
    """The images as uint8, without transparency, and in words where their pixels came from."""
    scaled = None
    if len({array.dtype for array in arrays}) > 1:
        kinds = " and ".join(str(array.dtype) for array in arrays)
        raise InputError(f"{path}: both splits must hold numbers of one kind, not {kinds}")
    if any(array.dtype != np.uint8 for array in arrays):
        lowest, highest = min(map(np.min, arrays)), max(map(np.max, arrays))
        found = pixel_range(lowest, highest)
        if found is None:
            accepted = ", ".join(f"{low} to {high}" for low, high in RANGES)
            raise InputError(
                f"{path}: pixels from {lowest:g} to {highest:g}; accepted are uint8, or other "
                f"numbers from {accepted}"
            )
        low, high = found
        scaled = f"{low} to {high}"
        arrays = [
            np.rint((array.astype(np.float32) - low) * (255 / (high - low))).astype(np.uint8)
            for array in arrays
        ]
    return [pictures.on_background(a) if a.shape[3] == 4 else a for a in arrays], scaled
