"""Images in memory: one array, however many splits and classes share it."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasaug.data.streams import call_numpy

BATCH = 64


class InMemory(NamedTuple):
    """Some of the images of an array.

    Attributes:
        images: uint8 array (m, height, width, channels), which nobody changes.
        rows: int64 array (n,), the row of each image in it.
    """

    images: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, images: np.ndarray) -> "InMemory":
        """All images of an array, uint8 (n, height, width, channels), without a copy."""
        return cls(images, np.arange(len(images)))

    def at(self, positions: np.ndarray) -> "InMemory":
        """Some of these images in the same memory, by int (k,) in [0, n) or bool (n,)."""
        return self._replace(rows=self.rows[positions])

    def read(self) -> np.ndarray:
        """A copy of the images, uint8 array (n, height, width, channels), in their order."""
        return self.images[self.rows]

    def stream(self, labels: np.ndarray) -> tf.data.Dataset:
        """The images in their order, with their int32 labels (n,), as a finite stream."""
        shape = (None, *self.images.shape[1:])
        rows = tf.data.Dataset.from_tensor_slices((self.rows, labels)).batch(BATCH)
        images = rows.map(
            lambda rows, labels: (call_numpy(self.images.__getitem__, rows, shape=shape), labels)
        )
        # Keras warns at the end of a stream whose length it did not know.
        return images.unbatch().apply(tf.data.experimental.assert_cardinality(len(labels)))


def load_stream(
    stream: tf.data.Dataset, count: int, image_shape: tuple[int, int, int]
) -> tuple[InMemory, np.ndarray]:
    """Reads a finite stream into memory, which never holds the images twice.

    Args:
        stream: `count` pairs of image and label.
        count: How many.
        image_shape: `(height, width, channels)`.

    Returns:
        The images, and int32 labels (count,).
    """
    images: np.ndarray = np.empty((count, *image_shape), np.uint8)
    labels: np.ndarray = np.empty(count, np.int32)
    done = 0
    for block, block_labels in stream.batch(BATCH).as_numpy_iterator():
        images[done : done + len(block)] = block
        labels[done : done + len(block)] = block_labels
        done += len(block)
    return InMemory.of(images), labels
