"""The progressively growing Wasserstein GAN."""

import math

import keras

from kerasaug.models import networks
from kerasaug.models.adversarial import Stage
from kerasaug.models.layers import (
    ClassProjection,
    Equalized,
    FadeIn,
    LeakyReLU,
    MinibatchStddev,
    PixelNormalization,
)
from kerasaug.models.wgan import WGAN


@keras.saving.register_keras_serializable("kerasaug")
class ProgressiveWGAN(WGAN):
    """Wasserstein GAN that grows from coarse to fine, conditional when `num_classes` is given.

    Training begins with the smallest images, at most 7 pixels wide, and adds a block at a time,
    each fading in, until `image_shape` is reached. The networks of a stage share their layers with
    those of all others, so a step costs what the size of its images costs. Real images are shrunk
    and blended to match.

    Args:
        image_shape: `(height, width, channels)`; sides from 8.
        num_classes: How many classes a conditional model knows; None for an unconditional one.
        drift_weight: Weight of the mean square of the real scores in the critic's loss.
        **kwargs: See `WGAN` and `AdversarialModel`; `phase_steps` sets the pace.

    Example:
        >>> gan = ProgressiveWGAN(image_shape=(28, 28, 1), num_classes=10, phase_steps=600)
        >>> gan.generate(3, class_id=5).shape
        (3, 28, 28, 1)

    Reference:
        Karras et al. 2018, "Progressive Growing of GANs for Improved Quality, Stability, and
        Variation", arXiv 1710.10196.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        drift_weight: float = 0.001,
        **kwargs,
    ):
        super().__init__(image_shape, num_classes, drift_weight=drift_weight, **kwargs)

    def build_stages(self):
        """See `AdversarialModel.build_stages`; one for every size."""
        sizes = networks.sizes(self.image_shape)
        maps = networks.channels(self.image_shape, self.width)
        generators = self._build_generators(sizes, maps)
        critics = self._build_critics(sizes, maps)
        return [Stage(*pair) for pair in zip(critics, generators, strict=True)]

    def _build_generators(self, sizes, maps):
        latents = keras.Input((self.latent_dim,), name="latents")
        labels = keras.Input((), dtype="int32", name="labels")
        progress = keras.Input((), name="progress")
        features = networks.with_class(latents, labels, self.num_classes)
        features = PixelNormalization()(features)
        features = _dense(math.prod(sizes[0]) * maps[0])(features)
        features = keras.layers.Reshape((*sizes[0], maps[0]))(features)
        features = _activate(_convolution(maps[0])(_activate(features)))
        images = self._to_rgb(0)(features)
        generators = [self._generator(latents, labels, progress, images, 0)]
        for block, size in enumerate(sizes[1:], start=1):
            features = _enlarge(features, size)
            features = _activate(_convolution(maps[block])(features))
            features = _activate(_convolution(maps[block])(features))
            fine = self._to_rgb(block)(features)
            images = FadeIn(block)(_enlarge(images, size), fine, progress)
            generators.append(self._generator(latents, labels, progress, images, block))
        return generators

    def _generator(self, latents, labels, progress, images, block):
        images = keras.layers.Activation("tanh", dtype="float32")(images)
        return keras.Model([latents, labels, progress], images, name=f"generator_{block}")

    def _to_rgb(self, block):
        return _convolution(self.image_shape[2], kernel_size=1, gain=1.0, name=f"to_rgb_{block}")

    def _build_critics(self, sizes, maps):
        labels = keras.Input((), dtype="int32", name="labels")
        progress = keras.Input((), name="progress")
        from_rgb = [
            _convolution(count, kernel_size=1, name=f"from_rgb_{block}")
            for block, count in enumerate(maps)
        ]
        blocks = [
            (_convolution(maps[block]), _convolution(maps[block - 1]))
            for block in range(1, len(maps))
        ]
        head = [MinibatchStddev(), _convolution(maps[0]), LeakyReLU()]
        head += [keras.layers.Flatten(), _dense(maps[0]), LeakyReLU()]
        to_score = _dense(1, gain=1.0, use_bias=False)
        to_class = _dense(self.latent_dim, gain=1.0, use_bias=False)
        projection = ClassProjection(self.num_classes) if self.num_classes else None
        critics = []
        for finest, size in enumerate(sizes):
            images = keras.Input((*size, self.image_shape[2]), name="images")
            features, coarse = LeakyReLU()(from_rgb[finest](images)), images
            for block in range(finest, 0, -1):
                for convolution in blocks[block - 1]:
                    features = LeakyReLU()(convolution(features))
                features = keras.layers.AveragePooling2D(2, padding="same")(features)
                # Blocks long faded in cost a small convolution here, so that the finest network
                # holds every variable, for the optimizer and the saved file.
                coarse = keras.layers.AveragePooling2D(2, padding="same")(coarse)
                coarse_features = LeakyReLU()(from_rgb[block - 1](coarse))
                features = FadeIn(block)(coarse_features, features, progress)
            for layer in head:
                features = layer(features)
            scores = to_score(features)
            if projection is not None:
                scores += projection(to_class(features), labels)
            scores = keras.layers.Activation("linear", dtype="float32")(scores)
            critics.append(keras.Model([images, labels, progress], scores, name=f"critic_{finest}"))
        return critics


def _convolution(maps: int, kernel_size: int = 3, gain: float = 2.0, name: str | None = None):
    layer = keras.layers.Conv2D(
        maps, kernel_size, padding="same", kernel_initializer=keras.initializers.RandomNormal(0, 1)
    )
    return Equalized(layer, gain, name=name)


def _dense(units: int, gain: float = 2.0, use_bias: bool = True):
    layer = keras.layers.Dense(
        units, use_bias=use_bias, kernel_initializer=keras.initializers.RandomNormal(0, 1)
    )
    return Equalized(layer, gain)


def _activate(features):
    return PixelNormalization()(LeakyReLU()(features))


def _enlarge(features, size):
    return networks.crop_to(keras.layers.UpSampling2D(2)(features), size)
