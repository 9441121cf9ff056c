"""Finite streams of `(image, label)`: decoded, cut short, collected."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

READ_BATCH = 1024


def decoded(
    records: tf.data.Dataset, decode: Callable[[tf.Tensor], tf.Tensor] | None
) -> tf.data.Dataset:
    """Decodes the records of a stream, several at a time and in its order; None leaves it."""
    if decode is None:
        return records
    return records.map(
        lambda record, label: (decode(record), label),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )


def at(stream: tf.data.Dataset, positions: np.ndarray) -> tf.data.Dataset:
    """The elements of a finite stream at some positions, ascending int (n,), at least one."""
    is_wanted: np.ndarray = np.zeros(positions[-1] + 1, dtype=bool)
    is_wanted[positions] = True
    mask = tf.constant(is_wanted)
    # Ends with the last of them, and not with the stream.
    numbered = stream.take(len(mask)).enumerate().filter(lambda position, _: mask[position])
    return numbered.map(lambda _, element: element)


def call_numpy(
    function: Callable[..., np.ndarray], *tensors: tf.Tensor, shape: tuple, dtype: tf.DType
) -> tf.Tensor:
    """Calls a pure function of NumPy arrays in a pipeline; its array has that shape and dtype."""
    # Stateless, or deterministic pipelines would call it for one element after the other, and
    # prepare none ahead.
    result = tf.numpy_function(function, tensors, dtype, stateful=False)
    return tf.ensure_shape(result, shape)


def first_of_each(
    stream: tf.data.Dataset, most: int, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Reads the first images of every class, so that memory does not grow with the stream.

    Args:
        stream: Finite, of `(image, label)`.
        most: Images of a class.
        num_classes: How many classes there are.

    Returns:
        uint8 images (n, height, width, channels) and int32 labels (n,), class by class.
    """

    def count(counts, element):
        _, label = element
        counts += tf.one_hot(label, num_classes, dtype=tf.int32)
        return counts, (element, counts[label] <= most)

    counted = stream.scan(tf.zeros((num_classes,), tf.int32), count)
    images, labels = collect(
        counted.filter(lambda _, wanted: wanted).map(lambda element, _: element)
    )
    by_class = np.argsort(labels, kind="stable")
    return images[by_class], labels[by_class]


def collect(stream: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Reads a finite stream of `(image, label)` into uint8 (n, h, w, channels) and int32 (n,)."""
    images, labels = zip(*stream.batch(READ_BATCH).as_numpy_iterator(), strict=True)
    return np.concatenate(images), np.concatenate(labels)
