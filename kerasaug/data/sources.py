"""From what a user has to an `ImageDataset`."""

import dataclasses
import functools
import os
from collections.abc import Sequence
from pathlib import Path

from kerasaug.data import arrays, catalog, folders, pictures, streams
from kerasaug.data.arrays import TEST_SHARE
from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError

FEWEST_CLASSES, MOST_CLASSES = 2, 1000
SMALLEST_SIDE, LARGEST_SIDE = pictures.SMALLEST_SIDE, folders.LARGEST_SIDE


def load(
    name: str | Path,
    *,
    image_size: tuple[int, int] | None = None,
    aspect: str = "pad",
    test_split: float | None = None,
    rare: Sequence[int | str] | None = None,
) -> ImageDataset:
    """Loads labelled images.

    Args:
        name: A folder of class folders (`folders.read`), a file `.npz` (`arrays.read_npz`), a
            folder of IDX files (`arrays.read_idx`), or a data set of tensorflow-datasets
            (`catalog.read`). Where a folder has the name of a data set, write it as `./NAME`.
        image_size: `(height, width)` that all images are brought to. If None, their own; a folder
            of images of different sizes has a rule of its own.
        aspect: What keeps the proportions of images that are resized: `"pad"` or `"crop"`, see
            `pictures.fit`.
        test_split: Share of every class that becomes the test split, in (0, 1), where the data
            have none; a fifth if not given. The same images at every time.
        rare: Names or indices of the classes that are to count as rare; if None, those that do by
            their size, see `imbalance.rare_classes`.

    Returns:
        The data set, unreduced, streaming.

    Raises:
        InputError: If it cannot be found or read, if it has fewer than 2 classes or more than
            1,000, sides under 8 or above 256, no image of some class to train or to test with, or
            if `test_split` is given for data that have a test split.
    """
    if is_path(name):
        dataset = _read_path(Path(name), image_size, aspect)
    else:
        dataset = catalog.read(name, any_size=image_size is not None)
    if image_size is not None:
        dataset = _resized(dataset, (*image_size, dataset.image_shape[2]), aspect)
    _check_shape(dataset)
    if dataset.test is None:
        dataset = dataset.split_test(TEST_SHARE if test_split is None else test_split)
    elif test_split is not None:
        raise InputError("the data have a test split, so none can be split off")
    _check_classes(dataset)
    return dataset.naming_rare(rare) if rare else dataset


def is_path(name: str | Path) -> bool:
    """Whether a data set is read from files of the user's own.

    Args:
        name: What `load` takes.
    """
    if isinstance(name, Path) or name.endswith(".npz"):
        return True
    # A data set may have a slash in its name, as emnist/letters.
    outside = os.sep in name or name in (".", "..")
    return not catalog.knows(name) and (outside or Path(name).exists())


def _read_path(path: Path, image_size: tuple[int, int] | None, aspect: str) -> ImageDataset:
    try:
        if not path.exists():
            raise InputError(f"there is no {path}")
        if path.is_dir() and arrays.is_idx_folder(path):
            return arrays.read_idx(path)
        if path.is_dir():
            return folders.read(path, image_size, aspect)
        if path.suffix == ".npz":
            return arrays.read_npz(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    raise InputError(f"{path} is neither a folder nor a file .npz")


def _resized(dataset: ImageDataset, shape: tuple[int, int, int], aspect: str) -> ImageDataset:
    if shape == dataset.image_shape:
        return dataset
    fit = functools.partial(pictures.fit_tensor, shape=shape, aspect=aspect)
    return dataclasses.replace(
        dataset,
        content=f"{dataset.content} {shape} {aspect}",
        image_shape=shape,
        decode=lambda record: fit(dataset.decode(record) if dataset.decode else record),
        test=dataset.test and streams.decoded(dataset.test, fit),
    )


def _check_shape(dataset: ImageDataset) -> None:
    height, width, _ = dataset.image_shape
    if min(height, width) < SMALLEST_SIDE or max(height, width) > LARGEST_SIDE:
        raise InputError(
            f"images are {width}x{height}; sides must be from {SMALLEST_SIDE} to {LARGEST_SIDE}, "
            "or give an image size"
        )


def _check_classes(dataset: ImageDataset) -> None:
    names = dataset.class_names
    if not FEWEST_CLASSES <= len(names) <= MOST_CLASSES:
        raise InputError(
            f"{dataset.name} has {len(names)} class{'es' * (len(names) != 1)} "
            f"({', '.join(names[:3])}); accepted are {FEWEST_CLASSES} to {MOST_CLASSES:,}"
        )
    for what, counts in (("training", dataset.class_counts), ("test", dataset.test_counts)):
        lacking = [name for name, count in zip(names, counts, strict=True) if count == 0]
        if lacking:
            raise InputError(
                f"there is no {what} image of class {', '.join(lacking[:5])}; every class needs "
                "one to train with and another to test with"
            )
