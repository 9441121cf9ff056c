"""Which training images to keep when a class is made rare."""

import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from kerasaug.errors import InputError

RARE_SHARE = 0.1


def class_index(name: int | str, class_names: Sequence[str]) -> int:
    """Finds the index of a class by its name or, failing that, by the index as digits.

    An int is always an index.

    Raises:
        InputError: If there is no such class; or if digits are no name but others are, as of 1
            where classes are called 001 and 002.
    """
    # An accent may be a character of its own.
    names = [unicodedata.normalize("NFC", other) for other in class_names]
    if isinstance(name, str) and (same := unicodedata.normalize("NFC", name)) in names:
        return names.index(same)
    shown = ", ".join(class_names[:12]) + (", ..." if len(class_names) > 12 else "")
    if isinstance(name, str) and any(other.isdecimal() for other in class_names):
        raise InputError(f"there is no class {name!r}; it must be one of {shown}")
    if str(name).isdecimal() and int(name) < len(class_names):
        return int(name)
    raise InputError(
        f"there is no class {name!r}; it must be an index from 0 to {len(class_names) - 1}, or one "
        f"of {shown}"
    )


def kept_count(amount: int | float, available: int) -> int:
    """Turns an amount to keep into a number of images.

    Args:
        amount: A count (int, at least 1) or a fraction (float in (0, 1]), which is rounded and
            gives at least 1.
        available: How many images the class has.

    Raises:
        InputError: If the amount is out of range or more than there is.
    """
    if isinstance(amount, float):
        if not 0.0 < amount <= 1.0:
            raise InputError(
                f"a share to keep must be above 0% and at most 100%, not {100 * amount:g}%"
            )
        return max(1, round(amount * available))
    if not 1 <= amount <= available:
        raise InputError(
            f"a count to keep must be from 1 to {available} (all of them), not {amount}"
        )
    return amount


def keep_indices(labels: np.ndarray, keep: Mapping[int, int | float], seed: int) -> np.ndarray:
    """Chooses the images that stay when some classes are cut down.

    Args:
        labels: int array (n,), the class of every image.
        keep: Class index to an amount, see `kept_count`. Other classes stay whole.
        seed: The choice depends on it and the class alone, whatever happens to other classes.

    Returns:
        int64 array of the positions to keep, ascending.

    Raises:
        InputError: If an amount is out of range.
    """
    stays: np.ndarray = np.ones(len(labels), dtype=bool)
    for class_id, amount in keep.items():
        positions = np.flatnonzero(labels == class_id)
        count = kept_count(amount, len(positions))
        stays[positions] = False
        generator = np.random.default_rng([seed, class_id])
        stays[generator.choice(positions, count, replace=False)] = True
    return np.flatnonzero(stays)


def long_tail(class_counts: Sequence[int], ratio: float) -> dict[int, int]:
    """How many images stay of every class so that sizes fall exponentially from first to last.

    Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples" (arXiv 1901.05555):
    of class i of K, its size times ratio^(-i / (K - 1)).

    Args:
        class_counts: Images per class, in index order.
        ratio: Of the first class to the last, if both had the same size before; at least 1.

    Returns:
        Class index to a count, at least 1; classes without images are left out.

    Raises:
        InputError: If the ratio is below 1 or infinite.
    """
    if not 1.0 <= ratio < np.inf:
        raise InputError(f"a long tail's ratio must be at least 1, not {ratio:g}")
    last = max(1, len(class_counts) - 1)
    return {
        class_id: max(1, round(count * ratio ** (-class_id / last)))
        for class_id, count in enumerate(class_counts)
        if count > 0
    }


def rare_classes(class_counts: Sequence[int]) -> list[int]:
    """The classes with less than a tenth (`RARE_SHARE`) of the largest class's images.

    Args:
        class_counts: Images per class, in index order. Classes without images are ignored.

    Returns:
        Their indices, ascending; that of the smallest class if none is so small.
    """
    counts = np.asarray(class_counts)
    rare = np.flatnonzero((counts > 0) & (counts < RARE_SHARE * counts.max()))
    smallest = np.where(counts > 0, counts, np.inf).argmin()
    return [int(class_id) for class_id in rare] or [int(smallest)]
