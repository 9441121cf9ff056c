"""Which training images to keep when a class is made rare."""

from collections.abc import Mapping, Sequence

import numpy as np

from kerasaug.errors import InputError

RARE_SHARE = 0.1


def class_index(name: int | str, class_names: Sequence[str]) -> int:
    """Finds a class by its name or, failing that, by its index.

    Args:
        name: A class name, or an index in [0, len(class_names)) as int or digits.
        class_names: The names, in index order.

    Returns:
        The index of the class.

    Raises:
        InputError: If there is no such class.
    """
    if isinstance(name, str) and name in class_names:
        return list(class_names).index(name)
    if str(name).isdecimal() and int(name) < len(class_names):
        return int(name)
    shown = ", ".join(class_names[:12]) + (", ..." if len(class_names) > 12 else "")
    raise InputError(
        f"there is no class {name!r}; accepted: 0 to {len(class_names) - 1}, or a name of {shown}"
    )


def kept_count(amount: int | float, available: int) -> int:
    """Turns an amount to keep into a number of images.

    Args:
        amount: A count (int, at least 1) or a fraction (float in (0, 1]).
        available: How many images the class has.

    Returns:
        The number of images to keep: fractions are rounded, and give at least 1.

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
        keep: Class index to what is kept of it: a count (int) or a fraction (float). Classes
            that are not named stay whole.
        seed: The choice is a function of the seed and the class alone, so cutting another class
            as well leaves this one's choice as it was.

    Returns:
        int64 array of the positions to keep, ascending.

    Raises:
        InputError: If an amount is out of range.
    """
    kept: np.ndarray = np.ones(len(labels), dtype=bool)
    for class_id, amount in keep.items():
        positions = np.flatnonzero(labels == class_id)
        count = kept_count(amount, len(positions))
        kept[positions] = False
        chosen = np.random.default_rng([seed, class_id]).choice(positions, count, replace=False)
        kept[chosen] = True
    return np.flatnonzero(kept)


def long_tail(class_counts: Sequence[int], ratio: float) -> dict[int, int]:
    """What is kept of every class, so that sizes fall exponentially from the first to the last.

    Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples" (arXiv 1901.05555):
    of class i of K, its size times ratio^(-i / (K - 1)).

    Args:
        class_counts: Images per class, in index order; a class without any is left out.
        ratio: How many times more is kept of the first class than of the last, if they had the
            same size; at least 1.

    Returns:
        Class index to a count, at least 1.

    Raises:
        InputError: If the ratio is below 1.
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
    """Names the classes that have too few images.

    A class is rare when it has less than a tenth (`RARE_SHARE`) of the images of the largest class.
    Where no class is that small, the smallest one counts as rare. A class without any images is
    none at all.

    Args:
        class_counts: Images per class, in index order.

    Returns:
        Indices of the rare classes, ascending; at least one.
    """
    counts = np.asarray(class_counts)
    rare = np.flatnonzero((counts > 0) & (counts < RARE_SHARE * counts.max()))
    smallest = np.where(counts > 0, counts, counts.max()).argmin()
    return [int(class_id) for class_id in rare] or [int(smallest)]
