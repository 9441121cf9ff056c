"""How batches are drawn from images of several sources: out of memory, or from streams."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasaug.data import streams
from kerasaug.data.memory import InMemory, beside, gatherer

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""`(images uint8 (n, height, width, channels), seed int64 (2,)) -> images`, a pure function."""

AUGMENT_BATCH = 64
SHUFFLE_BUFFER = 10_000
"""Images held back for shuffling, over all parts that are streams."""
SHUFFLE_ROUNDS = 8
"""Of the cipher that puts indices in another order; with 4, some seeds leave most in row."""
LEAST_PASS = 4096
"""The cipher's cost grows as a pass gets shorter: it works on blocks of 65,536 indices."""


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
    """Draws endless batches from images in memory, a whole batch at a time.

    Of every part, all images are drawn before one is drawn again, in another order each of 256
    times; a part of fewer than `LEAST_PASS` images is repeated until it has as many, which are
    drawn like that.

    Args:
        parts: The mixture, all of them in memory, none of weight 0.
        batch_size: Images per batch.
        seed: Same parts and seed, same batches.

    Returns:
        A stream of `(images, labels)`: uint8 (batch_size, height, width, channels) and int32.
    """
    held = [part.images for part in parts]
    take = gatherer(held)
    rows = tf.constant(np.concatenate([part.images.rows for part in parts]))
    labels = tf.constant([part.class_id for part in parts], tf.int32)
    counts = np.array([part.size for part in parts])
    first = tf.constant(np.cumsum(counts) - counts)
    counts, passes = tf.constant(counts), tf.constant(counts * -(-LEAST_PASS // counts))
    log_weights = tf.math.log(tf.constant([[part.weight for part in parts]]))
    key = tf.constant(seed, tf.int64)
    augmentations = dict.fromkeys(part.augment for part in parts if part.augment is not None)

    def choose(drawn, number):
        # What augments the batch later is given the same seed and number, and splits them.
        seeds = tf.random.fold_in(_seeds(seed, number), len(parts))
        chosen = tf.random.stateless_categorical(log_weights, batch_size, seeds, tf.int64)[0]
        marked = tf.one_hot(chosen, len(parts), dtype=tf.int64)
        before = tf.reduce_sum(marked * tf.cumsum(marked, exclusive=True), axis=1)
        turn, length = tf.gather(drawn, chosen) + before, tf.gather(passes, chosen)
        # `tf.random.experimental.index_shuffle` pads a batch of seeds along the wrong axis.
        shuffled = tf.raw_ops.RandomIndexShuffle(
            index=turn % length,
            seed=tf.stack([tf.fill((batch_size,), key), chosen, turn // length], axis=1),
            max_index=length - 1,
            rounds=SHUFFLE_ROUNDS,
        )
        position = tf.gather(first, chosen) + shuffled % tf.gather(counts, chosen)
        return drawn + tf.reduce_sum(marked, axis=0), (number, chosen, tf.gather(rows, position))

    def gather(pixels, drawn):
        number, chosen, row = drawn
        batch = take(pixels, chosen, row)
        for index, augment in enumerate(augmentations):
            own = tf.gather(tf.constant([part.augment is augment for part in parts]), chosen)
            changed = _with_own_seed(augment, index)(batch, _seeds(seed, number))
            batch = tf.where(own[:, None, None, None], changed, batch)
        return batch, tf.gather(labels, chosen)

    nothing = tf.zeros((len(parts),), tf.int64)
    indices = beside(held, tf.data.Dataset.counter().scan(nothing, choose))
    return indices.map(gather, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def from_streams(parts: Sequence[Part], batch_size: int, seed: int) -> tf.data.Dataset:
    """Draws endless batches from streams, image by image, each shuffled and repeated on its own.

    Memory is bounded by `SHUFFLE_BUFFER` images and as many records, and not by the data: the
    buffer is shared among the parts by their size, and parts that fit into an equal share of it are
    read only once. Larger ones are shuffled before they are decoded.

    Args:
        parts: The mixture, none of weight 0.
        batch_size: Images per batch.
        seed: Same parts and seed, and same `tf.random.set_seed` if that was called: same batches.

    Returns:
        A stream like that of `from_memory`.
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
    """Augments every batch of a stream.

    Args:
        batched: A stream of uint8 images and labels.
        augment: What is done to the images.
        seed: Same stream and seed, same result.

    Returns:
        A stream like `batched`.
    """
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
