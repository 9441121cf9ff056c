"""The files of a folder, each read once to check it; what is found is kept for the next run."""

import functools
import inspect
import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL
from PIL import Image

from kerasaug.data.dataset import Note
from kerasaug.data.readers import duplicates, image_files, near_duplicates, pixel_ranges
from kerasaug.data.readers.duplicates import HashedImage
from kerasaug.data.readers.image_files import WHOLE
from kerasaug.data.readers.pixel_ranges import PixelRange
from kerasaug.files import remembered
from kerasaug.progress import Progress, bar_where_seen

READING = (
    *(duplicates, image_files, near_duplicates, pixel_ranges),
    sys.modules[__name__],
)
"""The modules whose code decides what is found in a file."""
LARGE = 20_000
"""Bytes of an average file from which on threads gain time; below, they wait for each other."""
MANY = 2000
"""Files from which on a bar shows how far their reading is."""


class File(NamedTuple):
    """An image file that can be used.

    Attributes:
        path: Of the file.
        image: Its path below the folder of the data set, class folder and pixels.
        shape: `(height, width, channels)`.
        mode: The file's own pixel format, as Pillow names it.
        animated: Whether it holds further images.
        extremes: Of deep pixels; see `image_files.Picture`.
        thumbnail: The bytes of `near_duplicates.thumbnail`.
    """

    path: str
    image: HashedImage
    shape: tuple[int, int, int]
    mode: str
    animated: bool
    extremes: np.ndarray | None
    thumbnail: bytes


class Unusable(NamedTuple):
    """A file that cannot be used.

    Attributes:
        name: Its path below the folder of the data set.
        reason: Why it cannot be used; None of a file that neither is nor promises an image.
    """

    name: str
    reason: str | None


def read_all(
    root: Path, paths: dict[str, list[tuple[str, str]]]
) -> tuple[dict[str, list[File | Unusable]], PixelRange, list[Note]]:
    """Reads all files of a folder.

    Args:
        root: The folder.
        paths: By split, pairs of a file and its class.

    Returns:
        By split, what was found in each file; what the deep pixels of all files fill; and what a
        user should know of those.
    """
    results = {split: _read_files(root, pairs) for split, pairs in paths.items()}
    notes: list[Note] = []
    filled = _read_deep_again(root, results, notes)
    return results, filled, notes


def _read_files(
    root: Path, pairs: list[tuple[str, str]], filled: PixelRange = WHOLE
) -> list[File | Unusable]:
    """Reads files, or what an earlier run read of them if none has changed since."""
    code = [inspect.getsource(module) for module in READING]
    stamps = [_stamp(path) for path, _ in pairs]
    facts = [code, PIL.__version__, root, filled, pairs, stamps]
    results = remembered(facts, lambda: _decode_files(root, pairs, filled))
    unread = [
        place
        for place, result in enumerate(results)
        if isinstance(result, Unusable) and result.reason
    ]
    # What could not be read then may be readable now.
    for place, result in zip(
        unread, _decode_files(root, [pairs[place] for place in unread], filled), strict=True
    ):
        results[place] = result
    return results


def _stamp(path: str) -> tuple[int, int, int] | None:
    """What changes where a file does."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _decode_files(
    root: Path, pairs: list[tuple[str, str]], filled: PixelRange
) -> list[File | Unusable]:
    with (
        bar_where_seen(None if len(pairs) > MANY else Progress(), lambda: len(pairs)) as progress,
        warnings.catch_warnings(),
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        progress.describe("reading the images")
        size = sum(stamp[0] for path, _ in pairs if (stamp := _stamp(path)))
        distribute = pool.map if size > LARGE * len(pairs) else map
        results = []
        for result in distribute(lambda pair: _read_file(root, pair[0], pair[1], filled), pairs):
            results.append(result)
            progress.advance(1)
    return results


def _read_deep_again(
    root: Path, results: dict[str, list[File | Unusable]], notes: list[Note]
) -> PixelRange:
    """Reads deep files by the range that all of them fill together, which this returns."""
    deep = [
        (split, place, file)
        for split, split_results in results.items()
        for place, file in enumerate(split_results)
        if isinstance(file, File) and file.extremes is not None
    ]
    deep = _of_one_kind(deep, results)
    filled, known = _range_of([file for _, _, file in deep])
    again = [found for found in deep if found[2].path in known]
    for split, place, file in deep:
        if file.path not in known:
            low, high = file.extremes
            reason = f"pixels from {low:g} to {high:g} are of no known range"
            results[split][place] = Unusable(file.image.name, reason)
    if again and filled != WHOLE:
        text = f"pixels of more than 8 bits, from {filled}, were brought to 0 to 255"
        notes.append(Note(f"{len(again)} file{'s' * (len(again) > 1)} with {text}"))
        pairs = [(file.path, file.image.label) for _, _, file in again]
        for (split, place, _), result in zip(again, _read_files(root, pairs, filled), strict=True):
            results[split][place] = result
    return filled


def _of_one_kind(
    deep: list[tuple[str, int, File]], results: dict[str, list[File | Unusable]]
) -> list[tuple[str, int, File]]:
    """Leaves out floats or whole numbers, whichever are fewer, if their ranges differ.

    In the range of whole numbers, floats from 0 to 1 would be black.
    """
    floats = [found for found in deep if found[2].extremes.dtype.kind == "f"]
    whole = [found for found in deep if found[2].extremes.dtype.kind != "f"]
    few, many = sorted((floats, whole), key=len)
    own, usual = (_range_of([file for _, _, file in found])[0] for found in (few, many))
    if not few or own == usual:
        return deep
    for split, place, file in few:
        reason = f"pixels from {own}, those of most others from {usual}"
        results[split][place] = Unusable(file.image.name, reason)
    return many


def _range_of(deep: list[File]) -> tuple[PixelRange, set[str]]:
    """What the pixels of deep files fill, and the paths of those that have a known range."""
    # Of extremes, resizing may have brought all out of the range.
    find = functools.partial(pixel_ranges.find, most_beyond=1.0)
    known = [file for file in deep if find([file.extremes])]
    filled = find([np.concatenate([file.extremes for file in known])]) if known else WHOLE
    return filled or WHOLE, {file.path for file in known if filled}


def _read_file(root: Path, path: str, class_name: str, filled: PixelRange) -> File | Unusable:
    """The file, or why it cannot be used."""
    # A name that is not UTF-8 can be read, but not shown.
    name = os.fsencode(os.path.relpath(path, root)).decode(errors="replace")
    if os.path.isdir(path):
        return Unusable(name, "a link to a folder that holds it")
    try:
        pixels, extremes, mode, animated = image_files.read(path, filled)
    except image_files.NotAnImage as error:
        promises = path.lower().endswith(image_files.SUFFIXES)
        return Unusable(name, str(error) if promises else None)
    except image_files.UnreadableImage as error:
        return Unusable(name, str(error))
    image = HashedImage(name, class_name, duplicates.digest(pixels))
    thumbnail = near_duplicates.thumbnail(pixels).tobytes()
    return File(path, image, pixels.shape, mode, animated, extremes, thumbnail)
