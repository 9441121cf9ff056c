"""Masks of a segmentation that stand among the images of a class, by their names."""

import collections
import os
import re
from collections.abc import Iterable, Sequence

import numpy as np

from kerasaug.data.dataset import Note
from kerasaug.data.readers import image_files

WORDS = r"(masks?|seg|segmentations?|gt|ground[ _-]?truth|annotations?|labels?|lesions?)"
FOLDER = re.compile(WORDS, re.IGNORECASE)
"""Names of folders that hold masks, if a folder of `IMAGE_FOLDER` or images are beside them."""
IMAGE_FOLDER = re.compile(r"images?|imgs?|photos?|pictures?|originals?", re.IGNORECASE)
NAMES = (
    re.compile(rf"(?P<image>.+?)[ _.-]+{WORDS}([ _.-]?\d+)?", re.IGNORECASE),
    re.compile(rf"{WORDS}[ _.-]+(?P<image>.+)", re.IGNORECASE),
)
"""Names of masks without their endings, if `image` is the name of another file."""
SAMPLE, FLAT_SHARE, MASK_SHARE = 32, 0.8, 0.9
MOST_LOOKED_AT = 2**16
"""Files of one ending are masks if two colours cover 0.8 of the pixels in 0.9 of so many."""


def is_folder(name: str, beside: Iterable[str]) -> bool:
    """Whether a folder of that name may hold masks of what is in the folders beside it."""
    is_mask = FOLDER.fullmatch(name) is not None
    return is_mask and any(IMAGE_FOLDER.fullmatch(other) for other in beside)


def is_folder_of_classes(name: str, inner: Iterable[str], beside: Iterable[str]) -> bool:
    """Whether a folder may hold masks by class, as `ground_truth/crack` beside `crack` does."""
    inner = set(inner)
    return FOLDER.fullmatch(name) is not None and inner != set() and inner <= set(beside)


def are_flat(paths: Sequence[str]) -> bool | None:
    """Whether files look like masks, by a sample of them; None if none of those is an image."""
    sample = paths[:: max(1, -(-len(paths) // SAMPLE))]
    looks = [look for path in sample if (look := _is_flat(path)) is not None]
    return bool(np.mean(looks) >= MASK_SHARE) if looks else None


def find(paths: Sequence[str]) -> tuple[set[str], set[str]]:
    """Finds masks among files.

    Their content tells whether `x_mask.png` beside `x.png` is one, and which of `x.jpg` and
    `x.png`.

    Args:
        paths: Of files that may be images.

    Returns:
        The masks; and files with such names that are read, since they do not look like masks.
    """
    by_name: dict[str, list[str]] = collections.defaultdict(list)
    for path in paths:
        by_name[os.path.splitext(path)[0]].append(path)
    named: list[str] = []
    for name, files in by_name.items():
        folder, last = os.path.split(name)
        matches = (expression.fullmatch(last) for expression in NAMES)
        if any(match and os.path.join(folder, match["image"]) in by_name for match in matches):
            named += files
    by_their_names, look_flat = set(named), are_flat(named)
    found = set(named if look_flat else ())
    unclear = set(named if look_flat is False else ())
    pairs = [
        files for files in by_name.values() if len(files) > 1 and by_their_names.isdisjoint(files)
    ]
    flat, other = _by_content(pairs)
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
        text = "files are called like masks or copies of others, and are read; `pattern` chooses"
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
        if (looks_flat := are_flat(paths)) is not None:
            (flat if looks_flat else other).add(ending)
    return flat, other


def _is_flat(path: str) -> bool | None:
    """Whether two colours cover most of an image; None of a file without one."""
    try:
        pixels = image_files.read(path).pixels
    except image_files.UnreadableImage:
        return None
    step = max(1, round((pixels.size / MOST_LOOKED_AT) ** 0.5))
    colours = pixels[::step, ::step].reshape(-1, pixels.shape[2])
    _, counts = np.unique(colours, axis=0, return_counts=True)
    return bool(np.sort(counts)[-2:].sum() >= FLAT_SHARE * len(colours))


def _ending(path: str) -> str:
    return os.path.splitext(path)[1]
