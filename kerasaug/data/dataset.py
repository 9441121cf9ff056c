"""`ImageDataset`: labelled training and test images as streams."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from kerasaug.data import folds, imbalance, mixture, sampling, streams
from kerasaug.data.memory import InMemory, load_stream
from kerasaug.data.sampling import Part
from kerasaug.errors import InputError

MOST_CACHED = 2**30
"""The same on every machine, because images from memory are drawn in another order."""
SPLITS = ("train", "test")
NO_LABELS: np.ndarray = np.zeros(0, np.int32)
NO_INDICES: np.ndarray = np.zeros(0, np.int64)


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
            the labels.
        records: The training images as they are stored, such as paths: a stream of `(record,
            label)`. Images that are left out of a split are not decoded.
        test_records: The test images like `records`. Nothing that trains or chooses may read them.
            None only before a data set is complete.
        class_names: Names in the order of the labels.
        image_shape: `(height, width, channels)`.
        train_labels: int32 array (n,), the labels of `train` in its order.
        indices: int64 array (n,), where each image of `train` stands in the unreduced split; of
            `pooled` data, where it stands in `names`.
        test_labels: int32 array (m,), the labels of `test` in its order.
        test_indices: int64 array (m,), where each image of `test` stood before it was split off;
            empty if the data came with a test split.
        names: Of the training images and then the test images, before anything was reduced or split
            off, such as paths; empty if they have none.
        thumbnails: uint8 array (k, 16, 16), in the same order, by which near-duplicates are looked
            for; None to make them of the images.
        copies: int64 array, where in the same order images stand that equal an earlier one, as far
            as that is known. `pooled` leaves them out.
        groups: int64 array, in the same order: images with the same number show the same thing, and
            stay in one fold. None if each is a group of its own.
        in_memory: The images of `train` in its order, if they are in memory, which splits and
            reductions of one data set share.
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
    test_records: tf.data.Dataset | None
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    train_labels: np.ndarray
    indices: np.ndarray
    test_labels: np.ndarray = dataclasses.field(default_factory=lambda: NO_LABELS)
    test_indices: np.ndarray = dataclasses.field(default_factory=lambda: NO_INDICES)
    names: tuple[str, ...] = ()
    thumbnails: np.ndarray | None = None
    copies: np.ndarray = dataclasses.field(default_factory=lambda: NO_INDICES)
    groups: np.ndarray | None = None
    in_memory: InMemory | None = None
    named_rare: tuple[int, ...] | None = None
    decode: Callable[[tf.Tensor], tf.Tensor] | None = None
    notes: tuple[Note, ...] = ()

    @property
    def train(self) -> tf.data.Dataset:
        """The training stream of `(image, label)`."""
        return streams.decoded(self.records, self.decode)

    @property
    def test(self) -> tf.data.Dataset | None:
        """The test stream of `(image, label)`, if there is a test split."""
        return self.test_records and streams.decoded(self.test_records, self.decode)

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def class_counts(self) -> list[int]:
        """Training images per class, in the order of the labels."""
        return np.bincount(self.train_labels, minlength=self.num_classes).tolist()

    @property
    def test_counts(self) -> list[int]:
        """Test images per class, in the order of the labels."""
        return np.bincount(self.test_labels, minlength=self.num_classes).tolist()

    @property
    def has_own_test(self) -> bool:
        """Whether the test split came with the data, and was not split off."""
        return self.test_records is not None and len(self.test_indices) == 0

    @property
    def test_numbers(self) -> np.ndarray:
        """Where each image of `test` stands in the order of `names`, int64 (m,)."""
        if not self.has_own_test:
            return self.test_indices
        # After all training images, also those that were left out.
        first = max(len(self.names) - len(self.test_labels), self.indices.max() + 1)
        return first + np.arange(len(self.test_labels))

    @property
    def test_places(self) -> np.ndarray:
        """What predictions number the images of `test` by, int64 (m,).

        `test_indices`, or their places in a test split of the data's own.
        """
        return np.arange(len(self.test_labels)) if self.has_own_test else self.test_indices

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

    def split_test(self, share: float, seed: int = 0) -> "ImageDataset":
        """Makes a share of every class of the training split the test split.

        Args:
            share: Of the images of each class, in (0, 1); at least one of every class that has two.
                Of data with `groups`, whole groups, so that the share is met roughly.
            seed: Which images these are is a function of this and of the class.

        Raises:
            InputError: If the share is out of range.
        """
        if not 0.0 < share < 1.0:
            raise InputError(f"`share` must be in (0, 1). Received: share={share}")
        if self.groups is None:
            return self._tested_on(~folds.all_but(self.train_labels, share, seed))
        groups = len(np.unique(self.groups[self.indices]))
        # A share above a half is that of all folds but one.
        count = min(max(2, round(1.0 / min(share, 1.0 - share))), groups)
        numbers = self._fold_numbers(count, seed)
        # The fold that has, and leaves, images of the most classes.
        sides = [(numbers == number, numbers != number) for number in range(count)]
        aside, _ = max(
            sides, key=lambda pair: sum(len(np.unique(self.train_labels[side])) for side in pair)
        )
        return self._tested_on(~aside if share > 0.5 else aside)

    def fold(self, number: int, count: int, seed: int = 0) -> "ImageDataset":
        """Makes one of `count` folds of the training split the test split.

        Every image is in one fold, every class is spread evenly over them, and `groups` are whole.

        Args:
            number: Which fold, in [0, count).
            count: How many folds there are, at least 2.
            seed: Of the partition.
        """
        return self._tested_on(self._fold_numbers(count, seed) == number)

    def pooled(self) -> "ImageDataset":
        """The training and the test images together as the training split, to make folds of."""
        if self.test_records is None:
            return self
        together = dataclasses.replace(
            self,
            records=self.records.concatenate(self.test_records),
            train_labels=np.concatenate([self.train_labels, self.test_labels]),
            indices=np.concatenate([self.indices, self.test_numbers]),
            test_records=None,
            test_labels=NO_LABELS,
            test_indices=NO_INDICES,
            in_memory=None,
        )
        # A copy would be tested by what was trained on the other.
        is_copy = np.isin(together.indices, self.copies)
        return together._keep(np.flatnonzero(~is_copy)) if is_copy.any() else together

    def without(self, other: "ImageDataset") -> "ImageDataset":
        """This data set with the test images of another as its test split, taken out of training.

        Of data with `groups`, whatever shows the same thing as a test image is taken out too.

        Args:
            other: A fold of a reduction of this data set.
        """
        tested = self._tested_on(np.isin(self.indices, other.test_indices))
        if self.groups is None:
            return tested
        is_apart = ~np.isin(self.groups[tested.indices], self.groups[other.test_indices])
        return tested._keep(np.flatnonzero(is_apart))

    def read(self, positions: np.ndarray, of_test: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Reads some images, and decodes no other.

        Args:
            positions: Where they stand in `train` or `test`: ascending int array (n,), n from 1.
            of_test: Whether they are test images.

        Returns:
            uint8 images (n, height, width, channels) and int32 labels (n,).
        """
        records = streams.at(self.test_records if of_test else self.records, positions)
        return streams.collect(streams.decoded(records, self.decode))

    def first_of_each(self, most: int, of_test: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Reads at most so many images of every class; see `read`. They come class by class."""
        labels = self.test_labels if of_test else self.train_labels
        classes = range(self.num_classes)
        positions = [np.flatnonzero(labels == class_id)[:most] for class_id in classes]
        images, labels = self.read(np.sort(np.concatenate(positions)), of_test)
        by_class = np.argsort(labels, kind="stable")
        return images[by_class], labels[by_class]

    def cache(self, most_bytes: int = MOST_CACHED) -> "ImageDataset":
        """Reads all splits once and keeps the decoded images in memory, if they are not too large.

        Training then draws from memory instead of decoding again, at the price of one byte per
        pixel and channel of both splits. `reduce`, `fold` and the like then take no more.

        Args:
            most_bytes: Of decoded images; a larger data set stays as it is.
        """
        count = len(self.train_labels) + len(self.test_labels)
        if self.in_memory is not None or count * np.prod(self.image_shape) > most_bytes:
            return self
        in_memory, labels = load_stream(self.train)
        test = self.test and InMemory.stream(*load_stream(self.test))
        return dataclasses.replace(
            self,
            records=in_memory.stream(labels),
            decode=None,
            in_memory=in_memory,
            test_records=test,
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
        return self.read(positions)[0]

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

    def _fold_numbers(self, count: int, seed: int) -> np.ndarray:
        groups = None if self.groups is None else self.groups[self.indices]
        return folds.numbers(self.train_labels, count, seed, groups)

    def _tested_on(self, is_tested: np.ndarray) -> "ImageDataset":
        tests = self._keep(np.flatnonzero(is_tested))
        return dataclasses.replace(
            self._keep(np.flatnonzero(~is_tested)),
            test_records=tests.records,
            test_labels=tests.train_labels,
            test_indices=tests.indices,
        )

    def _keep(self, positions: np.ndarray) -> "ImageDataset":
        labels = self.train_labels[positions]
        if self.in_memory is None:
            records = streams.at(self.records, positions)
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
