"""Losses of adversarial training and of autoencoders, as pure functions."""

from collections.abc import Callable

import tensorflow as tf

SQRT_EPSILON = 1e-12


def non_saturating_critic_loss(real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor:
    """What the critic (discriminator) of the original GAN minimises: cross entropy.

    Equation 1 of Goodfellow et al. 2014, "Generative Adversarial Networks" (arXiv 1406.2661), with
    the probability of being real as the sigmoid of the score.

    Args:
        real_scores: Critic scores of real images, any shape.
        fake_scores: Critic scores of generated images, any shape.

    Returns:
        float32 scalar, at least 0; 2 log 2 for a critic that cannot tell.
    """
    return tf.reduce_mean(tf.nn.softplus(-real_scores)) + tf.reduce_mean(
        tf.nn.softplus(fake_scores)
    )


def non_saturating_generator_loss(fake_scores: tf.Tensor) -> tf.Tensor:
    """What the generator of the original GAN minimises, in the form that does not saturate.

    Section 3 of Goodfellow et al. 2014: the generator maximises the log probability that its
    images are real.

    Args:
        fake_scores: Critic scores of generated images, any shape.

    Returns:
        float32 scalar, at least 0.
    """
    return tf.reduce_mean(tf.nn.softplus(-fake_scores))


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
    """Cross entropy between pixels and the probabilities that a decoder gives them.

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

    Moving a reconstruction by some length changes it by at most that length, as it does the score
    of a critic with a slope of 1; so the two can be added with weights near 1, whatever the size of
    the images.

    Args:
        images: float tensor (n, height, width, channels).
        reconstructions: float tensor of the same shape.

    Returns:
        float32 tensor (n,), at least 0.
    """
    squares = tf.reduce_sum(tf.square(images - reconstructions), axis=[1, 2, 3])
    return tf.sqrt(squares + SQRT_EPSILON)


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


def wasserstein_critic_losses(
    critic: Callable[[tf.Tensor], tf.Tensor],
    real_images: tf.Tensor,
    fake_images: tf.Tensor,
    epsilon: tf.Tensor | None,
    gradient_penalty_weight: float,
    drift_weight: float = 0.0,
) -> dict[str, tf.Tensor]:
    """What the critic of a Wasserstein GAN with gradient penalty minimises, and its parts.

    Args:
        critic: Maps images to one score each.
        real_images: float tensor (n, height, width, channels).
        fake_images: float tensor of the same shape.
        epsilon: See `gradient_penalty`; None for a step without a penalty.
        gradient_penalty_weight: Weight of the penalty; lambda in Gulrajani et al. 2017.
        drift_weight: Weight of the mean square of the real scores, which keeps them near 0
            (appendix A.1 of Karras et al. 2018).

    Returns:
        float32 scalars `critic_loss`, `wasserstein_distance` and, with a penalty,
        `gradient_penalty`.
    """
    real_scores, fake_scores = critic(real_images), critic(fake_images)
    distance = wasserstein_distance(real_scores, fake_scores)
    found = {"critic_loss": -distance, "wasserstein_distance": distance}
    if epsilon is not None:
        penalty = gradient_penalty(critic, real_images, fake_images, epsilon)
        found["critic_loss"] += gradient_penalty_weight * penalty
        found["gradient_penalty"] = penalty
    if drift_weight:
        found["critic_loss"] += drift_weight * tf.reduce_mean(tf.square(real_scores))
    return found
