"""The Wasserstein GAN with gradient penalty."""

import keras
import tensorflow as tf

from kerasaug.errors import InputError
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
        penalty_interval: The critic's steps of a train step are penalised at every so-many-th, with
            a weight that is so many times larger; a divisor of `n_critic`. A penalised step takes
            about as long as two others. "Lazy regularization" of appendix B of Karras et al. 2020,
            "Analyzing and Improving the Image Quality of StyleGAN" (arXiv 1912.04958).
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
        penalty_interval: int = 1,
        **kwargs,
    ):
        super().__init__(image_shape, num_classes, **kwargs)
        if penalty_interval < 1 or self.n_critic % penalty_interval:
            raise InputError(
                f"`penalty_interval` must divide n_critic={self.n_critic}. "
                f"Received: penalty_interval={penalty_interval}"
            )
        self.penalty_interval = penalty_interval
        self.gradient_penalty_weight = gradient_penalty_weight
        self.drift_weight = drift_weight

    def critic_losses(self, critic, real_images, fake_images, seed, number):
        """See `AdversarialModel.critic_losses`."""
        epsilon = None
        if number % self.penalty_interval == 0:
            epsilon = replicas.uniform((tf.shape(real_images)[0], 1, 1, 1), seed)
        return losses.wasserstein_critic_losses(
            critic,
            real_images,
            fake_images,
            epsilon,
            self.gradient_penalty_weight * self.penalty_interval,
            self.drift_weight,
        )

    def generator_loss(self, fake_scores):
        """See `AdversarialModel.generator_loss`."""
        return losses.wasserstein_generator_loss(fake_scores)
