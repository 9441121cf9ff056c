"""Losses of adversarial training and of autoencoders, as pure functions."""

from collections.abc import Callable

import tensorflow as tf

SQRT_EPSILON = 1e-12
"""Added to squares, because the gradient of a square root is infinite at 0."""


def kl_divergence(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """Divergence of diagonal normal distributions from the standard normal one.

    Appendix B of Kingma and Welling 2014, "Auto-Encoding Variational Bayes" (arXiv 1312.6114).

    Args:
        mean: float tensor (n, d).
        log_variance: float tensor (n, d), natural logarithm.

    Returns:
        float32 tensor (n,), at least 0, summed over d; in nats.
    """
    return 0.5 * tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - 1.0 - log_variance, axis=-1)


def reconstruction_loss(images: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Cross entropy between pixels and a decoder's probabilities.

    Args:
        images: float tensor (n, height, width, channels) in [-1, 1], taken as probabilities of
            white from 0 to 1.
        logits: float tensor of the same shape.

    Returns:
        float32 tensor (n,), at least 0, summed over pixels and channels; in nats.
    """
    loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=(images + 1.0) / 2.0, logits=logits)
    return tf.reduce_sum(loss, axis=[1, 2, 3])


def reconstruction_distance(images: tf.Tensor, reconstructions: tf.Tensor) -> tf.Tensor:
    """Euclidean distance between images and their reconstructions.

    When a reconstruction moves by some length, the distance changes by at most that length, like
    the score of a critic with a slope of 1. So the two can be added with weights near 1, whatever
    the size of the images.

    Args:
        images: float tensor (n, height, width, channels).
        reconstructions: float tensor of the same shape.

    Returns:
        float32 tensor (n,), at least 0.
    """
    squares = tf.reduce_sum(tf.square(images - reconstructions), axis=[1, 2, 3])
    return tf.sqrt(squares + SQRT_EPSILON)


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
    norms = tf.sqrt(tf.reduce_sum(tf.square(gradients), axis=[1, 2, 3]) + SQRT_EPSILON)
    return tf.reduce_mean(tf.square(norms - 1.0))


def wasserstein_critic_losses(
    critic: Callable[[tf.Tensor], tf.Tensor],
    real_images: tf.Tensor,
    fake_images: tf.Tensor,
    epsilon: tf.Tensor,
    gradient_penalty_weight: float,
    drift_weight: float = 0.0,
) -> dict[str, tf.Tensor]:
    """What the critic of a Wasserstein GAN with gradient penalty minimises, and its parts.

    The distance is the critic's estimate, equation 2 of Arjovsky et al. 2017, "Wasserstein GAN"
    (arXiv 1701.07875).

    Args:
        critic: Maps images to one score each.
        real_images: float tensor (n, height, width, channels).
        fake_images: float tensor of the same shape.
        epsilon: See `gradient_penalty`.
        gradient_penalty_weight: Lambda in Gulrajani et al. 2017.
        drift_weight: Weight of the mean square of the real scores, which keeps them near 0
            (appendix A.1 of Karras et al. 2018).

    Returns:
        float32 scalars `critic_loss`, `wasserstein_distance` and `gradient_penalty`.
    """
    real_scores, fake_scores = critic(real_images), critic(fake_images)
    distance = tf.reduce_mean(real_scores) - tf.reduce_mean(fake_scores)
    penalty = gradient_penalty(critic, real_images, fake_images, epsilon)
    loss = -distance + gradient_penalty_weight * penalty
    if drift_weight:
        loss += drift_weight * tf.reduce_mean(tf.square(real_scores))
    return {"critic_loss": loss, "wasserstein_distance": distance, "gradient_penalty": penalty}
