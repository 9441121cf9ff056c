"""`load`: from a path or a name to an `ImageDataset`."""

import dataclasses
import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kerasaug.data.dataset import ImageDataset, Note
from kerasaug.data.readers import duplicates, folders, idx, image_files, npz, tfds, written
from kerasaug.data.readers.arrays import TEST_SHARE
from kerasaug.data.readers.class_names import without_unused
from kerasaug.data.readers.tree import TABLES
from kerasaug.errors import InputError
from kerasaug.limits import COLUMNS, LARGEST_SIDE, MOST_CLASSES, SMALLEST_SIDE
from kerasaug.wording import readable

FEWEST_CLASSES = 2


def load(
    name: str | Path,
    *,
    image_size: tuple[int, int] | None = None,
    aspect: str = "pad",
    test_split: float | None = None,
    rare: Sequence[int | str] | None = None,
    group: str | None = None,
    pattern: str | None = None,
    labels: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    complete: bool = True,
) -> ImageDataset:
    """Loads labelled images.

    Args:
        name: A folder of class folders (`folders.read`), a file `.npz` (`npz.read`), a folder of
            IDX files (`idx.read`); where there is none of that name, or an empty one, or one that
            this package wrote its results into, a data set of tensorflow-datasets (`tfds.read`).
        image_size: `(height, width)` of the result. None leaves images as they are; for folders of
            mixed sizes see `folders.read`.
        aspect: How resized images keep their proportions, `"pad"` or `"crop"`; see
            `image_files.fit`.
        test_split: Share of every class, in (0, 1), that becomes the test split of data without
            one; a fifth if None. It is the same images every time.
        rare: Names or indices of the rare classes; None decides by their size, see
            `imbalance.rare_classes`.
        group: Which files of a folder show the same thing, and are never split; see `folders.read`.
        pattern: Which files of a folder are read; see `folders.scan`.
        labels: A table in CSV that names the class of every file in the folder, in the place of
            class folders; see `table.read`.
        columns: What the columns of that table are called, such as `{"label": "dx"}`, where they
            are not found by themselves; see `table.read`.
        complete: Whether too few classes, or a class without training or test images, is an error.

    Raises:
        InputError: If it cannot be found or read, its sides are under 8 or above 256, `test_split`
            is set for data that have a test split, or `aspect` or `rare` is unknown; and see
            `check_classes`.

    Example:
        >>> mnist = load("mnist")
        >>> mnist.class_counts[5], mnist.reduce({"5": 54}).class_counts[5]
        (5421, 54)
    """
    if aspect not in image_files.ASPECTS:
        raise InputError(f"`aspect` must be pad or crop. Received: aspect={aspect!r}")
    if image_size is not None and np.shape(image_size) != (2,):
        raise InputError(
            f"`image_size` must be (height, width). Received: image_size={image_size!r}"
        )
    if columns and labels is None:
        raise InputError(f"`columns` {readable(dict(columns))}: goes with `labels`")
    if pattern is not None and labels is not None:
        raise InputError(f"`pattern` {pattern}: does not go together with `labels`")
    if wrong := [kind for kind in columns or () if kind not in COLUMNS]:
        raise InputError(f"`columns` must be of {', '.join(COLUMNS)}. Received: {wrong[0]}")
    path, kind = absolute(name), _kind(name)
    for option, value in (("group", group), ("pattern", pattern), ("labels", labels)):
        if value is not None and kind != "folder":
            raise InputError(f"`{option}` {value}: goes with a folder of images, which have paths")
    try:
        if kind == "folder":
            listed = None if labels is None else absolute(labels)
            dataset = folders.read(path, image_size, aspect, group, pattern, listed, columns)
        elif kind == "arrays":
            dataset = npz.read(path) if path.is_file() else idx.read(path)
        else:
            dataset = tfds.read(str(name), any_size=image_size is not None)
    except OSError as error:
        raise InputError(
            f"{error.filename or name} cannot be read: {error.strerror or error}"
        ) from error
    if image_size is not None:
        dataset = _resize(dataset, (*image_size, dataset.image_shape[2]), aspect)
    height, width, _ = dataset.image_shape
    if min(height, width) < SMALLEST_SIDE or max(height, width) > LARGEST_SIDE:
        raise InputError(
            f"images are {width}x{height}; sides must be from {SMALLEST_SIDE} to {LARGEST_SIDE}, "
            "or set `image_size`"
        )
    published_split = kind == "tfds" and dataset.test_records is not None
    if dataset.test_records is None:
        if len(dataset.train_labels) < 2:
            raise InputError("the data hold one image alone")
        dataset = dataset.split_test(TEST_SHARE if test_split is None else test_split)
    elif test_split is not None:
        raise InputError("the data have a test split, so none can be split off")
    dataset = without_unused(dataset)
    if kind != "tfds" and isinstance(name, str) and tfds.is_known(name):
        note = Note(f"the folder {name} is read, and not the data set of that name")
        dataset = dataclasses.replace(dataset, notes=(*dataset.notes, note))
    # `folders.read` has compared its files already.
    if kind != "folder" and not published_split:
        dataset = duplicates.with_notes(dataset)
    if complete:
        check_classes(dataset)
    return dataset.naming_rare(rare) if rare else dataset


def is_path(name: str | Path) -> bool:
    """Whether `load` reads a file or folder of that name, and no data set.

    Raises:
        InputError: If there is neither a file nor a data set of that name.
    """
    return _kind(name) != "tfds"


def absolute(name: str | Path) -> Path:
    """The path that `load` reads: whole, with the user's home in the place of `~`."""
    return Path(os.path.expanduser(name)).resolve()


def _kind(name: str | Path) -> str:
    path, text = absolute(name), str(name)
    if not text:
        raise InputError("the name of a data set must not be empty")
    # The name of a data set does not end with a slash, but it may hold one, as in emnist/letters.
    may_be_name = isinstance(name, str) and not text.endswith((os.sep, ".npz"))
    if path.is_dir() and not (may_be_name and os.sep not in text and _is_output(path)):
        return "arrays" if idx.is_folder(path) else "folder"
    if path.is_file():
        if path.suffix.lower() == ".npz":
            return "arrays"
        table = "; a table goes with its folder of images, as `labels`"
        is_table = path.suffix.lower() in TABLES
        raise InputError(f"{path} is neither a folder nor a file .npz{table * is_table}")
    if may_be_name and (os.sep not in text or tfds.is_known(text)):
        return "tfds"
    raise InputError(f"there is no file or folder {path}")


def _is_output(folder: Path) -> bool:
    """Whether this package wrote it, or will, as of a study of MNIST with `mnist` as its output."""
    names = [name for name in os.listdir(folder) if not name.startswith(".")]
    return not names or written.is_run(folder, names)


def _resize(dataset: ImageDataset, shape: tuple[int, int, int], aspect: str) -> ImageDataset:
    if shape == dataset.image_shape:
        return dataset
    fit = functools.partial(image_files.fit_tensor, shape=shape, aspect=aspect)
    return dataclasses.replace(
        dataset,
        content=f"{dataset.content} {shape} {aspect}",
        image_shape=shape,
        decode=lambda record: fit(dataset.decode(record) if dataset.decode else record),
        in_memory=None,
    )


def check_classes(dataset: ImageDataset) -> None:
    """Refuses a data set, of both splits, that no classifier can be trained and tested on.

    Raises:
        InputError: If there are fewer than 2 or more than 1,000 classes, or a class has no image in
            one of the splits.
    """
    used = list(zip(dataset.class_names, dataset.class_counts, dataset.test_counts, strict=True))
    problems = "".join(f"; {note.text}" for note in dataset.notes if note.items)
    if not FEWEST_CLASSES <= len(used) <= MOST_CLASSES:
        shown = ", ".join(name for name, _, _ in used[:3])
        raise InputError(
            f"{dataset.name} has {len(used)} class{'es' * (len(used) != 1)} ({shown}); there must "
            f"be {FEWEST_CLASSES} to {MOST_CLASSES:,}{problems}"
        )
    missing = {
        "training": [name for name, train, _ in used if not train],
        "test": [name for name, _, test in used if not test],
    }
    for split, names in missing.items():
        if names:
            raise InputError(
                f"there is no {split} image of class {', '.join(names[:5])}; every class must have "
                f"one to train with and another to test with, or put all into one split{problems}"
            )
