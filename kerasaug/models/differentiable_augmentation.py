"""Augmentation inside adversarial training, for when there are few real images.

The critic sees real and generated images through random changes of the same kind, and gradients
pass through them to the generator. So the critic cannot overfit its few real images, and the
generator does not learn to make changed images. Zhao et al. 2020, "Differentiable Augmentation for
Data-Efficient GAN Training" (arXiv 2006.10738).
"""

import tensorflow as tf

from kerasaug.images import deform
from kerasaug.models import replicas

MAX_TRANSLATION = 0.125
MAX_SCALE = 0.1
MAX_SHEAR = 0.1
CUTOUT_SIDE = 0.3
CUTOUT_PROBABILITY = 0.5
MAX_BRIGHTNESS = 0.25


def augment(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Shifts and slightly deforms images, blanks a square, and changes the brightness of RGB.

    Args:
        images: float32 tensor (n, height, width, channels) in [-1, 1].
        seed: int tensor (2,). Same shape and seed, same changes.

    Returns:
        float32 tensor of the same shape; brightness may leave [-1, 1].
    """
    affine_seed, cutout_seed, brightness_seed = tf.unstack(tf.random.split(seed, 3))
    images = cutout(affine(images, affine_seed), cutout_seed)
    return brightness(images, brightness_seed) if images.shape[-1] == 3 else images


def affine(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Shifts by up to an eighth of the side, scales and shears by up to a tenth; see `augment`."""
    count = tf.shape(images)[0]
    scale_seed, shear_seed, shift_seed = tf.unstack(tf.random.split(seed, 3))
    scale = 1.0 + replicas.uniform((count, 2), scale_seed, -MAX_SCALE, MAX_SCALE)
    shear = replicas.uniform((count, 2), shear_seed, -MAX_SHEAR, MAX_SHEAR)
    shift = replicas.uniform((count, 2), shift_seed, -MAX_TRANSLATION, MAX_TRANSLATION)
    return deform(images, tf.linalg.diag(scale) + tf.reverse(tf.linalg.diag(shear), [2]), shift)


def cutout(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Blanks a square of a third of the side to mid-grey in half of the images; see `augment`."""
    count = tf.shape(images)[0]
    centre_seed, choice_seed = tf.unstack(tf.random.split(seed, 2))
    centre = replicas.uniform((count, 2, 1), centre_seed)
    rows = (tf.range(images.shape[1], dtype=tf.float32) + 0.5) / images.shape[1]
    columns = (tf.range(images.shape[2], dtype=tf.float32) + 0.5) / images.shape[2]
    in_row = tf.abs(rows - centre[:, 0]) < CUTOUT_SIDE / 2.0
    in_column = tf.abs(columns - centre[:, 1]) < CUTOUT_SIDE / 2.0
    in_image = replicas.uniform((count, 1, 1), choice_seed) < CUTOUT_PROBABILITY
    blank = in_row[:, :, None] & in_column[:, None, :] & in_image
    return tf.where(blank[..., None], 0.0, images)


def brightness(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Makes every image brighter or darker by up to an eighth of the range; see `augment`."""
    shape = (tf.shape(images)[0], 1, 1, 1)
    return images + replicas.uniform(shape, seed, -MAX_BRIGHTNESS, MAX_BRIGHTNESS)
