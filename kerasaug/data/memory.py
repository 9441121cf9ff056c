"""Images in memory: one tensor, however many splits and classes share it."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasaug.data.streams import READ_BATCH

BATCH = 64


class InMemory(NamedTuple):
    """Some of the images that a tensor holds.

    Attributes:
        images: uint8 tensor (m, height, width, channels) on the processor, where pipelines run.
        rows: int64 array (n,), the row of each image in it.
    """

    images: tf.Tensor
    rows: np.ndarray

    @classmethod
    def of(cls, images: np.ndarray) -> "InMemory":
        """All images of an array, uint8 (n, height, width, channels), copied."""
        with tf.device("CPU:0"):
            return cls(tf.constant(images), np.arange(len(images)))

    def at(self, positions: np.ndarray) -> "InMemory":
        """Some of these images in the same memory, by int (k,) in [0, n) or bool (n,)."""
        return self._replace(rows=self.rows[positions])

    def read(self) -> np.ndarray:
        """A copy of the images, uint8 array (n, height, width, channels), in their order."""
        with tf.device("CPU:0"):
            return tf.gather(self.images, self.rows).numpy()

    def stream(self, labels: np.ndarray) -> tf.data.Dataset:
        """The images in their order, with their int32 labels (n,), as a finite stream."""
        rows = tf.data.Dataset.from_tensor_slices((self.rows, labels)).batch(BATCH)
        images = rows.map(lambda rows, labels: (tf.gather(self.images, rows), labels)).unbatch()
        # Keras warns at the end of a stream whose length it did not know.
        return images.apply(tf.data.experimental.assert_cardinality(len(labels)))


def load_stream(stream: tf.data.Dataset) -> tuple[InMemory, np.ndarray]:
    """Reads a finite stream of `(image, label)` into memory; at the peak, that takes it twice."""
    images, labels = (tf.concat(parts, 0) for parts in zip(*stream.batch(READ_BATCH), strict=True))
    return InMemory(images, np.arange(len(images))), labels.numpy()
