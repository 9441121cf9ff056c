"""How batches are drawn from images of several sources: out of memory, or from streams."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasaug.data import streams
from kerasaug.data.memory import InMemory

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""`(images uint8 (n, height, width, channels), seed int64 (2,)) -> images`, a pure function."""

AUGMENT_BATCH = 64
SHUFFLE_BUFFER = 10_000
"""Images held back for shuffling, over all parts that are streams."""


class Part(NamedTuple):
    """One part of a mixture.

    Attributes:
        images: Finite stream of `(record, label int32)`; or images of one class in memory.
        size: How many images these are.
        weight: How often they are drawn from, relative to the other parts.
        class_id: The label of images in memory; None for a stream.
        augment: What is done to this part's images alone, anew at every draw.
        decode: Makes a uint8 image of a record of a stream; None if the records are images.
    """

    images: tf.data.Dataset | InMemory
    size: int
    weight: float
    class_id: int | None = None
    augment: Augmentation | None = None
    decode: Callable[[tf.Tensor], tf.Tensor] | None = None

    def as_stream(self) -> tf.data.Dataset:
        """The images as a finite stream of `(record, label)`."""
        if self.class_id is None:
            return self.images
        return self.images.stream(np.full(self.size, self.class_id, np.int32))


def from_memory(parts: Sequence[Part], batch_size: int, seed: int) -> tf.data.Dataset:
    """Draws endless batches from images in memory.

    Of every part, all images are drawn before one is drawn again, in another order each time.

    Args:
        parts: The mixture, all of it in memory, none of weight 0.
        batch_size: Images per batch.
        seed: Same parts and seed, same batches.

    Returns:
        A stream of `(images, labels)`: uint8 (batch_size, height, width, channels) and int32.
    """
    log_weights = tf.math.log(tf.constant([[part.weight for part in parts]]))
    class_ids = tf.constant([part.class_id for part in parts], tf.int32)
    augmentations = dict.fromkeys(part.augment for part in parts if part.augment is not None)
    gather = _gatherer([part.images.images for part in parts], batch_size)
    order = _shuffled_rows([part.images.rows for part in parts], seed)

    def choose(counts, index):
        # Not the seeds of what augments the batch later.
        seeds = tf.random.fold_in(_seeds(seed, index), len(parts))
        numbers = tf.random.stateless_categorical(log_weights, batch_size, seeds, tf.int32)[0]
        after = counts + tf.math.bincount(numbers, minlength=len(parts), dtype=tf.int64)
        return after, (index, numbers, counts)

    def draw(index, numbers, counts):
        rows = streams.call_numpy(order, numbers, counts, shape=(batch_size,), dtype=tf.int64)
        images = gather(numbers, rows)
        for offset, augment in enumerate(augmentations):
            is_augmented = tf.gather([part.augment is augment for part in parts], numbers)
            changed = _with_own_seed(augment, offset)(images, _seeds(seed, index))
            images = tf.where(is_augmented[:, None, None, None], changed, images)
        return images, tf.gather(class_ids, numbers)

    nothing = tf.zeros((len(parts),), tf.int64)
    numbers = tf.data.Dataset.counter().scan(nothing, choose)
    return numbers.map(draw, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _shuffled_rows(rows: Sequence[np.ndarray], seed: int) -> Callable[..., np.ndarray]:
    """Makes a function that draws every part's rows in turn, in another order at every pass."""

    @functools.lru_cache(2 * len(rows))
    def shuffled(number, epoch):
        return np.random.default_rng([seed, number, epoch]).permutation(rows[number])

    def draw(numbers, counts):
        """Rows for the parts of a batch, of which so many rows were drawn before."""
        drawn = np.empty(len(numbers), np.int64)
        for number in np.unique(numbers):
            slots = np.flatnonzero(numbers == number)
            turns = counts[number] + np.arange(len(slots))
            epochs, places = np.divmod(turns, len(rows[number]))
            for epoch in np.unique(epochs):
                chosen = epochs == epoch
                drawn[slots[chosen]] = shuffled(number, epoch)[places[chosen]]
        return drawn

    return draw


def _gatherer(sources: Sequence[tf.Tensor], batch_size: int) -> Callable[..., tf.Tensor]:
    """Makes a function that takes images out of the tensors of the parts, which may share some."""
    tensors = list({id(source): source for source in sources}.values())
    tensor_of = tf.constant([[t is source for t in tensors].index(True) for source in sources])

    def gather(numbers, rows):
        which = tf.gather(tensor_of, numbers)
        slots = tf.dynamic_partition(tf.range(batch_size), which, len(tensors))
        parted = tf.dynamic_partition(rows, which, len(tensors))
        images = tf.dynamic_stitch(slots, list(map(tf.gather, tensors, parted)))
        return tf.ensure_shape(images, (batch_size, *tensors[0].shape[1:]))

    return gather


def from_streams(parts: Sequence[Part], batch_size: int, seed: int) -> tf.data.Dataset:
    """Draws batches like `from_memory`, but image by image from streams that shuffle and repeat.

    Memory is bounded by `SHUFFLE_BUFFER` images and as many records, and not by the data: the
    buffer is shared among the parts by their size, and parts that fit into an equal share of it are
    read only once. Larger ones are shuffled before they are decoded.

    Args:
        parts: The mixture, none of weight 0.
        batch_size: Images per batch.
        seed: Same parts and seed, and same `tf.random.set_seed` if that was called: same batches.
    """
    total = sum(part.size for part in parts)
    drawn = []
    for number, part in enumerate(parts):
        records, decode = part.as_stream(), part.decode
        if part.size <= SHUFFLE_BUFFER // len(parts):
            # A rare class would otherwise be looked for in the whole split again and again.
            records, decode = streams.decoded(records, decode).cache(), None
        buffer = min(part.size, -(-SHUFFLE_BUFFER * part.size // total))
        endless = streams.decoded(records.shuffle(buffer, seed=seed + number).repeat(), decode)
        if part.augment is not None:
            grouped = endless.batch(AUGMENT_BATCH)
            endless = augmented(grouped, _with_own_seed(part.augment, number), seed).unbatch()
        drawn.append(endless)
    weights = np.array([part.weight for part in parts])
    mixed = tf.data.Dataset.sample_from_datasets(drawn, weights / weights.sum(), seed=seed)
    return mixed.batch(batch_size, drop_remainder=True)


def augmented(batched: tf.data.Dataset, augment: Augmentation, seed: int) -> tf.data.Dataset:
    """Augments every batch of a stream of uint8 images and labels; same seed, same result."""
    # The number of the batch is part of the seed: parallel calls then need no shared state.
    return batched.enumerate().map(
        lambda number, element: (
            augment(element[0], _seeds(seed, number)),
            element[1],
        ),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )


def _seeds(seed: int, number: tf.Tensor) -> tf.Tensor:
    return tf.stack([tf.constant(seed, tf.int64), number])


def _with_own_seed(augment: Augmentation, index: int) -> Augmentation:
    """Makes it draw other numbers than what augments the whole batch, by the same seed, does."""
    return lambda images, seed: augment(images, tf.random.fold_in(seed, index))
