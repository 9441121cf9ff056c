"""Pixels converted (uint8 outside the models, float32 inside them) and deformed."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

CHUNK_SIZE = 256
"""Images that pass through a network at a time."""


def to_float(images: tf.Tensor) -> tf.Tensor:
    """Converts uint8 pixels in [0, 255], of any shape, to float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def as_float(images: tf.Tensor) -> tf.Tensor:
    """Makes float32 pixels in [0, 255], as classifiers take them, of uint8 ones of any shape."""
    return tf.cast(images, tf.float32)


def to_uint8(images: tf.Tensor) -> tf.Tensor:
    """Converts floats to uint8 pixels, as the inverse of `to_float`; clips outside of [-1, 1]."""
    pixels = tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5)
    return tf.cast(tf.clip_by_value(pixels, 0.0, 255.0), tf.uint8)


def in_chunks(function: Callable[..., Any], *arrays: np.ndarray | tf.Tensor) -> Any:
    """Calls a function on `CHUNK_SIZE` rows of its inputs at a time.

    Args:
        function: Takes a tensor (k, ...) for each of `arrays`; returns one tensor or several.
        *arrays: Of equal length, at least 1.

    Returns:
        What the function returns, as NumPy arrays of all rows.
    """
    chunks = [
        keras.tree.map_structure(
            np.asarray, function(*(array[start : start + CHUNK_SIZE] for array in arrays))
        )
        for start in range(0, len(arrays[0]), CHUNK_SIZE)
    ]
    return keras.tree.map_structure(lambda *outputs: np.concatenate(outputs), *chunks)


def decode_to_uint8(
    decode: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    latents: np.ndarray | tf.Tensor,
    labels: np.ndarray | int,
) -> np.ndarray:
    """Decodes any number of latents, in chunks, to uint8 images (n, height, width, channels).

    Args:
        decode: From latents (k, latent_dim) and int32 labels (k,) to float images in [-1, 1].
        latents: float32 (n, latent_dim).
        labels: int (n,), or one class for all.
    """
    labels = broadcast_labels(labels, len(latents))
    return in_chunks(lambda *chunk: to_uint8(decode(*chunk)), tf.convert_to_tensor(latents), labels)


def broadcast_labels(labels: np.ndarray | int, count: int) -> tf.Tensor:
    """Makes an int32 tensor (count,) of labels (count,), or of one class for all images."""
    return tf.broadcast_to(tf.cast(labels, tf.int32), (count,))


def deform(images: tf.Tensor, matrix: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """Shows a window of every image, linearly deformed about its centre, at the image's full size.

    Args:
        images: float32 tensor (n, height, width, channels).
        matrix: float32 (n, 2, 2), from points in the result, right and down from its centre, to
            points in the window; the identity leaves the image as it is.
        shift: float32 (n, 2), how far the window's centre lies from the image's, right and down, in
            sides.

    Returns:
        float32 tensor of the same shape; outside the image, its border is repeated. Gradients pass
        through to `images`.
    """
    sides = tf.constant([images.shape[2], images.shape[1]], tf.float32)
    centre = (sides - 1.0) / 2.0
    start = centre + shift * sides - matrix[:, :, 0] * centre[0] - matrix[:, :, 1] * centre[1]
    projective = [matrix[:, 0], start[:, :1], matrix[:, 1], start[:, 1:], tf.zeros_like(shift)]
    return keras.ops.image.affine_transform(
        images,
        tf.concat(projective, axis=1),
        interpolation="bilinear",
        fill_mode="nearest",
        data_format="channels_last",
    )
