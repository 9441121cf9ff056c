"""From what a user has to an `ImageDataset`."""

import dataclasses
import functools
import os
from collections.abc import Sequence
from pathlib import Path

from kerasaug.data import catalog, copies, folders, idx, npz, pictures, streams
from kerasaug.data.arrays import TEST_SHARE
from kerasaug.data.dataset import ImageDataset, Note
from kerasaug.errors import InputError
from kerasaug.limits import LARGEST_SIDE, MOST_CLASSES, SMALLEST_SIDE

FEWEST_CLASSES = 2


def load(
    name: str | Path,
    *,
    image_size: tuple[int, int] | None = None,
    aspect: str = "pad",
    test_split: float | None = None,
    rare: Sequence[int | str] | None = None,
    complete: bool = True,
) -> ImageDataset:
    """Loads labelled images.

    Args:
        name: A folder of class folders (`folders.read`), a file `.npz` (`npz.read`), a
            folder of IDX files (`idx.read`), or a data set of tensorflow-datasets
            (`catalog.read`). Where a folder has the name of a data set, write it as `./NAME`.
        image_size: `(height, width)` that all images are brought to. If None, their own; a folder
            of images of different sizes has a rule of its own.
        aspect: What keeps the proportions of images that are resized: `"pad"` or `"crop"`, see
            `pictures.fit`.
        test_split: Share of every class that becomes the test split, in (0, 1), where the data
            have none; a fifth if not given. The same images at every time.
        rare: Names or indices of the classes that are to count as rare; if None, those that do by
            their size, see `imbalance.rare_classes`.
        complete: Whether it is an error if there are too few classes, or no image of some class to
            train or to test with; otherwise one can look at what there is.

    Returns:
        The data set, unreduced, streaming.

    Raises:
        InputError: If it cannot be found or read, if it has fewer than 2 classes or more than
            1,000, sides under 8 or above 256, no image of some class to train or to test with, if
            `test_split` is given for data that have a test split, or if there is no such `aspect`.

    Example:
        >>> mnist = load("mnist")
        >>> mnist.class_counts[5], mnist.reduce({"5": 54}).class_counts[5]
        (5421, 54)
    """
    if aspect not in pictures.ASPECTS:
        raise InputError(f"`aspect` must be pad or crop. Received: aspect={aspect!r}")
    path = Path(name)
    kind = _kind(name)
    try:
        if kind == "folder":
            dataset = folders.read(path, image_size, aspect)
        elif kind == "arrays":
            dataset = npz.read(path) if path.is_file() else idx.read(path)
        else:
            dataset = catalog.read(str(name), any_size=image_size is not None)
            if path.is_dir():
                note = Note(f"the data set {name} is read, not the folder of that name: ./{name}")
                dataset = dataclasses.replace(dataset, notes=(*dataset.notes, note))
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}") from error
    if image_size is not None:
        dataset = _resized(dataset, (*image_size, dataset.image_shape[2]), aspect)
    _check_shape(dataset)
    published = kind == "catalog" and dataset.test is not None
    if dataset.test is None:
        dataset = dataset.split_test(TEST_SHARE if test_split is None else test_split)
    elif test_split is not None:
        raise InputError("the data have a test split, so none can be split off")
    # Folders were looked through file by file.
    if kind != "folder" and not published:
        dataset = copies.noted(dataset)
    if complete:
        check_classes(dataset)
    return dataset.naming_rare(rare) if rare else dataset


def is_path(name: str | Path) -> bool:
    """Whether a data set is read from files of the user's own.

    Args:
        name: What `load` takes.

    Raises:
        InputError: If there is neither a file nor a data set of that name.
    """
    return _kind(name) != "catalog"


def _kind(name: str | Path) -> str:
    path, text = Path(name), str(name)
    # Only a string without a slash at its end can be the name of a data set, which may have one
    # inside, as emnist/letters.
    nameable = isinstance(name, str) and not text.endswith((os.sep, ".npz"))
    if nameable and (catalog.knows(text) or not (os.sep in text or path.exists())):
        return "catalog"
    if not path.exists():
        raise InputError(f"there is no file or folder {path}")
    if path.is_dir():
        return "arrays" if idx.is_folder(path) else "folder"
    if path.suffix == ".npz":
        return "arrays"
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
        held=None,
        test=dataset.test and streams.decoded(dataset.test, fit),
    )


def _check_shape(dataset: ImageDataset) -> None:
    height, width, _ = dataset.image_shape
    if min(height, width) < SMALLEST_SIDE or max(height, width) > LARGEST_SIDE:
        raise InputError(
            f"images are {width}x{height}; sides must be from {SMALLEST_SIDE} to {LARGEST_SIDE}, "
            "or give an image size"
        )


def check_classes(dataset: ImageDataset) -> None:
    """Refuses data that no classifier can be trained on and tested with.

    Args:
        dataset: With both splits.

    Raises:
        InputError: If there are too few or too many classes, or no image of one to train or to test
            with.
    """
    # A published data set may have names that no image has.
    every = zip(dataset.class_names, dataset.class_counts, dataset.test_counts, strict=True)
    used = [(name, train, test) for name, train, test in every if train or test]
    found = "".join(f"; {note.text}" for note in dataset.notes if note.items)
    if not FEWEST_CLASSES <= len(used) <= MOST_CLASSES:
        shown = ", ".join(name for name, _, _ in used[:3])
        raise InputError(
            f"{dataset.name} has {len(used)} class{'es' * (len(used) != 1)} ({shown}); accepted "
            f"are {FEWEST_CLASSES} to {MOST_CLASSES:,}{found}"
        )
    for what, position in (("training", 1), ("test", 2)):
        lacking = [each[0] for each in used if each[position] == 0]
        if lacking:
            raise InputError(
                f"there is no {what} image of class {', '.join(lacking[:5])}; every class needs "
                f"one to train with and another to test with{found}"
            )
