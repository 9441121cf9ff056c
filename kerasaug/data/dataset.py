"""`ImageDataset`: labelled training and test images as streams."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from kerasaug.data import imbalance, mixture, sampling, streams
from kerasaug.data.memory import InMemory, load_stream
from kerasaug.data.sampling import Part
from kerasaug.errors import InputError

MOST_CACHED = 2**30
"""The same on every machine, because images from memory are drawn in another order."""
SPLITS = ("train", "test")


class Note(NamedTuple):
    """Something that the user of a data set should know.

    Attributes:
        text: Such as "3 files left out: unreadable".
        items: What it is true of, such as paths with reasons; may be empty.
    """

    text: str
    items: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class ImageDataset:
    """Labelled images in a training and a test split.

    Both splits are `tf.data` streams of `(image, label)`: uint8 `(height, width, channels)` with
    values in [0, 255], and an int32 scalar. They are read in one fixed order and, but for arrays
    and small data sets of tensorflow-datasets, hold nothing in memory; `cache()` reads them once
    and keeps them.

    Attributes:
        name: What it was loaded from.
        content: Tells one data set from another: name and version, or a hash of the pixels and of
            the test labels.
        records: The training images as they are stored, such as paths: a stream of `(record,
            label)`. Images that are left out of a split are not decoded.
        test: The test stream. Nothing that trains or chooses may read it. None only before a data
            set is complete.
        class_names: Names in the order of the labels.
        image_shape: `(height, width, channels)`.
        train_labels: int32 array (n,), the labels of `train` in its order.
        indices: int64 array (n,), where each image of `train` stands in the unreduced split.
        test_counts: Test images per class, in the order of the labels.
        in_memory: The images of `train` in its order, if they are in memory, which splits and
            reductions of one data set share.
        validation: Training images that were held out to choose by, as a stream like `train`; None
            if there are none.
        named_rare: Indices of the classes that count as rare; None for those that do by their size.
        decode: Makes an image of a record; None if the records are images.
        notes: What the user of the data should know.

    Example:
        >>> from kerasaug import data
        >>> few = data.load("mnist").reduce({"5": 0.01})
        >>> images, labels = next(iter(few.cache().batches(64, balanced=True)))
        >>> images.shape, images.dtype, few.rare_classes
        (TensorShape([64, 28, 28, 1]), tf.float32, [5])
    """

    name: str
    content: str
    records: tf.data.Dataset
    test: tf.data.Dataset | None
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    train_labels: np.ndarray
    indices: np.ndarray
    test_counts: tuple[int, ...] = ()
    in_memory: InMemory | None = None
    validation: tf.data.Dataset | None = None
    named_rare: tuple[int, ...] | None = None
    decode: Callable[[tf.Tensor], tf.Tensor] | None = None
    notes: tuple[Note, ...] = ()

    @property
    def train(self) -> tf.data.Dataset:
        """The training stream of `(image, label)`."""
        return streams.decoded(self.records, self.decode)

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def class_counts(self) -> list[int]:
        """Training images per class, in the order of the labels."""
        return np.bincount(self.train_labels, minlength=self.num_classes).tolist()

    @property
    def rare_classes(self) -> list[int]:
        """The classes with too few images: `named_rare`, or see `imbalance.rare_classes`."""
        if self.named_rare is not None:
            return sorted(self.named_rare)
        return imbalance.rare_classes(self.class_counts)

    @property
    def fingerprint(self) -> str:
        """A hash of content, labels and indices: equal for equal splits, in any order."""
        order = np.argsort(self.indices)
        split = np.concatenate([self.train_labels[order], self.indices[order]])
        digest = hashlib.sha256(self.content.encode() + split.astype(np.int64).tobytes())
        return digest.hexdigest()[:16]

    def reduce(self, keep: Mapping[Any, int | float], seed: int = 0) -> "ImageDataset":
        """Reduces classes of the training split; `indices` of the result tell what stays.

        Args:
            keep: By class (index or name), how many images stay: a count (int) or a fraction
                (float).
            seed: Which images stay is a function of this and of the class.

        Raises:
            InputError: If a class does not exist or is named twice, or an amount is out of range.
        """
        by_index = {}
        for name, amount in keep.items():
            class_id = imbalance.class_index(name, self.class_names)
            if class_id in by_index:
                raise InputError(f"class {self.class_names[class_id]} is named twice")
            by_index[class_id] = amount
        return self._keep(imbalance.keep_indices(self.train_labels, by_index, seed))

    def long_tail(self, ratio: float, seed: int = 0) -> "ImageDataset":
        """Reduces the classes of the training split so that their sizes fall exponentially.

        Args:
            ratio: Of the size of the first class to that of the last; see `imbalance.long_tail`.
            seed: See `reduce`.

        Raises:
            InputError: If the ratio is below 1.
        """
        return self.reduce(imbalance.long_tail(self.class_counts, ratio), seed)

    def naming_rare(self, names: Sequence[int | str]) -> "ImageDataset":
        """Names the classes, by name or index, that count as rare, whatever their size.

        Raises:
            InputError: If there is no such class, or none is named.
        """
        if not names:
            raise InputError("`names` must hold at least one class. Received: none")
        named = {imbalance.class_index(name, self.class_names) for name in names}
        return dataclasses.replace(self, named_rare=tuple(sorted(named)))

    def hold_out(self, share: float, seed: int = 0) -> "ImageDataset":
        """Takes a share of every class out of the training split, to choose by.

        Args:
            share: Of the images of each class, in (0, 1); at least one of every class that has two.
            seed: Which images are held out is a function of this and of the class.

        Returns:
            A data set with these images as its `validation`.

        Raises:
            InputError: If the share is out of range.
        """
        if not 0.0 < share < 1.0:
            raise InputError(f"`share` must be in (0, 1). Received: share={share}")
        keep = {
            class_id: max(1, min(count - 1, round((1.0 - share) * count)))
            for class_id, count in enumerate(self.class_counts)
            if count > 0
        }
        positions = imbalance.keep_indices(self.train_labels, keep, seed)
        others = np.setdiff1d(np.arange(len(self.train_labels)), positions)
        return dataclasses.replace(self._keep(positions), validation=self._keep(others).train)

    def split_test(self, share: float, seed: int = 0) -> "ImageDataset":
        """Makes a share of every class the test split, for data that have none.

        Args:
            share: Of the images of each class, in (0, 1); at least one of every class that has two.
            seed: Which images these are is a function of this and of the class.

        Returns:
            A data set with these images as its `test`.

        Raises:
            InputError: If the share is out of range.
        """
        split = self.hold_out(share, seed)
        counts = np.subtract(self.class_counts, split.class_counts)
        return dataclasses.replace(
            split, test=split.validation, test_counts=tuple(counts.tolist()), validation=None
        )

    def first_of_each(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Reads at most so many training images of every class, and decodes no other.

        Returns:
            uint8 images (n, height, width, channels) and int32 labels (n,), class by class.
        """
        classes = range(self.num_classes)
        positions = [np.flatnonzero(self.train_labels == c)[:most] for c in classes]
        few = self._keep(np.sort(np.concatenate(positions)))
        return streams.first_of_each(few.train, most, self.num_classes)

    def cache(self, most_bytes: int = MOST_CACHED) -> "ImageDataset":
        """Reads all splits once and keeps the decoded images in memory, if they are not too large.

        Training then draws from memory instead of decoding again, at the price of one byte per
        pixel and channel of both splits. `reduce`, `hold_out` and the like then take no more.

        Args:
            most_bytes: Of decoded images; a larger data set stays as it is.
        """
        count = len(self.train_labels) + sum(self.test_counts)
        if self.in_memory is not None or count * np.prod(self.image_shape) > most_bytes:
            return self
        in_memory, labels = load_stream(self.train)
        test, validation = (
            split and InMemory.stream(*load_stream(split)) for split in (self.test, self.validation)
        )
        return dataclasses.replace(
            self,
            records=in_memory.stream(labels),
            decode=None,
            in_memory=in_memory,
            test=test,
            validation=validation,
        )

    def class_images(self, class_id: int, most: int | None = None) -> np.ndarray:
        """The training images of one class, or the first ones, in the order of the split.

        Args:
            class_id: Index of the class, which has images.
            most: How many to read; None for all.
        """
        positions = np.flatnonzero(self.train_labels == class_id)[:most]
        if self.in_memory is not None:
            return self.in_memory.at(positions).read()
        return streams.collect(self._keep(positions).train)[0]

    def class_part(self, class_id: int) -> Part:
        """The training images of one class, as a part of a mixture, of weight 1."""
        positions = np.flatnonzero(self.train_labels == class_id)
        if self.in_memory is not None:
            return Part(self.in_memory.at(positions), len(positions), 1.0, class_id)
        records = self.records.filter(lambda _, label: label == class_id)
        return Part(records, len(positions), 1.0, decode=self.decode)

    def balanced_parts(self) -> list[Part]:
        """A mixture of every class equally often: one part per class, in index order."""
        return [self.class_part(class_id) for class_id in range(self.num_classes)]

    def natural_parts(self) -> list[Part]:
        """A mixture of every image equally often; the weights sum to the number of images."""
        if self.in_memory is None:
            # Read from disk, one pass over the split is cheaper than one per class.
            count = len(self.train_labels)
            return [Part(self.records, count, float(count), decode=self.decode)]
        return [part._replace(weight=float(part.size)) for part in self.balanced_parts()]

    def batches(
        self,
        batch_size: int,
        *,
        balanced: bool = False,
        class_id: int | None = None,
        seed: int = 0,
        augment: sampling.Augmentation | None = None,
    ) -> tf.data.Dataset:
        """Endless shuffled training batches, for a generative model's or a classifier's `fit`.

        Args:
            batch_size: Images per batch.
            balanced: Whether every class is drawn equally often, however few images it has.
            class_id: If given, batches hold this class alone.
            seed: Same seed, and same `tf.random.set_seed` if that was called: same batches.
            augment: What is done to every image of every batch.

        Returns:
            A stream of `(images, labels)`: float32 `(batch_size, height, width, channels)` in
            [-1, 1] and int32 `(batch_size,)`.
        """
        if class_id is not None:
            parts = [self.class_part(class_id)]
        else:
            parts = self.balanced_parts() if balanced else self.natural_parts()
        return mixture.batches(parts, batch_size, seed=seed, augment=augment)

    def test_batches(self, batch_size: int) -> tf.data.Dataset:
        """The test split once, in order, in batches.

        Args:
            batch_size: Images per batch; the last one may be smaller.

        Returns:
            A stream of `(images, labels)` like that of `batches`.
        """
        return mixture.to_model_input(self.test.batch(batch_size))

    def _keep(self, positions: np.ndarray) -> "ImageDataset":
        labels = self.train_labels[positions]
        if self.in_memory is None:
            is_kept: np.ndarray = np.zeros(len(self.train_labels), dtype=bool)
            is_kept[positions] = True
            mask = tf.constant(is_kept)
            numbered = self.records.enumerate().filter(lambda position, _: mask[position])
            # Ends with the last of them, and not with the file.
            records = numbered.map(lambda _, element: element).take(len(positions))
            images = None
        else:
            images = self.in_memory.at(positions)
            records = images.stream(labels)
        return dataclasses.replace(
            self,
            records=records,
            in_memory=images,
            train_labels=labels,
            indices=self.indices[positions],
        )
