"""Images in memory: held once, however many splits and classes share them."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

BATCH = 64
PROCESSOR = "CPU:0"
"""Where pipelines run, whatever trains."""


class InMemory(NamedTuple):
    """Some of the images that one tensor holds.

    Attributes:
        pixels: uint8 (m, height, width, channels), which others may show images of as well; never
            changed once `load_images` has filled it, in its place.
        rows: int64 array (n,), where in it each image stands.
    """

    pixels: tf.Tensor
    rows: np.ndarray

    def at(self, positions: np.ndarray) -> "InMemory":
        """Some of these images, in the same memory.

        Args:
            positions: Which, int (k,) in [0, n), or bool (n,).
        """
        return self._replace(rows=self.rows[positions])

    def read(self) -> np.ndarray:
        """A copy of the images, uint8 array (n, height, width, channels), in their order."""
        with tf.device(PROCESSOR):
            return tf.gather(self.pixels, self.rows).numpy()

    def stream(self, labels: np.ndarray) -> tf.data.Dataset:
        """The images in their order.

        Args:
            labels: int32 array (n,).

        Returns:
            A finite stream of `(image, label)`.
        """
        places = tf.data.Dataset.from_tensor_slices((self.rows, labels)).batch(BATCH)
        drawn = beside([self], places)
        images = drawn.map(lambda pixels, at: (tf.gather(pixels[0], at[0]), at[1])).unbatch()
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


def beside(held: Sequence[InMemory], stream: tf.data.Dataset) -> tf.data.Dataset:
    """Puts the pixels beside every element of a stream, for a function that draws from them.

    TensorFlow rewrites pipelines, and copies the tensors in them, but for those in a list; where a
    function reads a variable, deterministic operations allow no batch to be prepared ahead.

    Args:
        held: Images in memory.
        stream: Any.

    Returns:
        A stream of `(pixels, element)`: a tuple of the tensors that hold the images, each once.
    """
    tensors = list({id(each.pixels): each.pixels for each in held}.values())
    with tf.device(PROCESSOR):
        packed = tf.raw_ops.EmptyTensorList(
            element_shape=-1, max_num_elements=len(tensors), element_dtype=tf.uint8
        )
        for tensor in tensors:
            packed = tf.raw_ops.TensorListPushBack(input_handle=packed, tensor=tensor)
    shapes = [tensor.shape for tensor in tensors]

    def unpack(packed, *element):
        found = [
            tf.raw_ops.TensorListGetItem(
                input_handle=packed, index=index, element_shape=-1, element_dtype=tf.uint8
            )
            for index in range(len(shapes))
        ]
        return tuple(map(tf.ensure_shape, found, shapes)), *element

    return tf.data.Dataset.zip(tf.data.Dataset.from_tensors(packed).repeat(), stream).map(unpack)


def gatherer(
    held: Sequence[InMemory],
) -> Callable[[Sequence[tf.Tensor], tf.Tensor, tf.Tensor], tf.Tensor]:
    """Makes a function that takes images out of memory.

    Args:
        held: Where they are; places of some may be in the same tensor.

    Returns:
        Takes the pixels that `beside` gives, which of `held`, int32 or int64 (n,), and the place in
        its tensor, int64 (n,), to images (n, height, width, channels).
    """
    tensors = list(dict.fromkeys(id(each.pixels) for each in held))
    tensor_of = tf.constant([tensors.index(id(each.pixels)) for each in held])

    def gather(pixels, which, place):
        source = tf.gather(tensor_of, which)
        rows = tf.dynamic_partition(tf.range(len(place)), source, len(tensors))
        places = tf.dynamic_partition(place, source, len(tensors))
        images = tf.dynamic_stitch(rows, list(map(tf.gather, pixels, places)))
        return tf.ensure_shape(images, (*place.shape, *held[0].pixels.shape[1:]))

    return gather


def load_images(images: Blocks) -> InMemory:
    """Copies images to where pipelines draw from.

    Args:
        images: uint8.

    Returns:
        All of them, in their order.
    """
    with tf.device(PROCESSOR):
        pixels = tf.raw_ops.Empty(shape=images.shape, dtype=tf.uint8, init=True)
        done = 0
        for some in images.read():
            # Where the tensor lies, for made of an array it would for a moment be there twice.
            rows: np.ndarray = np.arange(done, done + len(some), dtype=np.int32)
            tf.raw_ops.InplaceUpdate(x=pixels, i=rows, v=some)
            done += len(some)
    return InMemory(pixels, np.arange(images.shape[0]))


def load_stream(
    stream: tf.data.Dataset, count: int, image_shape: tuple[int, int, int]
) -> tuple[InMemory, np.ndarray]:
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

    held = load_images(Blocks((count, *image_shape), np.dtype(np.uint8), read))
    return held, np.concatenate(labels)
