"""Pixel conversion: uint8 outside the models, float32 in [-1, 1] inside them."""

import tensorflow as tf


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
