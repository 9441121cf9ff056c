"""What models with an encoder can do: encode, reconstruct, transfer, vary."""

import abc
import functools

import numpy as np
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.images import for_each, in_chunks, make, to_float
from kerasaug.models.generative import GenerativeModel


def reparameterized(mean: tf.Tensor, log_variance: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Draws from a diagonal normal distribution in a way that gradients pass through.

    Section 2.4 of Kingma and Welling 2014, "Auto-Encoding Variational Bayes" (arXiv 1312.6114).

    Args:
        mean: float32 (n, d).
        log_variance: Natural logarithm of the variance, float32 (n, d).
        noise: From the standard normal distribution, float32 (n, d).

    Returns:
        float32 (n, d).
    """
    return mean + tf.exp(0.5 * log_variance) * noise


class EncodingModel(GenerativeModel):
    """A generative model that also finds the codes of images; see `GenerativeModel`."""

    @property
    @abc.abstractmethod
    def codes_are_styles(self) -> bool:
        """Whether the model is told the class on both sides, so that codes hold what is left."""

    @abc.abstractmethod
    def encode_batch(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the distribution of codes that belongs to each image.

        Args:
            images: float32 (n, height, width, channels) in [-1, 1].
            labels: int32 (n,); a model that is told no classes ignores them.

        Returns:
            Mean and natural logarithm of the variance, float32 (n, latent_dim).
        """

    @abc.abstractmethod
    def decode_batch(self, codes: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Makes images of codes.

        Args:
            codes: float32 (n, latent_dim).
            labels: int32 (n,); a model that is told no classes ignores them.

        Returns:
            float32 images (n, height, width, channels) in [-1, 1].
        """

    def encode(
        self, images: np.ndarray, labels: np.ndarray | int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Does the same as `encode_batch` for any number of images.

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
            lambda some, classes: self._encode_compiled(to_float(some), classes),
            images,
            for_each(labels, len(images)),
        )

    def decode_codes(self, codes: np.ndarray, labels: np.ndarray | int = 0) -> np.ndarray:
        """Does the same as `decode_batch` for any number of codes.

        Args:
            codes: float32 array (n, latent_dim).
            labels: int array (n,), or one class for all.

        Returns:
            uint8 array (n, height, width, channels).

        Raises:
            InputError: If a class is out of range.
        """
        self.check_classes(labels)
        return make(self._decode_compiled, np.asarray(codes, np.float32), labels)

    def reconstruct(self, images: np.ndarray, labels: np.ndarray | int = 0) -> np.ndarray:
        """Encodes images and decodes the means of their codes.

        Args:
            images: uint8 array (n, height, width, channels).
            labels: int array (n,), or one class for all.

        Returns:
            uint8 array of the same shape.

        Raises:
            InputError: See `encode`.
        """
        return self.decode_codes(self.encode(images, labels)[0], labels)

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
            InputError: If the model's codes are not styles, or see `encode`.
        """
        if not self.codes_are_styles:
            raise InputError("`transfer` needs a model that is told the classes")
        return self.decode_codes(self.encode(images, class_ids)[0], to_class)

    def vary(
        self,
        images: np.ndarray,
        class_ids: np.ndarray | int,
        differences: np.ndarray,
        strength: float,
        which: np.ndarray | None = None,
    ) -> np.ndarray:
        """Changes images as other images differ among themselves.

        A difference of codes, times `strength`, is added to an image's code. What that changes in
        the decoded image is added to the image itself, which so keeps its class and all detail
        that the model cannot reproduce.

        Args:
            images: uint8 array (m, height, width, channels).
            class_ids: Their classes, int array (m,), or one class for all.
            differences: float32 array (n, latent_dim), each between the codes of two images of one
                class.
            strength: 0 changes nothing, but for rounding; of 1, a change is as large as the
                difference.
            which: The image that each difference changes, int array (n,) in [0, m); None for each
                its own.

        Returns:
            uint8 array (n, height, width, channels).

        Raises:
            InputError: See `encode`.

        Reference:
            Hariharan and Girshick 2017, "Low-shot Visual Recognition by Shrinking and
            Hallucinating Features", arXiv 1606.02819, and Schwartz et al. 2018, "Delta-encoder: an
            effective sample synthesis method for few-shot object recognition", arXiv 1806.04734,
            which carry such differences over in the features of a classifier.
        """
        which = np.arange(len(images)) if which is None else which
        codes, labels = self.encode(images, class_ids)[0], for_each(class_ids, len(images)).numpy()
        lost = images.astype(np.int16) - self.decode_codes(codes, labels)
        after = self.decode_codes(codes[which] + strength * differences, labels[which])
        changed = lost[which] + after
        return np.clip(changed, 0, 255).astype(np.uint8)

    @functools.cached_property
    def _encode_compiled(self):
        images = tf.TensorSpec((None, *self.image_shape), tf.float32)
        return tf.function(self.encode_batch, (images, tf.TensorSpec((None,), tf.int32)))

    @functools.cached_property
    def _decode_compiled(self):
        codes = tf.TensorSpec((None, self.latent_dim), tf.float32)
        return tf.function(self.decode_batch, (codes, tf.TensorSpec((None,), tf.int32)))
