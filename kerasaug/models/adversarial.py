"""`AdversarialModel`: the one train step of everything with a critic and a generator."""

import abc
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.models import averaging, differentiable_augmentation, networks
from kerasaug.models.generative import GenerativeModel
from kerasaug.models.schedule import at_stage, growing_progress, live_stage

OPTIMIZERS = ("critic_optimizer", "generator_optimizer")


class Stage(NamedTuple):
    """The networks of one image size.

    Attributes:
        critic: From `[images, labels, progress]` to one float32 score each, (n, 1).
        generator: From `[latents, labels, progress]` to float32 images in [-1, 1].
    """

    critic: keras.Model
    generator: keras.Model


class AdversarialModel(GenerativeModel):
    """A generator that learns from a critic, which learns to tell its images from real ones.

    A train step takes one batch of real images and parts it into `n_critic` fresh batches: the
    critic takes one step on each, then the generator takes one. A running average of the
    generator's weights makes the images; it is what `decode`, `generate` and `export` use.

    A model that grows has a stage for every image size, from coarse to fine, whose networks share
    their layers; which one is trained follows from the steps taken. The others have one stage.

    Args:
        image_shape: `(height, width, channels)`.
        num_classes: How many classes a conditional model knows; None for an unconditional one.
        latent_dim: Length of the latent vectors.
        width: Feature maps of the networks at full resolution; they double at every halving.
        n_critic: Critic steps per generator step.
        ema_decay: How much of the averaged weights each step keeps, in [0, 1); see
            `averaging.follow`.
        augmented_classes: Classes with so few images that the critic could learn them by heart. It
            sees their images, real and generated, through `differentiable_augmentation.augment`.
        phase_steps: Steps per phase of a model that grows; see `schedule.growing_progress`.
        seed: See `GenerativeModel`.

    Example:
        `examples/researcher.py` makes one of its own, with squared losses.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        latent_dim: int = 64,
        width: int = 32,
        n_critic: int = 3,
        ema_decay: float = 0.995,
        augmented_classes: Sequence[int] = (),
        phase_steps: int = 1,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(image_shape, num_classes, latent_dim, seed, **kwargs)
        if n_critic < 1:
            raise InputError(f"`n_critic` must be >= 1. Received: n_critic={n_critic}")
        if phase_steps < 1:
            raise InputError(f"`phase_steps` must be >= 1. Received: phase_steps={phase_steps}")
        if not 0.0 <= ema_decay < 1.0:
            raise InputError(f"`ema_decay` must be in [0, 1). Received: ema_decay={ema_decay}")
        self.width = width
        self.n_critic = n_critic
        self.ema_decay = ema_decay
        self.augmented_classes = tuple(augmented_classes)
        self.phase_steps = phase_steps
        self._stages = self.build_stages()
        self.critic, self.generator = self._stages[-1]
        self.ema_generator = averaging.averaged(self.generator)
        self.built = True

    def build_stages(self) -> list[Stage]:
        """Makes the networks, from the coarsest images to those of `image_shape`.

        Returns:
            One stage, of the networks that do not grow, unless a subclass makes more.
        """
        options = (self.image_shape, self.num_classes, self.latent_dim, self.width)
        return [Stage(networks.build_critic(*options), networks.build_generator(*options))]

    @abc.abstractmethod
    def critic_losses(
        self,
        critic: Callable[[tf.Tensor], tf.Tensor],
        real_images: tf.Tensor,
        fake_images: tf.Tensor,
        seed: tf.Tensor,
        number: int,
    ) -> dict[str, tf.Tensor]:
        """What the critic minimises, as `critic_loss`, and what it is made of.

        Args:
            critic: Maps images to scores (n, 1), given their labels.
            real_images: float32 (n, height, width, channels) in [-1, 1].
            fake_images: Generated images of the same shape.
            seed: int64 (2,), for random numbers.
            number: Which of the critic's steps of one train step this is, from 0.

        Returns:
            Scalars by name, `critic_loss` among them. What only some of the steps have is averaged
            over those.
        """

    @abc.abstractmethod
    def generator_loss(self, fake_scores: tf.Tensor) -> tf.Tensor:
        """What the generator minimises, given the critic's scores (n, 1) of its images."""

    def fake_latents(self, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws what the images that the critic judges are made from: noise.

        Args:
            images: Real images, float32 (n, height, width, channels) in [-1, 1].
            labels: Their classes and those of the images to make, int32 (n,).
            seed: int64 (2,), for random numbers.

        Returns:
            float32 (n, latent_dim).
        """
        return self._draw_latents(tf.shape(images)[0], seed)

    def further_losses(
        self, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> dict[str, tuple[float, tf.Tensor]]:
        """What the generator's step minimises beside the critic's judgement: nothing.

        Args:
            images: Real images, float32 (n, height, width, channels) in [-1, 1].
            labels: Their classes, int32 (n,).
            seed: int64 (2,), for random numbers.

        Returns:
            Weights and scalars by name.
        """
        return {}

    def generator_variables(self, generator: keras.Model) -> list[keras.Variable]:
        """What the generator's step changes: the weights of the generator.

        Args:
            generator: That of the stage in training.
        """
        return generator.trainable_variables

    def update_averages(self) -> None:
        """Lets the averaged weights follow a train step."""
        averaging.follow(self.ema_generator, self.generator, self.ema_decay, self.step)

    @property
    def batches_per_step(self):
        """See `GenerativeModel.batches_per_step`."""
        return self.n_critic

    def progress(self) -> tf.Tensor:
        """How far the networks have grown: float32 scalar in [0, number of stages - 1]."""
        return growing_progress(self.step.value, self.phase_steps, len(self._stages) - 1)

    def compile_for_training(self, learning_rate):
        """Compiles with Adam; see `GenerativeModel.compile_for_training`."""
        # beta_1 of 0: momentum makes critic and generator chase each other (Gulrajani et al. 2017,
        # table 1; Karras et al. 2018).
        adam = functools.partial(keras.optimizers.Adam, learning_rate, beta_1=0.0, beta_2=0.9)
        self.compile(critic_optimizer=adam(), generator_optimizer=adam())

    def compile(
        self,
        critic_optimizer: keras.optimizers.Optimizer,
        generator_optimizer: keras.optimizers.Optimizer,
    ) -> None:
        """Sets the two optimizers.

        Args:
            critic_optimizer: Optimizer of the critic.
            generator_optimizer: Optimizer of the generator.
        """
        # Keras would otherwise make an optimizer that nobody uses. On processors XLA is slower.
        super().compile(optimizer=None, jit_compile=False)
        self.critic_optimizer = critic_optimizer
        self.generator_optimizer = generator_optimizer
        # A saved state is only restored into optimizers that are built.
        self.critic_optimizer.build(self.critic.trainable_variables)
        self.generator_optimizer.build(self.generator_variables(self.generator))

    def get_compile_config(self):
        """The arguments of `compile`, for saving; None before it was called."""
        if not self.compiled:
            return None
        return {name: keras.optimizers.serialize(getattr(self, name)) for name in OPTIMIZERS}

    def compile_from_config(self, config):
        """Compiles with what `get_compile_config` gave."""
        self.compile(**{name: keras.optimizers.deserialize(config[name]) for name in OPTIMIZERS})

    def train_step(self, data):
        """Takes `n_critic` critic steps and one generator step.

        Args:
            data: `(images, labels)`: float32 (n, height, width, channels) in [-1, 1] and int32
                (n,). Each critic step sees n // n_critic of them, at least 1.

        Returns:
            Means of the losses so far in this epoch, by name.
        """
        branches = [
            functools.partial(self._train_stage, number, *data)
            for number in range(len(self._stages))
        ]
        if len(branches) == 1:
            losses = branches[0]()
        else:
            losses = tf.switch_case(live_stage(self.progress()), branches)
        self.update_averages()
        self.step.assign_add(1)
        return self._means(losses)

    def decode(self, latents, labels):
        """Makes images with the averaged generator; see `GenerativeModel.decode`."""
        inputs = [latents, labels, self._spread(self.progress(), latents)]
        return self.ema_generator(inputs, training=False)

    def _train_stage(self, number, images, labels):
        stage, progress = self._stages[number], self.progress()
        images = at_stage(images, number, len(self._stages), progress)
        size = tf.maximum(tf.shape(images)[0] // self.n_critic, 1)
        *seeds, generator_seed = tf.unstack(tf.random.split(self._step_seed(), self.n_critic + 1))
        seeds = [tf.unstack(tf.random.split(seed, 4)) for seed in seeds]
        parts = []
        for part_number in range(self.n_critic):
            # A batch smaller than n_critic gives its last image to the steps left over.
            start = tf.minimum(part_number * size, tf.shape(images)[0] - size)
            parts.append((images[start : start + size], labels[start : start + size]))
        # The generator does not change during the critic's steps: one pass makes all their images.
        latents = [self.fake_latents(*part, own[0]) for part, own in zip(parts, seeds, strict=True)]
        latents, classes = tf.concat(latents, 0), tf.concat([each for _, each in parts], 0)
        inputs = [latents, classes, self._spread(progress, latents)]
        fake_images = tf.split(stage.generator(inputs, training=True), self.n_critic)
        critic_losses = [
            self._critic_step(stage, *part, fakes, progress, own, part_number)
            for part_number, (part, fakes, (_, *own)) in enumerate(
                zip(parts, fake_images, seeds, strict=True)
            )
        ]
        generator_losses = self._generator_step(stage, *parts[0], progress, generator_seed)
        means = {
            name: tf.reduce_mean([losses[name] for losses in critic_losses if name in losses])
            for name in critic_losses[0]
        }
        return {**means, **generator_losses}

    def _critic_step(self, stage, real_images, labels, fake_images, progress, seeds, number):
        loss_seed, real_seed, fake_seed = seeds
        progress = self._spread(progress, labels)
        real_images = self._augmented(real_images, labels, real_seed)
        fake_images = self._augmented(fake_images, labels, fake_seed)

        def critic(images):
            return stage.critic([images, labels, progress], training=True)

        with tf.GradientTape() as tape:
            losses = self.critic_losses(critic, real_images, fake_images, loss_seed, number)
        variables = stage.critic.trainable_variables
        loss = self._descend(self.critic_optimizer, tape, losses["critic_loss"], variables)
        return {**losses, "critic_loss": loss}

    def _generator_step(self, stage, real_images, labels, progress, seed):
        latent_seed, augment_seed, further_seed = tf.unstack(tf.random.split(seed, 3))
        # Outside the tape: what draws the latents does not learn to please the critic.
        latents = self.fake_latents(real_images, labels, latent_seed)
        progress = self._spread(progress, latents)
        variables = self.generator_variables(stage.generator)
        with tf.GradientTape() as tape:
            images = stage.generator([latents, labels, progress], training=True)
            images = self._augmented(images, labels, augment_seed)
            scores = stage.critic([images, labels, progress], training=True)
            loss = self.generator_loss(scores)
            further = self.further_losses(real_images, labels, further_seed)
            total = loss + sum(weight * value for weight, value in further.values())
        total = self._descend(self.generator_optimizer, tape, total, variables)
        # A gradient that is not finite is told by this name, a loss that is not by its own.
        parts = [loss, *(value for _, value in further.values())]
        told = tf.reduce_all(tf.math.is_finite(parts)) & ~tf.math.is_finite(total)
        loss = tf.where(told, total, loss)
        return {"generator_loss": loss, **{name: value for name, (_, value) in further.items()}}

    def _augmented(self, images, labels, seed):
        if not self.augmented_classes:
            return images
        chosen = tf.reduce_any(labels[:, None] == tf.constant(self.augmented_classes), axis=1)
        changed = differentiable_augmentation.augment(images, seed)
        return tf.where(chosen[:, None, None, None], changed, images)

    def _spread(self, progress, batch):
        return tf.fill((tf.shape(batch)[0],), progress)
