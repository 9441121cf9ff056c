"""Pixels converted (uint8 outside the models, float32 in [-1, 1] inside them) and moved."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

CHUNK = 256
"""Images that are made or looked at at a time."""


def to_float(images: tf.Tensor) -> tf.Tensor:
    """Converts pixels to what the models compute with.

    Args:
        images: uint8 tensor of any shape, values in [0, 255].

    Returns:
        float32 tensor of the same shape, values in [-1, 1].
    """
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def to_uint8(images: tf.Tensor) -> tf.Tensor:
    """Converts what the models compute with to pixels; the inverse of `to_float`.

    Args:
        images: float tensor of any shape; values outside [-1, 1] are clipped.

    Returns:
        uint8 tensor of the same shape, values in [0, 255].
    """
    pixels = tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5)
    return tf.cast(tf.clip_by_value(pixels, 0.0, 255.0), tf.uint8)


def in_chunks(function: Callable[..., Any], *arrays: np.ndarray | tf.Tensor) -> Any:
    """Calls a function on a part of its inputs at a time.

    Args:
        function: Takes a tensor (k, ...) for each of `arrays` and gives one or several.
        *arrays: Of equal length, at least 1.

    Returns:
        What the function gives, as NumPy arrays that hold all parts.
    """
    parts = [
        keras.tree.map_structure(np.asarray, function(*(each[i : i + CHUNK] for each in arrays)))
        for i in range(0, len(arrays[0]), CHUNK)
    ]
    return keras.tree.map_structure(lambda *found: np.concatenate(found), *parts)


def make(
    decode: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    latents: np.ndarray | tf.Tensor,
    labels: np.ndarray | int,
) -> np.ndarray:
    """Makes any number of images, a part at a time.

    Args:
        decode: From latents (k, latent_dim) and int32 labels (k,) to float images (k, height,
            width, channels) in [-1, 1].
        latents: float32 (n, latent_dim).
        labels: int (n,), or one class for all.

    Returns:
        uint8 array (n, height, width, channels).
    """
    classes = for_each(labels, len(latents))
    return in_chunks(lambda *some: to_uint8(decode(*some)), tf.convert_to_tensor(latents), classes)


def for_each(labels: np.ndarray | int, count: int) -> tf.Tensor:
    """Gives every image its class.

    Args:
        labels: int (count,), or one class for all.
        count: How many images there are.

    Returns:
        int32 tensor (count,).
    """
    return tf.broadcast_to(tf.cast(labels, tf.int32), (count,))


def deform(images: tf.Tensor, matrix: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """Shows a window of every image, linearly deformed about its centre, at the image's full size.

    Args:
        images: float32 tensor (n, height, width, channels).
        matrix: float32 (n, 2, 2), from places in the result, right and down from its centre, to
            places in the window; the identity leaves the image as it is.
        shift: float32 (n, 2), how far the window's centre lies from the image's, right and down, in
            sides.

    Returns:
        float32 tensor of the same shape; what lies outside repeats the border. Gradients pass
        through it to `images`.
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
