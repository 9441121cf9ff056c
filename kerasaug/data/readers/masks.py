"""Masks of a segmentation that stand among the images of a class, by their names."""

import collections
import os
import re
from collections.abc import Iterable, Sequence

import numpy as np

from kerasaug.data.dataset import Note
from kerasaug.data.readers import image_files

WORDS = r"(masks?|seg|segmentations?|gt|ground[ _-]?truth|annotations?)"
FOLDER = re.compile(rf"{WORDS}|labels?", re.IGNORECASE)
"""Names of folders that hold masks, if a folder of `IMAGE_FOLDER` or images are beside them."""
IMAGE_FOLDER = re.compile(r"images?|imgs?|photos?|pictures?|originals?", re.IGNORECASE)
NAMES = (
    re.compile(rf"(?P<image>.+?)[ _.-]+{WORDS}([ _.-]?\d+)?", re.IGNORECASE),
    re.compile(rf"{WORDS}[ _.-]+(?P<image>.+)", re.IGNORECASE),
)
"""Names of masks without their endings, if `image` is the name of another file."""
SAMPLE, FLAT_SHARE, MASK_SHARE = 32, 0.8, 0.9
"""Files of one ending are masks if two colours cover 0.8 of the pixels in 0.9 of so many."""


def is_folder(name: str, beside: Iterable[str]) -> bool:
    """Whether a folder of that name holds masks of what is in the folders beside it."""
    is_mask = FOLDER.fullmatch(name) is not None
    return is_mask and any(IMAGE_FOLDER.fullmatch(other) for other in beside)


def find(paths: Sequence[str]) -> tuple[set[str], set[str]]:
    """Finds masks among files.

    `x_mask.png` is one beside `x.png`. Of `x.jpg` and `x.png`, the content of many such pairs tells
    which ending is that of masks.

    Args:
        paths: Of files that may be images.

    Returns:
        The masks; and files of one name but for their endings of which that is not clear.
    """
    by_name: dict[str, list[str]] = collections.defaultdict(list)
    for path in paths:
        by_name[os.path.splitext(path)[0]].append(path)
    found: set[str] = set()
    for name, files in by_name.items():
        folder, last = os.path.split(name)
        matches = (expression.fullmatch(last) for expression in NAMES)
        if any(match and os.path.join(folder, match["image"]) in by_name for match in matches):
            found.update(files)
    pairs = [files for files in by_name.values() if len(files) > 1 and found.isdisjoint(files)]
    flat, other = _by_content(pairs)
    unclear: set[str] = set()
    for files in pairs:
        # Endings of neither kind are those of texts, such as x.xml beside x.jpg.
        pictures = [path for path in files if _ending(path) in other]
        masks = [path for path in files if _ending(path) in flat]
        if len(pictures) == 1:
            found.update(masks)
        elif len(pictures) + len(masks) > 1:
            unclear.update(pictures + masks)
    return found, unclear


def notes(folders: Sequence[str], found: Sequence[str], unclear: Sequence[str]) -> list[Note]:
    """Says what was left out, and what may have to be.

    Args:
        folders: Names of folders of masks.
        found: Names of masks among images.
        unclear: Names of files that may be masks.
    """
    told = []
    if folders:
        told.append(Note("folders of masks beside images are left out", tuple(folders)))
    if found:
        text = "masks beside images are left out; `pattern` chooses otherwise"
        told.append(Note(f"{len(found)} {text}", tuple(found)))
    if unclear:
        text = "files have the name of another but for the ending, and are read; `pattern` chooses"
        told.append(Note(f"{len(unclear)} {text}", tuple(unclear)))
    return told


def _by_content(pairs: Sequence[Sequence[str]]) -> tuple[set[str], set[str]]:
    """The endings of masks and those of other images, among files of one name."""
    by_ending: dict[str, list[str]] = collections.defaultdict(list)
    for path in (path for files in pairs for path in files):
        by_ending[_ending(path)].append(path)
    flat: set[str] = set()
    other: set[str] = set()
    for ending, paths in by_ending.items():
        sample = paths[:: -(-len(paths) // SAMPLE)]
        looks = [look for path in sample if (look := _is_flat(path)) is not None]
        if looks:
            (flat if np.mean(looks) >= MASK_SHARE else other).add(ending)
    return flat, other


def _is_flat(path: str) -> bool | None:
    """Whether two colours cover most of an image; None of a file without one."""
    try:
        pixels = image_files.read(path).pixels
    except image_files.UnreadableImage:
        return None
    colours = pixels.reshape(-1, pixels.shape[2])
    _, counts = np.unique(colours, axis=0, return_counts=True)
    return bool(np.sort(counts)[-2:].sum() >= FLAT_SHARE * len(colours))


def _ending(path: str) -> str:
    return os.path.splitext(path)[1]
