"""The progressively growing Wasserstein GAN."""

import functools
import math

import keras
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.models import networks, schedule
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
    each fading in, until `image_shape` is reached. There is a critic and a generator for every
    image size, a stage; all share their layers, so a step costs what the size of its images costs.
    The number of steps taken selects the stage. Real images are shrunk and blended to match.

    Args:
        image_shape: `(height, width, channels)`; sides from 8.
        num_classes: How many classes a conditional model knows; None for an unconditional one.
        drift_weight: Weight of the mean square of the real scores in the critic's loss.
        phase_steps: Steps per phase, at least 1; see `schedule.growing_progress`.
        **kwargs: See `WGAN` and `AdversarialModel`.

    Example:
        >>> gan = ProgressiveWGAN(image_shape=(28, 28, 1), num_classes=10, phase_steps=600)
        >>> gan.generate(3, class_id=5).shape
        (3, 28, 28, 1)

    Reference:
        Karras et al. 2018, "Progressive Growing of GANs for Improved Quality, Stability, and
        Variation", arXiv 1710.10196.
    """

    grows = True

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        drift_weight: float = 0.001,
        phase_steps: int = 1,
        **kwargs,
    ):
        if phase_steps < 1:
            raise InputError(f"`phase_steps` must be >= 1. Received: phase_steps={phase_steps}")
        super().__init__(image_shape, num_classes, drift_weight=drift_weight, **kwargs)
        self.phase_steps = phase_steps

    def build_networks(self):
        """See `AdversarialModel.build_networks`; those of the last stage, which hold all layers."""
        sizes = networks.sizes(self.image_shape)
        maps = networks.channels(self.image_shape, self.width)
        generators = self._build_generators(sizes, maps)
        critics = self._build_critics(sizes, maps)
        self._stages = list(zip(critics, generators, strict=True))
        return self._stages[-1]

    def progress(self) -> tf.Tensor:
        """How far the networks have grown: float32 scalar in [0, number of stages - 1]."""
        return schedule.growing_progress(self.step.value, self.phase_steps, len(self._stages) - 1)

    def network_inputs(self, batch, labels):
        """See `AdversarialModel.network_inputs`; the progress too, for every image."""
        return [batch, labels, tf.fill((tf.shape(batch)[0],), self.progress())]

    def train_networks(self, images, labels):
        """See `AdversarialModel.train_networks`; trains the stage of this step."""
        branches = [
            functools.partial(self._train_stage, stage, images, labels)
            for stage in range(len(self._stages))
        ]
        return tf.switch_case(schedule.live_stage(self.progress()), branches)

    def _train_stage(self, stage, images, labels):
        images = schedule.shrink_to_stage(images, stage, len(self._stages), self.progress())
        return self._train_pair(*self._stages[stage], images, labels)

    def _build_generators(self, sizes, maps):
        latents = keras.Input((self.latent_dim,), name="latents")
        labels = keras.Input((), dtype="int32", name="labels")
        progress = keras.Input((), name="progress")
        features = networks.with_class(latents, labels, self.num_classes)
        features = PixelNormalization()(features)
        features = _dense(math.prod(sizes[0]) * maps[0])(features)
        features = keras.layers.Reshape((*sizes[0], maps[0]))(features)
        features = _activate(_convolution(maps[0])(_activate(features)))
        images = [self._to_rgb(0)(features)]
        for block, size in enumerate(sizes[1:], start=1):
            features = _enlarge(features, size)
            features = _activate(_convolution(maps[block])(features))
            features = _activate(_convolution(maps[block])(features))
            fine = self._to_rgb(block)(features)
            images.append(FadeIn(block)(_enlarge(images[-1], size), fine, progress))
        tanh = keras.layers.Activation("tanh", dtype="float32")
        return [
            keras.Model([latents, labels, progress], tanh(output), name=f"generator_{block}")
            for block, output in enumerate(images)
        ]

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
        for stage, size in enumerate(sizes):
            images = keras.Input((*size, self.image_shape[2]), name="images")
            features, coarse = LeakyReLU()(from_rgb[stage](images)), images
            for block in range(stage, 0, -1):
                for convolution in blocks[block - 1]:
                    features = LeakyReLU()(convolution(features))
                features = keras.layers.AveragePooling2D(2, padding="same")(features)
                # A block that is faded in costs a small convolution here, so that the finest
                # network holds every variable, for the optimizer and the saved file.
                coarse = keras.layers.AveragePooling2D(2, padding="same")(coarse)
                coarse_features = LeakyReLU()(from_rgb[block - 1](coarse))
                features = FadeIn(block)(coarse_features, features, progress)
            for layer in head:
                features = layer(features)
            scores = to_score(features)
            if projection is not None:
                scores += projection(to_class(features), labels)
            scores = keras.layers.Activation("linear", dtype="float32")(scores)
            critics.append(keras.Model([images, labels, progress], scores, name=f"critic_{stage}"))
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
