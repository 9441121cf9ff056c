"""The original GAN, so that one can see what the Wasserstein loss buys."""

import keras

from kerasaug.models import losses
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

    loss_names: tuple[str, ...] = ("critic_loss", "generator_loss")

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        n_critic: int = 1,
        **kwargs,
    ):
        super().__init__(image_shape, num_classes, n_critic=n_critic, **kwargs)

    def critic_losses(self, critic, real_images, fake_images, seed, number):
        """See `AdversarialModel.critic_losses`."""
        loss = losses.non_saturating_critic_loss(critic(real_images), critic(fake_images))
        return {"critic_loss": loss}

    def generator_loss(self, fake_scores):
        """See `AdversarialModel.generator_loss`."""
        return losses.non_saturating_generator_loss(fake_scores)
