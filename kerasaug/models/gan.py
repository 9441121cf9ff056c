"""The original GAN, to compare the Wasserstein loss with."""

import keras
import tensorflow as tf

from kerasaug.models.adversarial import AdversarialModel


@keras.saving.register_keras_serializable("kerasaug")
class GAN(AdversarialModel):
    """GAN with the non-saturating loss, conditional when `num_classes` is given.

    Its networks are those of `WGAN`, and the critic is what the paper calls a discriminator.

    Args:
        image_shape: `(height, width, channels)`; sides from 8.
        num_classes: How many classes a conditional model knows; None for an unconditional one.
        n_critic: Critic steps per generator step; 1 as in the paper.
        **kwargs: See `AdversarialModel`.

    Example:
        >>> GAN(image_shape=(28, 28, 1)).generate(3).shape
        (3, 28, 28, 1)

    Reference:
        Goodfellow et al. 2014, "Generative Adversarial Networks", arXiv 1406.2661.
    """

    loss_names = ("critic_loss", "generator_loss")

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        n_critic: int = 1,
        **kwargs,
    ):
        super().__init__(image_shape, num_classes, n_critic=n_critic, **kwargs)

    def critic_losses(self, critic, real_images, fake_images, seed):
        """Cross entropy (equation 1), where the sigmoid of a score is the probability of real."""
        real_scores, fake_scores = critic(real_images), critic(fake_images)
        real_loss = tf.reduce_mean(tf.nn.softplus(-real_scores))
        return {"critic_loss": real_loss + tf.reduce_mean(tf.nn.softplus(fake_scores))}

    def generator_loss(self, fake_scores):
        """Cross entropy of taking the images for real, which does not saturate (section 3)."""
        return tf.reduce_mean(tf.nn.softplus(-fake_scores))
