"""Which files show the same thing, by what their names share."""

import collections
import os
import re
from collections.abc import Sequence

import numpy as np

from kerasaug.data.dataset import Note
from kerasaug.errors import InputError


def find(names: Sequence[str], pattern: str | None) -> tuple[np.ndarray | None, list[Note]]:
    """Finds the group of every file.

    Args:
        names: Of the files.
        pattern: A regular expression; see `folders.read`. None if no file is in a group.

    Returns:
        A number for every file, equal within a group, int64 (n,); None without a pattern. And what
        a user should know of the groups.

    Raises:
        InputError: If the pattern is no such expression, or matches no file.
    """
    if pattern is None:
        return None, []
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InputError(f"`group` {pattern}: is not a regular expression: {error}") from error
    if expression.groups == 0:
        raise InputError(f"`group` {pattern}: must have parentheses around what a group shares")
    matches = [expression.search(name.replace(os.sep, "/")) for name in names]
    if not any(matches):
        raise InputError(f"`group` {pattern}: matches no file, such as {min(names)}")
    keys = [match[1] if match else None for match in matches]
    groups, notes = numbered(keys)
    if others := tuple(name for name, key in zip(names, keys, strict=True) if key is None):
        notes.append(Note(f"{len(others)} files do not match the group's expression", others))
    return groups, notes


def numbered(keys: Sequence[str | None]) -> tuple[np.ndarray, list[Note]]:
    """Numbers the groups of files.

    Args:
        keys: By file, its group; None if it is one of its own.

    Returns:
        As `find`.

    Raises:
        InputError: If all are in one group.
    """
    numbers: dict[str, int] = {}
    groups = [
        len(keys) + position if key is None else numbers.setdefault(key, len(numbers))
        for position, key in enumerate(keys)
    ]
    sizes = collections.Counter(groups)
    if len(sizes) == 1 < len(keys):
        raise InputError("`group`: all files are in one group, so they cannot be divided")
    notes = [Note(f"{len(sizes)} groups, the largest of {max(sizes.values())} images")]
    return np.array(groups, np.int64), notes


def notes_of_shared(train: np.ndarray, test: np.ndarray) -> list[Note]:
    """Says how many groups, by their numbers, are in both splits."""
    shared = len(np.intersect1d(train, test))
    text = "in both splits, which flatters the scores"
    return [Note(f"{shared} group{'s' * (shared > 1)} {text}")] if shared else []
