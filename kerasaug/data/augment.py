"""Classic augmentation: pure functions of a batch of images and a seed, for `tf.data` maps."""

import math

import tensorflow as tf

from kerasaug.images import deform


def crop_rotate(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Crops 85 to 100 % of the side anywhere in the image, and rotates by up to 10 degrees.

    This is the report's classic augmentation. The crop is enlarged to the full size.

    Args:
        images: uint8 tensor (n, height, width, channels).
        seed: int tensor (2,). Same images and seed, same result.

    Returns:
        uint8 tensor of the same shape.

    Example:
        >>> crop_rotate(tf.zeros((3, 28, 28, 1), tf.uint8), seed=tf.constant([0, 0])).shape
        TensorShape([3, 28, 28, 1])
    """
    angle, side, offset = _draw(images, seed, 10.0, (0.85, 1.0), 0.5)
    # The window may move until its edge meets the image's.
    return _transform(images, angle, side, offset * (1.0 - side)[:, None])


def affine(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Rotates by up to 11 degrees, shifts by up to a tenth of the side, scales by up to 12 %.

    Arguments and result are those of `crop_rotate`.

    Example:
        >>> affine(tf.zeros((3, 28, 28, 1), tf.uint8), seed=tf.constant([0, 0])).shape
        TensorShape([3, 28, 28, 1])
    """
    return _transform(images, *_draw(images, seed, 11.0, (0.88, 1.12), 0.1))


def shift(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Shifts by up to a twentieth of the side; arguments and result are those of `affine`."""
    count = tf.shape(images)[0]
    offset = tf.random.stateless_uniform((count, 2), seed, -0.05, 0.05)
    return _transform(images, tf.zeros((count,)), tf.ones((count,)), offset)


def flip_shift(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirrors half of the images, left to right, and applies `shift` to all; see `affine`."""
    flip_seed, shift_seed = tf.unstack(tf.random.split(seed, 2))
    flipped = tf.random.stateless_uniform((tf.shape(images)[0], 1, 1, 1), flip_seed) < 0.5
    return shift(tf.where(flipped, tf.reverse(images, [2]), images), shift_seed)


AUGMENTATIONS = {
    "crop-rotate": crop_rotate,
    "affine": affine,
    "shift": shift,
    "flip-shift": flip_shift,
}


def _draw(images, seed, degrees, sides, most):
    """Angles, sides and offsets for `_transform`; offsets are in [-most, most]."""
    count, seeds = tf.shape(images)[0], tf.random.split(seed, 3)
    side = tf.random.stateless_uniform((count,), seeds[0], *sides)
    offset = tf.random.stateless_uniform((count, 2), seeds[1], -most, most)
    angle = tf.random.stateless_uniform((count,), seeds[2], -degrees, degrees)
    return angle * (math.pi / 180.0), side, offset


def _transform(images, angle, side, offset):
    """Shows a window of every image at full size, uint8.

    The window is turned by `angle` (n,), in radians; its side is `side` (n,) times the image's; its
    centre is moved by `offset` (n, 2), see `deform`.
    """
    cosine, sine = tf.cos(angle) * side, tf.sin(angle) * side
    turn = tf.stack([tf.stack([cosine, -sine], axis=1), tf.stack([sine, cosine], axis=1)], axis=1)
    moved = deform(tf.cast(images, tf.float32), turn, offset)
    return tf.cast(tf.round(tf.clip_by_value(moved, 0.0, 255.0)), tf.uint8)
