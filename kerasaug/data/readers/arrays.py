"""Data sets from arrays of images."""

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasaug.data.dataset import NO_LABELS, ImageDataset
from kerasaug.data.memory import InMemory
from kerasaug.data.readers.class_names import without_unused
from kerasaug.errors import InputError
from kerasaug.limits import MOST_CLASSES
from kerasaug.wording import whole

TEST_SHARE = 0.2
CONTAINER_MEMORY = Path("/sys/fs/cgroup/memory.max")
MEMORY_SHARE = 0.5
"""Of the machine's memory, that the content of one file may take."""


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
        test_images: uint8 array (m, height, width, channels). If None, a fifth of the images of
            every class become the test split.
        test_labels: int array (m,).
        class_names: One name per class; the numbers if None. Classes without images are left out;
            the labels of the data set count the others.
        name: What the data set is called.

    Raises:
        InputError: If images are not uint8 of rank 4, labels do not fit them, test images or labels
            come alone, or a name occurs twice.

    Example:
        >>> images = np.zeros((20, 8, 8, 1), np.uint8)
        >>> from_arrays(images, np.arange(20) % 2, class_names=["ok", "bad"]).class_counts
        [8, 8]
    """
    if (test_images is None) != (test_labels is None):
        raise InputError("`test_images` and `test_labels` go together. Received: one of them")
    splits = {"train": (train_images, train_labels)}
    if test_images is not None:
        splits["test"] = (test_images, test_labels)
    dataset = without_unused(from_splits(splits, class_names, name))
    return dataset if dataset.test_records else dataset.split_test(TEST_SHARE)


def from_splits(
    splits: dict[str, tuple[np.ndarray, np.ndarray]], class_names: Sequence[str] | None, name: str
) -> ImageDataset:
    """Makes a data set like `from_arrays`, but without `test` where there is no such split.

    Args:
        splits: Images and labels of `"train"` and perhaps `"test"`.
        class_names: One name per class; the numbers if None.
        name: What the data set is called.

    Raises:
        InputError: See `from_arrays`.
    """
    train_images, train_labels = splits["train"]
    for split, (images, labels) in splits.items():
        fits = len(images.shape) == 4 and images.shape[1:] == train_images.shape[1:]
        if images.dtype != np.uint8 or not fits:
            raise InputError(
                f"`{split}_images` must be uint8 (n, height, width, channels) like the other "
                f"split. Received: {images.dtype} {images.shape}"
            )
        if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
            raise InputError(
                f"`{split}_labels` must be integers ({images.shape[0]},). "
                f"Received: {labels.dtype} {labels.shape}"
            )
    if train_images.shape[0] == 0:
        raise InputError("`train_images` must hold at least one image. Received: none")
    lowest = min(int(labels.min(initial=0)) for _, labels in splits.values())
    highest = max(int(labels.max(initial=0)) for _, labels in splits.values())
    if class_names is None and highest >= MOST_CLASSES:
        raise InputError(f"labels must be below {MOST_CLASSES:,}. Received: up to {highest}")
    names = range(highest + 1) if class_names is None else class_names
    names = tuple(whole(str(name)) for name in names)
    if len(set(names)) < len(names):
        raise InputError("`class_names` must not hold a name twice")
    if lowest < 0 or highest >= len(names):
        raise InputError(
            f"labels must be in [0, {len(names)}). Received: from {lowest} to {highest}"
        )
    digest = hashlib.sha256(str(train_images.shape).encode())
    digest.update(np.ascontiguousarray(train_images))
    digest.update(np.ascontiguousarray(train_labels.astype(np.int32)))
    in_memory, train_labels = InMemory.of(train_images), train_labels.astype(np.int32)
    test, labels = None, NO_LABELS
    if "test" in splits:
        images, labels = splits["test"][0], splits["test"][1].astype(np.int32)
        digest.update(np.ascontiguousarray(images))
        digest.update(np.ascontiguousarray(labels))
        test = InMemory.of(images).stream(labels)
    return ImageDataset(
        name=name,
        content=digest.hexdigest(),
        records=in_memory.stream(train_labels),
        test_records=test,
        class_names=names,
        image_shape=train_images.shape[1:],
        train_labels=train_labels,
        indices=np.arange(len(train_labels)),
        test_labels=labels,
        in_memory=in_memory,
    )


def check_memory(path: Path, size: int) -> None:
    """Refuses a file before memory is taken for its content of `size` bytes.

    Raises:
        InputError: If that is more than half of this machine's memory.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    # A container may have less.
    with contextlib.suppress(OSError, ValueError):
        memory = min(memory, int(CONTAINER_MEMORY.read_text()))
    if size > memory * MEMORY_SHARE:
        raise InputError(
            f"{path} would take {size // 2**30:,} GiB of memory; it must take at most half of this "
            f"machine's {memory // 2**30:,} GiB; a folder of images is read as it is needed"
        )


def names_and_indices(labels: Sequence[np.ndarray]) -> tuple[list[str], list[np.ndarray]]:
    """Makes class names of the distinct labels of all splits, arrays (n,) of one type.

    Returns:
        The names, sorted, and the labels as int arrays (n,) of their indices.
    """
    classes, indices = np.unique(np.concatenate(labels), return_inverse=True)
    ends = np.cumsum([len(part) for part in labels])
    return list(map(str, classes)), np.split(indices, ends[:-1])
