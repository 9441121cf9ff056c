"""Which images are put aside: a share of every class, or folds."""

import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from kerasaug.data import imbalance
from kerasaug.errors import InputError


def all_but(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Chooses the images that stay when a share of every class is put aside.

    Args:
        labels: int array (n,), the class of every image.
        share: Of the images of each class, in (0, 1); at least one of every class that has two is
            put aside, and at least one stays.
        seed: The choice is a function of this and of the class.

    Returns:
        bool array (n,).
    """
    keep = {
        class_id: max(1, min(count - 1, round((1.0 - share) * count)))
        for class_id, count in enumerate(np.bincount(labels).tolist())
        if count > 0
    }
    return np.isin(np.arange(len(labels)), imbalance.keep_indices(labels, keep, seed))


def numbers(
    labels: np.ndarray, count: int, seed: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Deals images into folds with the same share of every class, as far as groups allow.

    Args:
        labels: int array (n,), the class of every image.
        count: Number of folds, at least 2.
        seed: Of the partition.
        groups: int array (n,); images with the same number are in the same fold. None for no
            groups.

    Returns:
        int64 array (n,), the fold of every image, in [0, count).

    Raises:
        InputError: If there are more folds than groups, or than images of the largest class.
    """
    largest = int(np.bincount(labels).max())
    most, what = largest, "images of the largest class"
    if groups is not None and len(np.unique(groups)) < largest:
        most, what = len(np.unique(groups)), "groups"
    if not 2 <= count <= most:
        raise InputError(f"`folds` must be from 2 to {most}, the number of {what}, not {count}")
    splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
    fold_of: np.ndarray = np.zeros(len(labels), np.int64)
    with warnings.catch_warnings():
        # A class with fewer images than folds is missing in some, which is nothing to mend.
        warnings.filterwarnings("ignore", "The least populated class")
        splits = splitter(count, shuffle=True, random_state=seed).split(labels, labels, groups)
        for number, (_, tests) in enumerate(splits):
            fold_of[tests] = number
    return fold_of
