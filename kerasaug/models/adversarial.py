"""`AdversarialModel`: the one train step of everything with a critic and a generator."""

import abc

import keras
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.models.generative import GenerativeModel


class AdversarialModel(GenerativeModel):
    """A generator that learns from a critic, which learns to tell its images from real ones.

    A train step takes one batch of real images and parts it into `n_critic` fresh batches: the
    critic takes one step on each, then the generator takes one. Images are made by a running
    average of the generator's weights (Yazici et al. 2019, arXiv 1806.04498), which is what
    `decode`, `generate` and `export` use.

    Args:
        image_shape: `(height, width, channels)`.
        num_classes: How many classes a conditional model knows; None for an unconditional one.
        latent_dim: Length of the latent vectors.
        width: Feature maps of the networks at full resolution; they double at every halving.
        n_critic: Critic steps per generator step.
        ema_decay: How much of the averaged weights each step keeps, in [0, 1). Early on, less is
            kept, so that the average does not remember the initial weights.
        seed: See `GenerativeModel`.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        latent_dim: int = 64,
        width: int = 32,
        n_critic: int = 3,
        ema_decay: float = 0.995,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(image_shape, num_classes, latent_dim, seed, **kwargs)
        if n_critic < 1:
            raise InputError(f"`n_critic` must be >= 1. Received: n_critic={n_critic}")
        if not 0.0 <= ema_decay < 1.0:
            raise InputError(f"`ema_decay` must be in [0, 1). Received: ema_decay={ema_decay}")
        self.width = width
        self.n_critic = n_critic
        self.ema_decay = ema_decay
        self.critic = self.build_critic()
        self.generator = self.build_generator()
        self.ema_generator = keras.models.clone_model(self.generator)
        self.ema_generator.set_weights(self.generator.get_weights())
        self.ema_generator.trainable = False
        self.loss_trackers = {name: keras.metrics.Mean(name=name) for name in self.loss_names}
        self.built = True

    @property
    @abc.abstractmethod
    def loss_names(self) -> tuple[str, ...]:
        """What is logged: the keys of `critic_losses`, and `generator_loss`."""

    @abc.abstractmethod
    def build_critic(self) -> keras.Model:
        """Makes the network from `[images, labels]` to one float32 score each, (n, 1)."""

    @abc.abstractmethod
    def build_generator(self) -> keras.Model:
        """Makes the network from `[latents, labels]` to float32 images in [-1, 1]."""

    @abc.abstractmethod
    def critic_losses(
        self, real_images: tf.Tensor, fake_images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """What the critic minimises, as `critic_loss`, and what it is made of.

        Args:
            real_images: float32 (n, height, width, channels) in [-1, 1].
            fake_images: Generated images of the same shape.
            labels: int32 (n,), the classes of both.
            seed: int32 (2,), for random numbers.

        Returns:
            Scalars by name; every name but `generator_loss` of `loss_names`.
        """

    @abc.abstractmethod
    def generator_loss(self, fake_scores: tf.Tensor) -> tf.Tensor:
        """What the generator minimises, given the critic's scores (n, 1) of its images."""

    def compile(
        self,
        critic_optimizer: keras.optimizers.Optimizer,
        generator_optimizer: keras.optimizers.Optimizer,
        jit_compile: bool = False,
    ) -> None:
        """Sets the two optimizers.

        Args:
            critic_optimizer: Optimizer of the critic.
            generator_optimizer: Optimizer of the generator.
            jit_compile: Whether XLA compiles the train step. On a CPU that is slower.
        """
        # Keras would otherwise make an optimizer that nobody uses.
        super().compile(optimizer=None, jit_compile=jit_compile)
        self.critic_optimizer = critic_optimizer
        self.generator_optimizer = generator_optimizer
        # A saved state is only restored into optimizers that are built.
        self.critic_optimizer.build(self.critic.trainable_variables)
        self.generator_optimizer.build(self.generator.trainable_variables)

    def get_compile_config(self):
        """The arguments of `compile`, for saving."""
        serialize = keras.optimizers.serialize
        return {
            "critic_optimizer": serialize(self.critic_optimizer),
            "generator_optimizer": serialize(self.generator_optimizer),
            "jit_compile": self.jit_compile,
        }

    def compile_from_config(self, config):
        """Compiles with what `get_compile_config` gave."""
        deserialize = keras.optimizers.deserialize
        self.compile(
            critic_optimizer=deserialize(config["critic_optimizer"]),
            generator_optimizer=deserialize(config["generator_optimizer"]),
            jit_compile=config["jit_compile"],
        )

    @property
    def metrics(self):
        """The means of the losses over an epoch."""
        return list(self.loss_trackers.values())

    def train_step(self, data):
        """Takes `n_critic` critic steps and one generator step.

        Args:
            data: `(images, labels)`: float32 (n, height, width, channels) in [-1, 1] and int32
                (n,). Each critic step sees n // n_critic of them, at least 1.

        Returns:
            Means of the losses so far in this epoch, by name.
        """
        images, labels = data
        size = tf.maximum(tf.shape(images)[0] // self.n_critic, 1)
        seeds = tf.random.split(self._step_seed(), self.n_critic + 1)
        for number in range(self.n_critic):
            # A batch smaller than n_critic gives its last image to the steps left over.
            start = tf.minimum(number * size, tf.shape(images)[0] - size)
            part = slice(start, start + size)
            losses = self._critic_step(images[part], labels[part], seeds[number])
            self._track(losses)
        self._track({"generator_loss": self._generator_step(labels[:size], seeds[-1])})
        self._update_ema()
        self.step.assign_add(1)
        return {name: tracker.result() for name, tracker in self.loss_trackers.items()}

    def call(self, latents, labels):
        """The same as `decode`."""
        return self.decode(latents, labels)

    def decode(self, latents, labels):
        """Makes images with the averaged generator; see `GenerativeModel.decode`."""
        return self.ema_generator([latents, labels], training=False)

    def get_config(self):
        """What `__init__` needs to make an equal, untrained model."""
        return {
            **super().get_config(),
            "width": self.width,
            "n_critic": self.n_critic,
            "ema_decay": self.ema_decay,
        }

    def _critic_step(self, real_images, labels, seed):
        latent_seed, loss_seed = tf.unstack(tf.random.split(seed, 2))
        latents = self._draw_latents(tf.shape(labels)[0], latent_seed)
        fake_images = self.generator([latents, labels], training=True)
        with tf.GradientTape() as tape:
            losses = self.critic_losses(real_images, fake_images, labels, loss_seed)
        variables = self.critic.trainable_variables
        gradients = tape.gradient(losses["critic_loss"], variables)
        self.critic_optimizer.apply(gradients, variables)
        return losses

    def _generator_step(self, labels, seed):
        latents = self._draw_latents(tf.shape(labels)[0], seed)
        with tf.GradientTape() as tape:
            fake_images = self.generator([latents, labels], training=True)
            loss = self.generator_loss(self.critic([fake_images, labels], training=True))
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def _update_ema(self):
        step = tf.cast(self.step, tf.float32)
        decay = tf.minimum(self.ema_decay, (1.0 + step) / (10.0 + step))
        for averaged, current in zip(
            self.ema_generator.weights, self.generator.weights, strict=True
        ):
            averaged.assign(decay * averaged + (1.0 - decay) * current)

    def _step_seed(self):
        return tf.stack([tf.constant(self.seed, tf.int64), tf.convert_to_tensor(self.step)])

    def _track(self, losses):
        for name, loss in losses.items():
            self.loss_trackers[name].update_state(loss)
