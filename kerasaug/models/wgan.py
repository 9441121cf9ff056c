"""The Wasserstein GAN with gradient penalty."""

import keras
import tensorflow as tf

from kerasaug.models import losses, replicas
from kerasaug.models.adversarial import AdversarialModel


@keras.saving.register_keras_serializable("kerasaug")
class WGAN(AdversarialModel):
    """Wasserstein GAN with gradient penalty, conditional when `num_classes` is given.

    The generator enlarges a small grid of features by transposed convolutions; the critic, its
    mirror image, shrinks an image by strided ones. Neither uses statistics over the batch, which
    the gradient penalty does not allow. A conditional generator takes an embedding of the class
    beside the latents; a conditional critic adds a projection on the class.

    Args:
        image_shape: `(height, width, channels)`; sides from 8.
        num_classes: How many classes a conditional model knows; None for an unconditional one.
        gradient_penalty_weight: Weight of the penalty in the critic's loss; lambda in the paper.
        drift_weight: Weight of the mean square of the real scores in the critic's loss; see
            `ProgressiveWGAN`.
        **kwargs: See `AdversarialModel`.

    Example:
        >>> gan = WGAN(image_shape=(28, 28, 1), num_classes=10)
        >>> gan.generate(3, class_id=5).shape
        (3, 28, 28, 1)

    Reference:
        Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", arXiv 1704.00028.
    """

    loss_names: tuple[str, ...] = (
        "critic_loss",
        "wasserstein_distance",
        "gradient_penalty",
        "generator_loss",
    )

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        gradient_penalty_weight: float = 10.0,
        drift_weight: float = 0.0,
        **kwargs,
    ):
        super().__init__(image_shape, num_classes, **kwargs)
        self.gradient_penalty_weight = gradient_penalty_weight
        self.drift_weight = drift_weight

    def critic_losses(self, critic, real_images, fake_images, seed):
        """See `AdversarialModel.critic_losses`."""
        epsilon = replicas.uniform((tf.shape(real_images)[0], 1, 1, 1), seed)
        weights = (self.gradient_penalty_weight, self.drift_weight)
        return losses.wasserstein_critic_losses(critic, real_images, fake_images, epsilon, *weights)

    def generator_loss(self, fake_scores):
        """See `AdversarialModel.generator_loss`."""
        return -tf.reduce_mean(fake_scores)
