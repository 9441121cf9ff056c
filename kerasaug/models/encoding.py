"""`EncodingModel`: encode, decode, reconstruct, transfer, perturb."""

import abc
import functools

import keras
import numpy as np
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.images import broadcast_labels, decode_to_uint8, in_chunks, to_float
from kerasaug.models.generative import GenerativeModel


def reparameterize(mean: tf.Tensor, log_variance: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Makes draws from diagonal normal distributions of standard normal noise, all float32 (n, d).

    Gradients pass through to the mean and the natural logarithm of the variance; section 2.4 of
    Kingma and Welling 2014, "Auto-Encoding Variational Bayes" (arXiv 1312.6114).
    """
    return mean + tf.exp(0.5 * log_variance) * noise


class EncodingModel(GenerativeModel):
    """A generative model that also finds the latents of images; see `GenerativeModel`.

    Attributes:
        encoder: The network in training; see `networks.build_encoder`.
        latents_are_styles: Whether encoder and decoder are conditional, so that latents hold the
            style alone.
    """

    encoder: keras.Model
    latents_are_styles: bool

    @abc.abstractmethod
    def encode_batch(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the distribution of latents that belongs to each image.

        Args:
            images: float32 (n, height, width, channels) in [-1, 1].
            labels: int32 (n,); an unconditional model ignores them.

        Returns:
            Mean and natural logarithm of the variance, float32 (n, latent_dim).
        """

    @abc.abstractmethod
    def decode_batch(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Makes images from the encoder's latents.

        Args:
            latents: float32 (n, latent_dim).
            labels: int32 (n,); an unconditional model ignores them.

        Returns:
            float32 images (n, height, width, channels) in [-1, 1].
        """

    def encode(
        self, images: np.ndarray, labels: np.ndarray | int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Calls `encode_batch` for any number of images.

        Args:
            images: uint8 array (n, height, width, channels).
            labels: int array (n,), or one class for all.

        Returns:
            Mean and natural logarithm of the variance, float32 arrays (n, latent_dim).

        Raises:
            InputError: If there is no image, if they are not uint8, or if a class is out of range.
        """
        if len(images) == 0:
            raise InputError("`images` must hold at least one. Received: none")
        if images.dtype != np.uint8:
            raise InputError(f"`images` must be uint8. Received: {images.dtype}")
        self.check_classes(labels)
        return in_chunks(
            lambda chunk, classes: self._encode_compiled(to_float(chunk), classes),
            images,
            broadcast_labels(labels, len(images)),
        )

    def decode_latents(self, latents: np.ndarray, labels: np.ndarray | int = 0) -> np.ndarray:
        """Calls `decode_batch` for any number of latents, float32 (n, latent_dim).

        Labels are as for `encode`; returns uint8 images (n, height, width, channels).
        """
        self.check_classes(labels)
        return decode_to_uint8(self._decode_compiled, np.asarray(latents, np.float32), labels)

    def reconstruct(self, images: np.ndarray, labels: np.ndarray | int = 0) -> np.ndarray:
        """Encodes images and decodes the means of their latents; see `encode` for the arguments."""
        return self.decode_latents(self.encode(images, labels)[0], labels)

    def transfer(
        self, images: np.ndarray, class_ids: np.ndarray | int, to_class: int
    ) -> np.ndarray:
        """Makes images of one class in the style of images of others.

        Args:
            images: uint8 array (n, height, width, channels).
            class_ids: Their classes, int array (n,), or one class for all.
            to_class: The class to make.

        Returns:
            uint8 array of the same shape.

        Raises:
            InputError: If the model's latents are not styles, or see `encode`.
        """
        if not self.latents_are_styles:
            raise InputError("`transfer` needs a conditional model")
        return self.decode_latents(self.encode(images, class_ids)[0], to_class)

    def perturb(
        self,
        images: np.ndarray,
        class_ids: np.ndarray | int,
        differences: np.ndarray,
        scale: float,
        rows: np.ndarray | None = None,
    ) -> np.ndarray:
        """Changes images as other images of one class differ among themselves.

        A difference of latents, times `scale`, is added to an image's latent. The resulting change
        of the decoded image is added to the image itself, which so keeps its class and all detail
        that the model cannot reproduce.

        Args:
            images: uint8 array (m, height, width, channels).
            class_ids: Their classes, int array (m,), or one class for all.
            differences: float32 array (n, latent_dim), each between the latents of two images of
                one class.
            scale: 0 changes nothing, but for rounding; of 1, a change is as large as the
                difference.
            rows: The image that each difference changes, int array (n,) in [0, m); None for image
                i and difference i.

        Returns:
            uint8 array (n, height, width, channels).

        Raises:
            InputError: See `encode`.

        Reference:
            Hariharan and Girshick 2017, "Low-shot Visual Recognition by Shrinking and
            Hallucinating Features", arXiv 1606.02819, and Schwartz et al. 2018, "Delta-encoder: an
            effective sample synthesis method for few-shot object recognition", arXiv 1806.04734,
            which transfer such differences between the features of a classifier.
        """
        rows = np.arange(len(images)) if rows is None else rows
        latents, _ = self.encode(images, class_ids)
        labels = broadcast_labels(class_ids, len(images)).numpy()
        detail = images.astype(np.int16) - self.decode_latents(latents, labels)
        perturbed = latents[rows] + scale * differences
        images = detail[rows] + self.decode_latents(perturbed, labels[rows])
        return np.clip(images, 0, 255).astype(np.uint8)

    def _sample_posterior(self, images, labels, seed):
        """Mean and log variance of the latents in training, and latents drawn from them."""
        mean, log_variance = self.encoder([images, labels], training=True)
        noise = self._draw_latents(tf.shape(images)[0], seed)
        return mean, log_variance, reparameterize(mean, log_variance, noise)

    @functools.cached_property
    def _encode_compiled(self):
        images = tf.TensorSpec((None, *self.image_shape), tf.float32)
        return tf.function(self.encode_batch, (images, tf.TensorSpec((None,), tf.int32)))

    @functools.cached_property
    def _decode_compiled(self):
        latents = tf.TensorSpec((None, self.latent_dim), tf.float32)
        return tf.function(self.decode_batch, (latents, tf.TensorSpec((None,), tf.int32)))
