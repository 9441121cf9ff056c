"""Images in memory: held once, however many splits and classes share them."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

BATCH = 64


class Held(NamedTuple):
    """Some of the images that one variable holds.

    Attributes:
        pixels: uint8 variable (m, height, width, channels), which others may show images of as
            well; it is never changed. Of tensors, TensorFlow makes copies when it rewrites the
            pipelines that draw from them.
        places: int64 array (n,), where in it each image stands.
    """

    pixels: tf.Variable
    places: np.ndarray

    def at(self, positions: np.ndarray) -> "Held":
        """Some of these images, in the same memory.

        Args:
            positions: Which, int (k,) in [0, n), or bool (n,).
        """
        return self._replace(places=self.places[positions])

    def stream(self, labels: np.ndarray) -> tf.data.Dataset:
        """The images in their order.

        Args:
            labels: int32 array (n,).

        Returns:
            A finite stream of `(image, label)`.
        """
        places = tf.data.Dataset.from_tensor_slices((self.places, labels)).batch(BATCH)
        images = places.map(lambda at, label: (tf.gather(self.pixels, at), label)).unbatch()
        # Keras warns at the end of a stream whose length it did not know.
        return images.apply(tf.data.experimental.assert_cardinality(len(labels)))


class Blocks(NamedTuple):
    """Images that are handed over some at a time.

    Attributes:
        shape: `(n, height, width, channels)`.
        dtype: Of their values.
        read: Begins anew and gives arrays (k, height, width, channels), k about `BATCH`.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], Iterable[np.ndarray]]

    def changed(
        self, change: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...], dtype: np.dtype
    ) -> "Blocks":
        """The same images, each block changed as it is read.

        Args:
            change: From a block to a block.
            shape: Of all images then.
            dtype: Of their values then.
        """
        return Blocks(shape, dtype, lambda: map(change, self.read()))


def blocks(images: np.ndarray) -> Blocks:
    """Hands over an array.

    Args:
        images: (n, height, width, channels).
    """

    def read():
        return (images[start : start + BATCH] for start in range(0, len(images), BATCH))

    return Blocks(images.shape, images.dtype, read)


def gatherer(held: Sequence[Held]) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Makes a function that takes images out of memory.

    Args:
        held: Where they are; places of some may be in the same variable.

    Returns:
        Takes which of `held`, int32 or int64 (n,), and the place in its variable, int64 (n,), to
        images (n, height, width, channels).
    """
    variables = {id(each.pixels): each.pixels for each in held}
    variable_of = tf.constant([list(variables).index(id(each.pixels)) for each in held])

    def gather(which, place):
        source = tf.gather(variable_of, which)
        rows = tf.dynamic_partition(tf.range(len(place)), source, len(variables))
        places = tf.dynamic_partition(place, source, len(variables))
        images = tf.dynamic_stitch(rows, list(map(tf.gather, variables.values(), places)))
        return tf.ensure_shape(images, (*place.shape, *held[0].pixels.shape[1:]))

    return gather


def hold(images: Blocks) -> Held:
    """Copies images to where pipelines draw from.

    Args:
        images: uint8.

    Returns:
        All of them, in their order.
    """
    # Pipelines run on the processor, whatever trains.
    with tf.device("CPU:0"):
        pixels = tf.Variable(tf.zeros(images.shape, tf.uint8), trainable=False)
        places, done = np.arange(images.shape[0]), 0
        for some in images.read():
            # Some at a time: a variable that is assigned an array shares it, and copies it when
            # it is first drawn from.
            pixels.scatter_update(tf.IndexedSlices(some, places[done : done + len(some)]))
            done += len(some)
    return Held(pixels, places)


def hold_stream(
    stream: tf.data.Dataset, count: int, image_shape: tuple[int, int, int]
) -> tuple[Held, np.ndarray]:
    """Reads a finite stream into memory.

    Args:
        stream: Of `(image, label)`.
        count: How many there are.
        image_shape: `(height, width, channels)`.

    Returns:
        The images, and int32 labels (count,).
    """
    labels = []

    def read():
        for images, their_labels in stream.batch(BATCH).as_numpy_iterator():
            labels.append(their_labels)
            yield images

    held = hold(Blocks((count, *image_shape), np.uint8, read))
    return held, np.concatenate(labels)
