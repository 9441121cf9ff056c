"""Images that stand in a data set more than once, told by their pixels."""

import collections
import dataclasses
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasaug.data.dataset import ImageDataset, Note

LOOKED_AT = 256


class Seen(NamedTuple):
    """An image that was looked at.

    Attributes:
        name: What a person knows it by.
        label: Its class.
        digest: Equal for equal pixels.
    """

    name: str
    label: str
    digest: bytes


def digest(pixels: np.ndarray) -> bytes:
    """A short hash of an image.

    Args:
        pixels: uint8 array (height, width, channels).
    """
    shaped = repr(pixels.shape).encode() + pixels.tobytes()
    return hashlib.blake2b(shaped, digest_size=16).digest()


def look(stream: tf.data.Dataset, class_names: Sequence[str], split: str) -> list[Seen]:
    """Looks at every image of a stream.

    Args:
        stream: Finite, of `(image, label)`.
        class_names: Names in the order of the labels.
        split: What the images are called by, with their number from 0.

    Returns:
        What was seen, in order.
    """
    # TensorFlow takes longer to hand images over one by one than hashing them takes.
    batches = stream.batch(LOOKED_AT).as_numpy_iterator()
    pairs = (pair for images, labels in batches for pair in zip(images, labels, strict=True))
    return [
        Seen(f"{split} image {number} ({class_names[label]})", class_names[label], digest(image))
        for number, (image, label) in enumerate(pairs)
    ]


def parted(images: Sequence[Seen]) -> tuple[list[Seen], list[Seen], list[Seen]]:
    """Tells what stands once from what stands more often.

    Args:
        images: Of one split.

    Returns:
        The first of every image; further ones of the same class; and, in neither of these, all
        images that stand under two classes.
    """
    classes = collections.defaultdict(set)
    for image in images:
        classes[image.digest].add(image.label)
    first: dict[bytes, Seen] = {}
    copies, doubtful = [], []
    for image in images:
        if len(classes[image.digest]) > 1:
            doubtful.append(image)
        elif first.setdefault(image.digest, image) is not image:
            copies.append(image)
    return list(first.values()), copies, doubtful


def shared(train: Sequence[Seen], test: Sequence[Seen]) -> list[Note]:
    """Says which images stand in both splits.

    Args:
        train: What was seen in one.
        test: What was seen in the other.

    Returns:
        A note, or none.
    """
    twins = {image.digest: image.name for image in test}
    both = [f"{image.name} = {twins[image.digest]}" for image in train if image.digest in twins]
    if not both:
        return []
    text = f"{len(both)} training images are test images too, which flatters the scores"
    return [Note(text, tuple(both))]


def noted(dataset: ImageDataset) -> ImageDataset:
    """Looks at every image of data of which nothing is left out.

    Args:
        dataset: With both splits.

    Returns:
        The same, with notes of what stands in it more than once.
    """
    splits = {"training": dataset.train, "test": dataset.test}
    seen, found = {}, []
    for split, stream in splits.items():
        seen[split] = look(stream, dataset.class_names, split)
        _, copies, doubtful = parted(seen[split])
        parts = {"are copies of others": copies, "stand under two classes": doubtful}
        for what, images in parts.items():
            if images:
                text = f"{len(images)} {split} images {what}"
                found.append(Note(text, tuple(image.name for image in images)))
    found += shared(seen["training"], seen["test"])
    return dataclasses.replace(dataset, notes=(*dataset.notes, *found))
