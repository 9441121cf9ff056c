"""Losses of adversarial training, as pure functions."""

from collections.abc import Callable

import tensorflow as tf

SQRT_EPSILON = 1e-12


def wasserstein_distance(real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor:
    """The critic's estimate of how far the generated images are from the real ones.

    Equation 2 of Arjovsky et al. 2017, "Wasserstein GAN" (arXiv 1701.07875). The critic maximises
    it.

    Args:
        real_scores: Critic scores of real images, any shape.
        fake_scores: Critic scores of generated images, any shape.

    Returns:
        float32 scalar.
    """
    return tf.reduce_mean(real_scores) - tf.reduce_mean(fake_scores)


def wasserstein_generator_loss(fake_scores: tf.Tensor) -> tf.Tensor:
    """What the generator of a Wasserstein GAN minimises.

    Args:
        fake_scores: Critic scores of generated images, any shape.

    Returns:
        float32 scalar.
    """
    return -tf.reduce_mean(fake_scores)


def gradient_penalty(
    critic: Callable[[tf.Tensor], tf.Tensor],
    real_images: tf.Tensor,
    fake_images: tf.Tensor,
    epsilon: tf.Tensor,
) -> tf.Tensor:
    """How far the critic's slope is from 1 between real and generated images.

    Equation 3 of Gulrajani et al. 2017, "Improved Training of Wasserstein GANs" (arXiv
    1704.00028), without its weight: the mean of (||gradient|| - 1)^2 at random points between
    pairs of a real and a generated image.

    Args:
        critic: Maps images to one score each.
        real_images: float tensor (n, height, width, channels).
        fake_images: float tensor of the same shape.
        epsilon: Share of the real image in each point, uniform in [0, 1), shape (n, 1, 1, 1).

    Returns:
        float32 scalar, at least 0.
    """
    points = epsilon * real_images + (1.0 - epsilon) * fake_images
    with tf.GradientTape() as tape:
        tape.watch(points)
        scores = critic(points)
    gradients = tf.cast(tape.gradient(scores, points), tf.float32)
    squares = tf.reduce_sum(tf.square(gradients), axis=[1, 2, 3])
    # The gradient of a square root is infinite at 0.
    norms = tf.sqrt(squares + SQRT_EPSILON)
    return tf.reduce_mean(tf.square(norms - 1.0))
