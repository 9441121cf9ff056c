"""The variational autoencoder."""

import keras
import numpy as np
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.models import losses, networks
from kerasaug.models.encoding import EncodingModel, reparameterized

CODE_MEMORY = 0.99
SMALLEST_VARIANCE = 1e-3


@keras.saving.register_keras_serializable("kerasaug")
class VAE(EncodingModel):
    """Variational autoencoder, told the classes or not.

    One that is told the class on both sides keeps in its codes what is left: the style. `transfer`
    decodes the style of one class's images as another class. One that is not told puts the class
    into the codes as well, so that they are a map of the data; it makes a class from a normal
    distribution that follows the codes of that class's images during training.

    Args:
        image_shape: `(height, width, channels)`; sides from 8.
        num_classes: How many classes it makes; None to take all images as one.
        latent_dim: Length of the codes, from 2, which makes a map that can be drawn as it is.
        width: Feature maps at full resolution; they double at every halving, up to 256.
        kl_weight: Weight of the divergence; beta in Higgins et al. 2017.
        conditional: Whether encoder and decoder are told the class; needs `num_classes`.
        seed: See `GenerativeModel`.

    Example:
        >>> vae = VAE(image_shape=(28, 28, 1), num_classes=10)
        >>> vae.transfer(vae.generate(3, class_id=4), class_ids=4, to_class=5).shape
        (3, 28, 28, 1)

    Reference:
        Kingma and Welling 2014, "Auto-Encoding Variational Bayes", arXiv 1312.6114; Sohn et al.
        2015, "Learning Structured Output Representation using Deep Conditional Generative Models".
    """

    loss_names: tuple[str, ...] = ("loss", "reconstruction_loss", "kl_loss")
    batches_per_step = 1

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        latent_dim: int = 16,
        width: int = 32,
        kl_weight: float = 1.0,
        conditional: bool = True,
        seed: int = 0,
        **kwargs,
    ):
        if latent_dim < 2:
            raise InputError(f"`latent_dim` must be >= 2. Received: latent_dim={latent_dim}")
        super().__init__(image_shape, num_classes, latent_dim, seed, **kwargs)
        self.width = width
        self.kl_weight = kl_weight
        self.conditional = conditional and num_classes is not None
        told = num_classes if self.conditional else None
        self.encoder = networks.build_encoder(image_shape, told, latent_dim, width)
        self.decoder = self._build_decoder(told)
        if not self.conditional:
            self._add_code_statistics(num_classes or 1)
        self.built = True

    @property
    def codes_are_styles(self):
        """See `EncodingModel.codes_are_styles`."""
        return self.conditional

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
        noise = self._draw_latents(tf.shape(images)[0], self._step_seed())
        with tf.GradientTape() as tape:
            mean, log_variance = self.encoder([images, labels], training=True)
            latents = reparameterized(mean, log_variance, noise)
            logits = self.decoder([latents, labels], training=True)
            reconstruction = tf.reduce_mean(losses.reconstruction_loss(images, logits))
            divergence = tf.reduce_mean(losses.kl_divergence(mean, log_variance))
            loss = reconstruction + self.kl_weight * divergence
        loss = self._descend(self.optimizer, tape, loss, self.trainable_variables)
        if not self.conditional:
            self._follow_codes(latents, labels)
        self.step.assign_add(1)
        return self._means(
            {"loss": loss, "reconstruction_loss": reconstruction, "kl_loss": divergence}
        )

    def decode(self, latents, labels):
        """Makes the most likely images; see `GenerativeModel.decode`."""
        if not self.conditional:
            mean, root = self._code_distribution(labels)
            latents = mean + tf.linalg.matvec(root, latents)
        return self.decode_batch(latents, labels)

    def encode_batch(self, images, labels):
        """See `EncodingModel.encode_batch`."""
        return self.encoder([images, labels], training=False)

    def decode_batch(self, codes, labels):
        """See `EncodingModel.decode_batch`; the most likely images."""
        logits = self.decoder([codes, labels], training=False)
        return 2.0 * tf.sigmoid(logits) - 1.0

    def _add_code_statistics(self, classes):
        # One code drawn from the prior stands for every class until the first images are seen.
        identity = np.broadcast_to(np.eye(self.latent_dim), (classes, *2 * (self.latent_dim,)))
        for name, start in (
            ("code_count", np.ones(classes)),
            ("code_sum", np.zeros((classes, self.latent_dim))),
            ("code_outer_sum", identity),
        ):
            weight = self.add_weight(start.shape, trainable=False, name=name, dtype="float32")
            weight.assign(start)
            setattr(self, name, weight)

    def _follow_codes(self, codes, labels):
        classes = self.code_count.shape[0]
        index = labels if self.num_classes else tf.zeros_like(labels)
        for weight, values in (
            (self.code_count, tf.ones_like(codes[:, 0])),
            (self.code_sum, codes),
            (self.code_outer_sum, codes[:, :, None] * codes[:, None, :]),
        ):
            new = tf.math.unsorted_segment_sum(values, index, classes)
            weight.assign(CODE_MEMORY * weight + new)

    def _code_distribution(self, labels):
        """Means (n, d) and roots of the covariances (n, d, d) of the codes of classes."""
        count = tf.convert_to_tensor(self.code_count)
        mean = self.code_sum / count[:, None]
        covariance = self.code_outer_sum / count[:, None, None]
        covariance -= mean[:, :, None] * mean[:, None, :]
        covariance += SMALLEST_VARIANCE * tf.eye(self.latent_dim)
        index = labels if self.num_classes else tf.zeros_like(labels)
        return tf.gather(mean, index), tf.gather(tf.linalg.cholesky(covariance), index)

    def _build_decoder(self, num_classes):
        latents = keras.Input((self.latent_dim,), name="latents")
        labels = keras.Input((), dtype="int32", name="labels")
        features = networks.with_class(latents, labels, num_classes)
        logits = networks.convolve_up(features, self.image_shape, self.width)
        logits = keras.layers.Activation("linear", dtype="float32")(logits)
        return keras.Model([latents, labels], logits, name="decoder")
