"""A Wasserstein GAN with an encoder beside the critic."""

import keras
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.models import averaging, losses, networks, replicas
from kerasaug.models.encoding import EncodingModel
from kerasaug.models.wgan import WGAN


@keras.saving.register_keras_serializable("kerasaug")
class VAEWGAN(WGAN, EncodingModel):
    """Variational autoencoder whose decoder also has to please a Wasserstein critic.

    Generator and encoder minimise the distance of a reconstruction from its image and the
    divergence of the latents from noise; the generator alone has to please the critic too. The
    critic scores images made from noise, and images made from the latents of one real image and the
    class of another, so `transfer` is trained for and makes sharp images. The networks are those of
    `WGAN` and the encoder of `VAE`.

    Args:
        image_shape: `(height, width, channels)`; sides from 8.
        num_classes: How many classes a conditional model knows; None for an unconditional one.
        reconstruction_weight: Weight of `losses.reconstruction_distance`.
        kl_weight: Weight of the divergence of the latents. More takes the class out of them, less
            keeps more of the style.
        encoded_share: Share of the critic's generated images that are made from encoded latents.
        **kwargs: See `WGAN` and `AdversarialModel`.

    Example:
        >>> model = VAEWGAN(image_shape=(28, 28, 1), num_classes=10)
        >>> model.transfer(model.generate(3, class_id=4), class_ids=4, to_class=5).shape
        (3, 28, 28, 1)

    Reference:
        Larsen et al. 2016, "Autoencoding beyond pixels using a learned similarity metric", arXiv
        1512.09300, here with a Wasserstein critic and pixel distances; Gulrajani et al. 2017,
        "Improved Training of Wasserstein GANs", arXiv 1704.00028.
    """

    loss_names = (*WGAN.loss_names, "reconstruction_loss", "kl_loss")

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        reconstruction_weight: float = 1.0,
        kl_weight: float = 0.2,
        encoded_share: float = 0.5,
        **kwargs,
    ):
        if not 0.0 <= encoded_share <= 1.0:
            raise InputError(
                f"`encoded_share` must be in [0, 1]. Received: encoded_share={encoded_share}"
            )
        super().__init__(image_shape, num_classes, **kwargs)
        self.reconstruction_weight = reconstruction_weight
        self.kl_weight = kl_weight
        self.encoded_share = encoded_share
        self.latents_are_styles = num_classes is not None
        self.encoder = networks.build_encoder(
            self.image_shape, self.num_classes, self.latent_dim, self.width
        )
        self.ema_encoder = averaging.frozen_copy(self.encoder)

    def extra_losses(self, images, labels, seed):
        """See `AdversarialModel.extra_losses`: those of an autoencoder."""
        mean, log_variance, latents = self._sample_posterior(images, labels, seed)
        reconstructions = self.generator([latents, labels], training=True)
        distance = tf.reduce_mean(losses.reconstruction_distance(images, reconstructions))
        divergence = tf.reduce_mean(losses.kl_divergence(mean, log_variance))
        return {
            "reconstruction_loss": (self.reconstruction_weight, distance),
            "kl_loss": (self.kl_weight, divergence),
        }

    def fake_latents(self, images, labels, seed):
        """See `AdversarialModel.fake_latents`: noise, or the latents of the image before.

        The encoder learns from its own losses, not to please the critic (section 3.2 of Larsen et
        al. 2016).
        """
        noise_seed, latent_seed, choice_seed = tf.unstack(tf.random.split(seed, 3))
        noise = super().fake_latents(images, labels, noise_seed)
        _, _, latents = self._sample_posterior(images, labels, latent_seed)
        choice = replicas.uniform((tf.shape(images)[0], 1), choice_seed)
        return tf.where(choice < self.encoded_share, tf.roll(latents, 1, axis=0), noise)

    def generator_variables(self, generator):
        """See `AdversarialModel.generator_variables`; those of the encoder too."""
        return super().generator_variables(generator) + self.encoder.trainable_variables

    def update_averages(self):
        """See `AdversarialModel.update_averages`; that of the encoder too."""
        super().update_averages()
        averaging.update(self.ema_encoder, self.encoder, self.ema_decay, self.step)

    def encode_batch(self, images, labels):
        """See `EncodingModel.encode_batch`."""
        return self.ema_encoder([images, labels], training=False)

    def decode_batch(self, latents, labels):
        """See `EncodingModel.decode_batch`."""
        return self.decode(latents, labels)
