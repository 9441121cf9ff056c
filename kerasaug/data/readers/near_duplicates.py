"""Near-duplicates of the images of rare classes: a smaller copy, another exposure, the next frame.

When two photographs of one thing stand on both sides of a split, the scores are flattered. Images
are compared by the correlation of small grey pictures of them, which neither brightness nor
contrast nor compression changes much; a shift by a thirtieth of the side often hides one. Different
things may look alike too, such as two T-shirts or all parts under one camera; so two images count
only if they are also much more alike than others, as in the ratio test of Lowe 2004, "Distinctive
Image Features from Scale-Invariant Keypoints".
"""

import hashlib
import inspect
import sys

import numpy as np
from PIL import Image

from kerasaug.data.dataset import ImageDataset, Note
from kerasaug.files import remembered

SIDE = 16
"""Of the small pictures."""
LEAST_CORRELATION = 0.96
OTHERS = 50
"""So many images may show one thing; in small data sets a fifth of all."""
MOST_DISTANCE = 0.3
"""1 - correlation of a pair, over 1 - correlation with the nearest image but `OTHERS`."""
LEAST_CONTRAST = 2.0
"""Standard deviation of a small picture's grey levels; below it, what is left is noise."""
ROWS = 256


def notes_of_pairs(dataset: ImageDataset) -> list[Note]:
    """Reports near-duplicates in the training split, in one note; none if there are none.

    With `groups`, which say what shows one thing, none are looked for. Without `thumbnails`, the
    split is read once; of every image, a picture of 16x16 stays in memory.

    Args:
        dataset: With the rare classes of which duplicates matter.

    Returns:
        The note; its items are pairs of names, the most alike first.
    """
    if dataset.groups is not None:
        return []
    is_rare = np.isin(dataset.train_labels, dataset.rare_classes)
    thumbnails = _thumbnails(dataset)
    digests = [hashlib.sha256(array.tobytes()).hexdigest() for array in (thumbnails, is_rare)]
    code = inspect.getsource(sys.modules[__name__])
    twins = remembered([code, *digests], lambda: pairs(thumbnails, is_rare))
    if not twins:
        return []
    count = int(is_rare[np.unique(twins)].sum())
    text = (
        f"{count} image{'s' * (count > 1)} of rare classes almost like another (a smaller copy, "
        "another exposure, the next frame); if they show one and the same thing, keep them "
        "together with `group`"
    )

    def name(position):
        number, label = dataset.indices[position], dataset.train_labels[position]
        numbered = f"image {number} ({dataset.class_names[label]})"
        return dataset.names[number] if dataset.names else numbered

    return [Note(text, tuple(f"{name(one)} ~ {name(other)}" for one, other in twins))]


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Shrinks an image, uint8 (height, width, channels), to a grey one of 16x16, by area."""
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    small = picture.resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small.convert("L"))


def _thumbnails(dataset: ImageDataset) -> np.ndarray:
    if dataset.thumbnails is not None:
        return dataset.thumbnails[dataset.indices]
    # From memory, a stream would hand the images over one by one.
    if dataset.in_memory is not None:
        return np.stack([thumbnail(image) for image in dataset.in_memory.read()])
    return np.stack([thumbnail(image) for image, _ in dataset.train.as_numpy_iterator()])


def _normalised(thumbnails: np.ndarray) -> np.ndarray:
    """Vectors (n, 256) of mean 0 and length 1; of flat images, all 0."""
    small: np.ndarray = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    small -= small.mean(axis=1, keepdims=True)
    contrast = small.std(axis=1, keepdims=True)
    return np.where(contrast < LEAST_CONTRAST, 0.0, small / np.maximum(contrast * SIDE, 1e-6))


def pairs(thumbnails: np.ndarray, is_rare: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of images that look almost alike, of which one at least is of a rare class.

    Args:
        thumbnails: What `thumbnail` made of each, uint8 (n, 16, 16).
        is_rare: bool array (n,).

    Returns:
        Positions of both images, the smaller one first; the most alike pairs first.
    """
    small = _normalised(thumbnails)
    rare = np.flatnonzero(is_rare)
    others = min(OTHERS, len(small) // 5)
    correlations: dict[tuple[int, int], float] = {}
    for start in range(0, len(rare), ROWS):
        positions = rare[start : start + ROWS]
        alike = small[positions] @ small.T
        alike[np.arange(len(positions)), positions] = -1.0
        background = -np.partition(-alike, others, axis=1)[:, others, None]
        least = np.maximum(LEAST_CORRELATION, 1.0 - MOST_DISTANCE * (1.0 - background))
        for row, other in zip(*np.nonzero(alike >= least), strict=True):
            both = int(positions[row]), int(other)
            correlations[min(both), max(both)] = float(alike[row, other])
    return sorted(correlations, key=lambda pair: (-correlations[pair], pair))
