"""Augmentation: pure functions of a batch of images and a seed, for `tf.data` maps."""

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from kerasaug.data.sampling import Augmentation
from kerasaug.images import deform

OPERATIONS = 2
"""Operations of `randaugment` per image."""
LAYER_OPTIONS = {"seed": 0, "dtype": "float32"}
"""Of all layers. The seed is replaced; without one they would use up Python's random numbers."""


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


def randaugment() -> Augmentation:
    """Makes a function that applies two random operations to every image, of moderate strength.

    `keras.layers.RandAugment` draws the two once per batch, equalizes by the histogram of the whole
    batch, turns and shears in one direction only, and computes all operations to use two of them.

    Reference:
        Cubuk et al. 2020, "RandAugment: Practical automated data augmentation with a reduced
        search space", arXiv 1909.13719.
    """
    moved = {"fill_mode": "nearest", **LAYER_OPTIONS}
    layers = [
        keras.layers.Identity(dtype="float32"),
        keras.layers.AutoContrast(dtype="float32"),
        keras.layers.Equalization(dtype="float32"),
        keras.layers.RandomPosterization((4, 8), **LAYER_OPTIONS),
        keras.layers.Solarization(threshold_factor=1.0, **LAYER_OPTIONS),
        keras.layers.RandomBrightness(0.3, **LAYER_OPTIONS),
        keras.layers.RandomContrast((0.3, 0.3), **LAYER_OPTIONS),
        keras.layers.RandomColorDegeneration(0.5, **LAYER_OPTIONS),
        keras.layers.RandomSharpness((0.25, 0.75), **LAYER_OPTIONS),
        keras.layers.RandomRotation(15 / 360, **moved),
        keras.layers.RandomShear(0.15, 0.15, **moved),
        keras.layers.RandomTranslation(0.15, 0.15, **moved),
    ]

    def change_one(element):
        image, seed = element
        image = tf.cast(image, tf.float32)[None]
        for step in tf.unstack(tf.random.split(seed, OPERATIONS)):
            choice = tf.random.stateless_uniform((), step, 0, len(layers), tf.int32)
            # All but the one that is drawn are skipped.
            branches = [functools.partial(call_with_seed, layer, image, step) for layer in layers]
            image = tf.switch_case(choice, branches)
        return _to_pixels(image[0])

    def change(images, seed):
        seeds = tf.random.split(seed, tf.shape(images)[0])
        return tf.map_fn(change_one, (images, seeds), fn_output_signature=tf.uint8)

    return change


AUGMENTATIONS: dict[str, Callable[[], Augmentation]] = {
    "crop-rotate": lambda: crop_rotate,
    "affine": lambda: affine,
    "shift": lambda: _applied(_shifting()),
    "flip-shift": lambda: _applied(_flipping(), _shifting()),
    # Zhong et al. 2017, "Random Erasing Data Augmentation", arXiv 1708.04896.
    "flip-shift-erasing": lambda: _applied(
        _flipping(), _shifting(), keras.layers.RandomErasing(**LAYER_OPTIONS)
    ),
    "randaugment": randaugment,
}
"""What makes a function with the arguments and the result of `affine`; see `arms.MODIFIERS`.

It must be made outside of `tf.data` maps, where Keras layers cannot be.
"""


def call_with_seed(layer: keras.Layer, inputs: Any, seed: tf.Tensor) -> Any:
    """Calls a Keras layer so that what it draws depends on `seed` alone.

    The layer's own generator is neither read nor advanced: batches may be computed in any order,
    in parallel and again.

    Args:
        layer: One that has random numbers from one generator, or none.
        inputs: What it takes.
        seed: int tensor (2,).
    """
    # Keras counts up the second number; without `fold_in`, batches would share random numbers.
    states = [(state, tf.random.fold_in(seed, 0)) for state in layer.non_trainable_variables]
    with keras.StatelessScope(states):
        return layer(inputs, training=True)


def _flipping():
    return keras.layers.RandomFlip("horizontal", **LAYER_OPTIONS)


def _shifting():
    return keras.layers.RandomTranslation(0.05, 0.05, fill_mode="nearest", **LAYER_OPTIONS)


def _applied(*layers):
    """Makes an augmentation of Keras layers, one after the other."""

    def change(images, seed):
        images = tf.cast(images, tf.float32)
        seeds = tf.unstack(tf.random.split(seed, len(layers)))
        for layer, own_seed in zip(layers, seeds, strict=True):
            images = call_with_seed(layer, images, own_seed)
        return _to_pixels(images)

    return change


def _to_pixels(images):
    return tf.cast(tf.round(tf.clip_by_value(images, 0.0, 255.0)), tf.uint8)


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
    return _to_pixels(moved)
