"""The variational autoencoder."""

import keras
import numpy as np
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.models import losses, networks
from kerasaug.models.encoding import EncodingModel

STATISTICS_DECAY = 0.99
SMALLEST_VARIANCE = 1e-3


@keras.saving.register_keras_serializable("kerasaug")
class VAE(EncodingModel):
    """Variational autoencoder, conditional or not.

    A conditional one is given the class on both sides, so its latents hold the style alone;
    `transfer` decodes the style of one class's images as another class. The latents of an
    unconditional one hold the class as well, so they are a map of the data; it makes a class from a
    normal distribution that follows the latents of that class's images during training.

    Args:
        image_shape: `(height, width, channels)`; sides from 8.
        num_classes: How many classes it makes; None to take all images as one.
        latent_dim: Length of the latents, from 2, which makes a map that can be drawn as it is.
        width: Feature maps at full resolution; they double at every halving, up to 256.
        kl_weight: Weight of the divergence; beta in Higgins et al. 2017.
        conditional: Whether encoder and decoder are given the class; needs `num_classes`.
        **kwargs: See `GenerativeModel`.

    Example:
        >>> vae = VAE(image_shape=(28, 28, 1), num_classes=10)
        >>> vae.transfer(vae.generate(3, class_id=4), class_ids=4, to_class=5).shape
        (3, 28, 28, 1)

    Reference:
        Kingma and Welling 2014, "Auto-Encoding Variational Bayes", arXiv 1312.6114; Sohn et al.
        2015, "Learning Structured Output Representation using Deep Conditional Generative Models".
    """

    loss_names = ("loss", "reconstruction_loss", "kl_loss")

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        latent_dim: int = 16,
        width: int = 32,
        kl_weight: float = 1.0,
        conditional: bool = True,
        **kwargs,
    ):
        if latent_dim < 2:
            raise InputError(f"`latent_dim` must be >= 2. Received: latent_dim={latent_dim}")
        super().__init__(image_shape, num_classes, latent_dim, **kwargs)
        self.width = width
        self.kl_weight = kl_weight
        self.conditional = self.latents_are_styles = conditional and num_classes is not None
        condition = num_classes if self.conditional else None
        options = (image_shape, condition, latent_dim, width)
        self.encoder = networks.build_encoder(*options)
        self.decoder = networks.build_generator(*options, activation="linear", name="decoder")
        if not self.conditional:
            self._add_latent_statistics(num_classes or 1)
        self.built = True

    def compile_for_training(self, learning_rate):
        """Compiles with Adam; see `GenerativeModel.compile_for_training`."""
        # On processors XLA is slower.
        self.compile(keras.optimizers.Adam(learning_rate), jit_compile=False)
        # A saved state is only restored into an optimizer that is built.
        self.optimizer.build(self.trainable_variables)

    def train_step(self, data):
        """Takes one step on reconstruction and divergence.

        Args:
            data: `(images, labels)`: float32 (n, height, width, channels) in [-1, 1] and int32
                (n,).

        Returns:
            Means of the losses so far in this epoch, by name; in nats per image.
        """
        images, labels = data
        with tf.GradientTape() as tape:
            seed = self._step_seed()
            mean, log_variance, latents = self._sample_posterior(images, labels, seed)
            logits = self.decoder([latents, labels], training=True)
            reconstruction = tf.reduce_mean(losses.reconstruction_loss(images, logits))
            divergence = tf.reduce_mean(losses.kl_divergence(mean, log_variance))
            loss = reconstruction + self.kl_weight * divergence
        loss = self._descend(self.optimizer, tape, loss, self.trainable_variables)
        if not self.conditional:
            self._update_latent_statistics(latents, labels)
        self.step.assign_add(1)
        return self._means(
            {"loss": loss, "reconstruction_loss": reconstruction, "kl_loss": divergence}
        )

    def decode(self, latents, labels):
        """Makes the most likely images; see `GenerativeModel.decode`."""
        if not self.conditional:
            mean, root = self._latent_distribution(labels)
            latents = mean + tf.linalg.matvec(root, latents)
        return self.decode_batch(latents, labels)

    def encode_batch(self, images, labels):
        """See `EncodingModel.encode_batch`."""
        return self.encoder([images, labels], training=False)

    def decode_batch(self, latents, labels):
        """See `EncodingModel.decode_batch`; the most likely images."""
        logits = self.decoder([latents, labels], training=False)
        return 2.0 * tf.sigmoid(logits) - 1.0

    def _add_latent_statistics(self, classes):
        # A latent drawn from the prior stands for every class until the first images.
        identity = np.broadcast_to(np.eye(self.latent_dim), (classes, *2 * (self.latent_dim,)))
        for name, start in (
            ("latent_count", np.ones(classes)),
            ("latent_sum", np.zeros((classes, self.latent_dim))),
            ("latent_outer_sum", identity),
        ):
            weight = self.add_weight(start.shape, trainable=False, name=name, dtype="float32")
            weight.assign(start)
            setattr(self, name, weight)

    def _update_latent_statistics(self, latents, labels):
        for weight, values in (
            (self.latent_count, tf.ones_like(latents[:, 0])),
            (self.latent_sum, latents),
            (self.latent_outer_sum, latents[:, :, None] * latents[:, None, :]),
        ):
            new = tf.math.unsorted_segment_sum(values, self._rows(labels), weight.shape[0])
            weight.assign(STATISTICS_DECAY * weight + new)

    def _latent_distribution(self, labels):
        """Means (n, d) and roots of the covariances (n, d, d) of the latents of classes."""
        count = tf.convert_to_tensor(self.latent_count)
        mean = self.latent_sum / count[:, None]
        covariance = self.latent_outer_sum / count[:, None, None]
        covariance -= mean[:, :, None] * mean[:, None, :]
        covariance += SMALLEST_VARIANCE * tf.eye(self.latent_dim)
        labels = self._rows(labels)
        return tf.gather(mean, labels), tf.gather(tf.linalg.cholesky(covariance), labels)

    def _rows(self, labels):
        """The row of each label in the statistics: 0 where all images are one class."""
        return labels if self.num_classes else tf.zeros_like(labels)
