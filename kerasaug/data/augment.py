"""Classic augmentation: pure functions of a batch of images and a seed, for `tf.data` maps."""

import math

import tensorflow as tf

from kerasaug.images import deform


def crop_rotate(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """The report's classic augmentation: a random crop, and a rotation by up to 10 degrees.

    The crop is a window of 85 to 100 % of the image's side, placed at random inside the image and
    enlarged to the full size.

    Args:
        images: uint8 tensor (n, height, width, channels).
        seed: int tensor (2,). Same images and seed, same result.

    Returns:
        uint8 tensor of the same shape.

    Example:
        >>> crop_rotate(tf.zeros((3, 28, 28, 1), tf.uint8), seed=tf.constant([0, 0])).shape
        TensorShape([3, 28, 28, 1])
    """
    angle, side, shift = _draw(images, seed, 10.0, (0.85, 1.0), 0.5)
    # The window may move as far as its edge meets the image's.
    return _transform(images, angle, side, shift * (1.0 - side)[:, None])


def affine(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Rotates by up to 11 degrees, shifts by up to a tenth of the side, scales by up to 12 %.

    Args:
        images: uint8 tensor (n, height, width, channels).
        seed: int tensor (2,). Same images and seed, same result.

    Returns:
        uint8 tensor of the same shape.

    Example:
        >>> affine(tf.zeros((3, 28, 28, 1), tf.uint8), seed=tf.constant([0, 0])).shape
        TensorShape([3, 28, 28, 1])
    """
    return _transform(images, *_draw(images, seed, 11.0, (0.88, 1.12), 0.1))


def shift(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Shifts by up to a twentieth of the side.

    Args:
        images: uint8 tensor (n, height, width, channels).
        seed: int tensor (2,). Same images and seed, same result.

    Returns:
        uint8 tensor of the same shape.
    """
    count = tf.shape(images)[0]
    shift = tf.random.stateless_uniform((count, 2), seed, -0.05, 0.05)
    return _transform(images, tf.zeros((count,)), tf.ones((count,)), shift)


def flip_shift(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirrors half of the images, left to right, and shifts all by up to a twentieth of the side.

    Args:
        images: uint8 tensor (n, height, width, channels).
        seed: int tensor (2,). Same images and seed, same result.

    Returns:
        uint8 tensor of the same shape.
    """
    flip_seed, shift_seed = tf.unstack(tf.random.split(seed, 2))
    chosen = tf.random.stateless_uniform((tf.shape(images)[0], 1, 1, 1), flip_seed) < 0.5
    return shift(tf.where(chosen, tf.reverse(images, [2]), images), shift_seed)


AUGMENTATIONS = {
    "crop-rotate": crop_rotate,
    "affine": affine,
    "shift": shift,
    "flip-shift": flip_shift,
}


def _radians(degrees: tf.Tensor) -> tf.Tensor:
    return degrees * (math.pi / 180.0)


def _draw(images, seed, degrees, sides, most):
    """What `_transform` takes, at random: angles, sides, and shifts of at most `most`."""
    count, seeds = tf.shape(images)[0], tf.random.split(seed, 3)
    side = tf.random.stateless_uniform((count,), seeds[0], *sides)
    shift = tf.random.stateless_uniform((count, 2), seeds[1], -most, most)
    return _radians(tf.random.stateless_uniform((count,), seeds[2], -degrees, degrees)), side, shift


def _transform(images: tf.Tensor, angle: tf.Tensor, side: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """Shows a turned, scaled and shifted window of every image at the image's full size.

    Args:
        images: uint8 tensor (n, height, width, channels).
        angle: (n,), turn of the window in radians.
        side: (n,), side of the window over that of the image; below 1 enlarges.
        shift: (n, 2); see `deform`.

    Returns:
        uint8 tensor like `images`.
    """
    cosine, sine = tf.cos(angle) * side, tf.sin(angle) * side
    turn = tf.stack([tf.stack([cosine, -sine], axis=1), tf.stack([sine, cosine], axis=1)], axis=1)
    moved = deform(tf.cast(images, tf.float32), turn, shift)
    return tf.cast(tf.round(tf.clip_by_value(moved, 0.0, 255.0)), tf.uint8)
