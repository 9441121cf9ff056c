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


def collect(stream: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Reads a finite stream of `(image, label)` into uint8 (n, h, w, channels) and int32 (n,)."""
    images, labels = zip(*stream.batch(READ_BATCH).as_numpy_iterator(), strict=True)
    return np.concatenate(images), np.concatenate(labels)
