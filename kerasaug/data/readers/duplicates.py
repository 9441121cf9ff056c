"""Duplicates in a data set: images whose pixels are equal."""

import collections
import dataclasses
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasaug.data.dataset import ImageDataset, Note

HASH_BATCH = 256
ONCE = "cross-validation takes them once"


class HashedImage(NamedTuple):
    """What tells an image from others.

    Attributes:
        name: What a person knows it by.
        label: Name of its class.
        digest: Equal for equal pixels.
    """

    name: str
    label: str
    digest: bytes


def digest(pixels: np.ndarray) -> bytes:
    """Hashes an image, uint8 array (height, width, channels), to 16 bytes."""
    shaped = repr(pixels.shape).encode() + pixels.tobytes()
    return hashlib.blake2b(shaped, digest_size=16).digest()


def hash_images(
    stream: tf.data.Dataset, class_names: Sequence[str], split: str
) -> list[HashedImage]:
    """Hashes every image of a finite stream of `(image, label)`: uint8, and an index of a class.

    The images are named after their split and their position in it.
    """
    # TensorFlow takes longer to hand images over one by one than hashing them takes.
    batches = stream.batch(HASH_BATCH).as_numpy_iterator()
    pairs = (
        (image, class_names[label])
        for images, labels in batches
        for image, label in zip(images, labels, strict=True)
    )
    return [
        HashedImage(f"{split} image {number} ({name})", name, digest(image))
        for number, (image, name) in enumerate(pairs)
    ]


def split_duplicates(images: Sequence[HashedImage]) -> tuple[list[HashedImage], ...]:
    """Splits images into unique ones, their copies in the same class, and those in two classes."""
    labels = collections.defaultdict(set)
    for image in images:
        labels[image.digest].add(image.label)
    unique: dict[bytes, HashedImage] = {}
    copies, ambiguous = [], []
    for image in images:
        if len(labels[image.digest]) > 1:
            ambiguous.append(image)
        elif unique.setdefault(image.digest, image) is not image:
            copies.append(image)
    return list(unique.values()), copies, ambiguous


def find_copies(images: Sequence[HashedImage]) -> np.ndarray:
    """The positions of the images that equal an earlier one, int64 (n,)."""
    first: dict[bytes, HashedImage] = {}
    return np.flatnonzero(
        [first.setdefault(image.digest, image) is not image for image in images]
    ).astype(np.int64)


def notes_of_shared(train: Sequence[HashedImage], test: Sequence[HashedImage]) -> list[Note]:
    """Reports the images that are in both splits, in one note; none if there are none."""
    twins = {image.digest: image.name for image in test}
    pairs = [f"{image.name} = {twins[image.digest]}" for image in train if image.digest in twins]
    if not pairs:
        return []
    text = f"{len(pairs)} training images are test images too, which flatters the scores; {ONCE}"
    return [Note(text, tuple(pairs))]


def with_notes(dataset: ImageDataset) -> ImageDataset:
    """Adds notes of all duplicates, in a split or in both, to a data set and leaves none out."""
    hashed = {
        split: hash_images(stream, dataset.class_names, split)
        for split, stream in (("training", dataset.train), ("test", dataset.test))
    }
    notes = list(dataset.notes)
    for split, images in hashed.items():
        _, copies, ambiguous = split_duplicates(images)
        for text, group in (
            (f"are copies of others; {ONCE}", copies),
            ("are in two classes", ambiguous),
        ):
            if group:
                names = tuple(image.name for image in group)
                notes.append(Note(f"{len(group)} {split} images {text}", names))
    notes += notes_of_shared(hashed["training"], hashed["test"])
    numbers = np.concatenate([dataset.indices, dataset.test_numbers])
    further = numbers[find_copies([*hashed["training"], *hashed["test"]])]
    return dataclasses.replace(dataset, notes=tuple(notes), copies=further)
