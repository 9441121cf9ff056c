"""`AdversarialModel`: the one train step of everything with a critic and a generator."""

import abc
import functools
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.models import averaging, differentiable_augmentation, networks
from kerasaug.models.generative import GenerativeModel

OPTIMIZERS = ("critic_optimizer", "generator_optimizer")


class AdversarialModel(GenerativeModel):
    """A generator that learns from a critic, which learns to tell its images from real ones.

    A train step splits one batch of real images into `n_critic` batches: the critic takes one step
    on each, then the generator takes one. A running average of the generator's weights makes the
    images; it is what `decode`, `generate` and `export` use.

    Args:
        image_shape: `(height, width, channels)`.
        num_classes: How many classes a conditional model knows; None for an unconditional one.
        width: Feature maps of the networks at full resolution; they double at every halving.
        n_critic: Critic steps per generator step.
        ema_decay: How much of the averaged weights each step keeps, in [0, 1); see
            `averaging.update`.
        augmented_classes: Classes with so few images that the critic could overfit. It sees their
            images, real and generated, through `differentiable_augmentation.augment`.
        **kwargs: See `GenerativeModel`.

    Example:
        `examples/researcher.py` defines a subclass, with squared losses.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        width: int = 32,
        n_critic: int = 3,
        ema_decay: float = 0.995,
        augmented_classes: Sequence[int] = (),
        **kwargs,
    ):
        super().__init__(image_shape, num_classes, **kwargs)
        if n_critic < 1:
            raise InputError(f"`n_critic` must be >= 1. Received: n_critic={n_critic}")
        if not 0.0 <= ema_decay < 1.0:
            raise InputError(f"`ema_decay` must be in [0, 1). Received: ema_decay={ema_decay}")
        self.width = width
        self.n_critic = self.batches_per_step = n_critic
        self.ema_decay = ema_decay
        self.augmented_classes = tuple(augmented_classes)
        self.critic, self.generator = self.build_networks()
        self.ema_generator = averaging.frozen_copy(self.generator)
        self.built = True

    def build_networks(self) -> tuple[keras.Model, keras.Model]:
        """Makes the critic and the generator; see `networks.build_critic` and `build_generator`."""
        options = (self.image_shape, self.num_classes, self.latent_dim, self.width)
        return networks.build_critic(*options), networks.build_generator(*options)

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
        """Sets the two optimizers."""
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
        """Compiles with what `get_compile_config` returned."""
        self.compile(**{name: keras.optimizers.deserialize(config[name]) for name in OPTIMIZERS})

    def train_step(self, data):
        """Takes `n_critic` critic steps and one generator step.

        Args:
            data: `(images, labels)`: float32 (n, height, width, channels) in [-1, 1] and int32
                (n,). Each critic step sees n // n_critic of them, at least 1.

        Returns:
            Means of the losses so far in this epoch, by name.
        """
        losses = self.train_networks(*data)
        self.update_averages()
        self.step.assign_add(1)
        return self._means(losses)

    def train_networks(self, images: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        """Takes the optimizers' steps of one `train_step`; returns the losses by name."""
        return self._train_pair(self.critic, self.generator, images, labels)

    @abc.abstractmethod
    def critic_losses(
        self,
        critic: Callable[[tf.Tensor], tf.Tensor],
        real_images: tf.Tensor,
        fake_images: tf.Tensor,
        seed: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """What the critic minimises, as `critic_loss`, and its parts.

        Args:
            critic: Maps images to scores (n, 1), given their labels.
            real_images: float32 (n, height, width, channels) in [-1, 1].
            fake_images: Generated images of the same shape.
            seed: int64 (2,), for random numbers.

        Returns:
            Scalars by name, `critic_loss` among them.
        """

    @abc.abstractmethod
    def generator_loss(self, fake_scores: tf.Tensor) -> tf.Tensor:
        """What the generator minimises, given the critic's scores (n, 1) of its images."""

    def extra_losses(
        self, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> dict[str, tuple[float, tf.Tensor]]:
        """What the generator's step minimises beside `generator_loss`: nothing.

        Args:
            images: Real images, float32 (n, height, width, channels) in [-1, 1].
            labels: Their classes, int32 (n,).
            seed: int64 (2,), for random numbers.

        Returns:
            Weights and scalars by name.
        """
        return {}

    def fake_latents(self, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws latents of images for the critic: noise, float32 (n, latent_dim).

        Args:
            images: Real images, float32 (n, height, width, channels) in [-1, 1].
            labels: Their classes and those of the images to make, int32 (n,).
            seed: int64 (2,), for random numbers.
        """
        return self._draw_latents(tf.shape(images)[0], seed)

    def network_inputs(self, batch: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        """The inputs of the critic, for a batch of images, or the generator, for latents."""
        return [batch, labels]

    def generator_variables(self, generator: keras.Model) -> list[keras.Variable]:
        """What the generator's step changes: the weights of the generator in training."""
        return generator.trainable_variables

    def update_averages(self) -> None:
        """Moves the averaged weights after a train step."""
        averaging.update(self.ema_generator, self.generator, self.ema_decay, self.step)

    def decode(self, latents, labels):
        """Makes images with the averaged generator; see `GenerativeModel.decode`."""
        return self.ema_generator(self.network_inputs(latents, labels), training=False)

    def _train_pair(self, critic, generator, images, labels):
        """Takes the steps of one train step with images of the size of these networks."""
        *seeds, generator_seed = tf.unstack(tf.random.split(self._step_seed(), self.n_critic + 1))
        seeds = [tf.unstack(tf.random.split(seed, 4)) for seed in seeds]
        size = tf.maximum(tf.shape(images)[0] // self.n_critic, 1)
        # A batch smaller than n_critic gives its last image to the steps left over.
        starts = [tf.minimum(i * size, tf.shape(images)[0] - size) for i in range(self.n_critic)]
        parts = [(images[i : i + size], labels[i : i + size]) for i in starts]
        # The generator does not change during the critic's steps: one pass makes all their images.
        latents = [
            self.fake_latents(*part, seed) for part, (seed, *_) in zip(parts, seeds, strict=True)
        ]
        classes = tf.concat([part_labels for _, part_labels in parts], 0)
        inputs = self.network_inputs(tf.concat(latents, 0), classes)
        fake_images = tf.split(generator(inputs, training=True), self.n_critic)
        losses = [
            self._critic_step(critic, *part, fakes, loss_seeds)
            for part, fakes, (_, *loss_seeds) in zip(parts, fake_images, seeds, strict=True)
        ]
        means = {name: tf.reduce_mean([step[name] for step in losses]) for name in losses[0]}
        generator_losses = self._generator_step(critic, generator, *parts[0], generator_seed)
        return {**means, **generator_losses}

    def _critic_step(self, critic, real_images, labels, fake_images, seeds):
        loss_seed, real_seed, fake_seed = seeds
        real_images = self._augment(real_images, labels, real_seed)
        fake_images = self._augment(fake_images, labels, fake_seed)

        def score(images):
            return critic(self.network_inputs(images, labels), training=True)

        with tf.GradientTape() as tape:
            losses = self.critic_losses(score, real_images, fake_images, loss_seed)
        variables = critic.trainable_variables
        loss = self._descend(self.critic_optimizer, tape, losses["critic_loss"], variables)
        return {**losses, "critic_loss": loss}

    def _generator_step(self, critic, generator, real_images, labels, seed):
        latent_seed, augment_seed, extra_seed = tf.unstack(tf.random.split(seed, 3))
        # Outside the tape: what draws the latents does not learn to please the critic.
        latents = self.fake_latents(real_images, labels, latent_seed)
        variables = self.generator_variables(generator)
        with tf.GradientTape() as tape:
            images = generator(self.network_inputs(latents, labels), training=True)
            images = self._augment(images, labels, augment_seed)
            scores = critic(self.network_inputs(images, labels), training=True)
            loss = self.generator_loss(scores)
            extra = self.extra_losses(real_images, labels, extra_seed)
            total = loss + sum(weight * value for weight, value in extra.values())
        total = self._descend(self.generator_optimizer, tape, total, variables)
        extra = {name: value for name, (_, value) in extra.items()}
        # A gradient that is not finite shows as this loss, a loss that is not as itself.
        finite = tf.reduce_all(tf.math.is_finite([loss, *extra.values()]))
        loss = tf.where(finite & ~tf.math.is_finite(total), total, loss)
        return {"generator_loss": loss, **extra}

    def _augment(self, images, labels, seed):
        if not self.augmented_classes:
            return images
        few = tf.reduce_any(labels[:, None] == tf.constant(self.augmented_classes), axis=1)
        augmented = differentiable_augmentation.augment(images, seed)
        return tf.where(few[:, None, None, None], augmented, images)
