"""`GenerativeModel`: what every generative model does."""

import abc
import inspect
import math
import os

import keras
import numpy as np
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.files import atomic
from kerasaug.images import decode_to_uint8, to_uint8
from kerasaug.limits import SMALLEST_SIDE
from kerasaug.models import replicas


class SavedMean(keras.metrics.Mean):
    """A mean that is saved with its model, as Keras' own is not: an epoch may be interrupted."""

    def add_variable(self, shape, initializer, dtype=None, aggregation="mean", name=None):
        """Makes a variable with the same value on all replicas.

        Keras' own are summed when they are read, for which all workers would have to read them.
        """
        initializer = keras.initializers.get(initializer)
        variable = keras.Variable(
            initializer, shape, dtype, trainable=False, aggregation="mean", name=name
        )
        self._tracker.add_to_store("variables", variable)
        return variable

    def save_own_variables(self, store):
        """Writes the sum and the number of values."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store):
        """Reads what `save_own_variables` wrote."""
        for index, variable in enumerate(self.variables):
            variable.assign(store[str(index)])


class GenerativeModel(keras.Model, abc.ABC):
    """A model that makes images from latents and, if it is conditional, from class labels.

    A subclass keeps every argument of its `__init__` in an attribute of the same name, for
    `get_config`; an argument that it keeps otherwise it adds to `get_config` itself.

    Args:
        image_shape: `(height, width, channels)`; sides from 8.
        num_classes: How many classes a conditional model knows; None for an unconditional one.
        latent_dim: Length of the latent vectors.
        seed: Of the random numbers of training, which are a function of it and of the number of
            steps taken. A model that is saved and loaded is trained on as if never stopped.

    Attributes:
        loss_names: What a train step logs.
        batches_per_step: How many batches of real images one train step takes, concatenated.
        grows: Whether the networks grow, from small images to those of `image_shape`.
    """

    loss_names: tuple[str, ...]
    batches_per_step: int = 1
    grows: bool = False

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        latent_dim: int = 64,
        seed: int = 0,
        **kwargs,
    ):
        if min(image_shape[:2]) < SMALLEST_SIDE:
            raise InputError(
                f"`image_shape` must have sides >= {SMALLEST_SIDE}. Received: {image_shape}"
            )
        super().__init__(**kwargs)
        height, width, channels = image_shape
        self.image_shape = (height, width, channels)
        self.num_classes = num_classes
        self.latent_dim = latent_dim
        self.seed = seed
        self.step = self.add_weight(
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="step",
        )
        self.loss_trackers = {name: SavedMean(name=name) for name in self.loss_names}

    @property
    def metrics(self):
        """The means of the losses since they were last reset."""
        return list(self.loss_trackers.values())

    @property
    def steps_taken(self) -> int:
        """How many train steps the model has taken."""
        return int(self.step.numpy())

    @abc.abstractmethod
    def compile_for_training(self, learning_rate: float) -> None:
        """Compiles with the optimizers that suit the model.

        Args:
            learning_rate: Of all optimizers.
        """

    @abc.abstractmethod
    def decode(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Makes images from latents.

        Args:
            latents: float32 (n, latent_dim).
            labels: int32 (n,); an unconditional model ignores them.

        Returns:
            float32 images (n, height, width, channels) in [-1, 1].
        """

    def call(self, latents, labels):
        """See `decode`."""
        return self.decode(latents, labels)

    def sample(self, labels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws latents and decodes them.

        Args:
            labels: int32 (n,), the class of each image.
            seed: int32 (2,). Same labels and seed, same images.

        Returns:
            uint8 images (n, height, width, channels).
        """
        return to_uint8(self.decode(self._draw_latents(tf.shape(labels)[0], seed), labels))

    def generate(self, count: int, class_id: int = 0, seed: int = 0) -> np.ndarray:
        """Makes images of one class.

        Args:
            count: How many; at least 1.
            class_id: Their class; an unconditional model ignores it.
            seed: Same count, class and seed, same images.

        Returns:
            uint8 array (count, height, width, channels).

        Raises:
            InputError: If the count or the class is out of range.
        """
        if count < 1:
            raise InputError(f"`count` must be >= 1. Received: count={count}")
        self.check_classes(class_id)
        latents = self._draw_latents(count, tf.constant([seed, 0]))
        return decode_to_uint8(self.decode, latents, class_id)

    def check_classes(self, class_ids: np.ndarray | int) -> None:
        """Refuses classes that the model does not know; an unconditional one takes any.

        Args:
            class_ids: int array, or one class.

        Raises:
            InputError: If a class is out of range.
        """
        for class_id in np.unique(class_ids):
            if self.num_classes is not None and not 0 <= class_id < self.num_classes:
                raise InputError(
                    f"`class_id` must be in [0, {self.num_classes}). Received: class_id={class_id}"
                )

    def export(self, filepath: str | os.PathLike[str]) -> None:
        """Writes a SavedModel that makes images without this package and without Keras.

        Its signature `serving_default(labels: int32 (n,), seed: int32 (2,))` returns `images`,
        uint8 (n, height, width, channels); `generate(count, class_id, seed)` makes the same images
        as `labels=[class_id] * count, seed=[seed, 0]`. Its endpoint `decode(latents: float32
        (n, latent_dim), labels: int32 (n,))` returns float32 images in [-1, 1].

        Args:
            filepath: The folder to write; it appears whole or not at all.
        """
        labels = tf.TensorSpec((None,), tf.int32, name="labels")
        seed = tf.TensorSpec((2,), tf.int32, name="seed")
        latents = tf.TensorSpec((None, self.latent_dim), tf.float32, name="latents")

        def serve(labels, seed):
            return {"images": self.sample(labels, seed)}

        archive = keras.export.ExportArchive()
        archive.add_endpoint("serving_default", serve, input_signature=[labels, seed])
        archive.add_endpoint("decode", self.decode, input_signature=[latents, labels])
        with atomic(filepath) as draft:
            archive.write_out(str(draft), verbose=False)

    def get_config(self):
        """The arguments of `__init__`, for an equal, untrained model."""
        classes = [c for c in reversed(type(self).__mro__) if issubclass(c, GenerativeModel)]
        names = [name for c in classes for name in inspect.signature(c.__init__).parameters]
        arguments = {name: getattr(self, name) for name in names if hasattr(self, name)}
        return {**arguments, **super().get_config()}

    def _maybe_symbolic_build(self, *args, **kwargs):
        """Does nothing: under a strategy, Keras would build the model again by a batch of images.

        For that it reduces the batch over the workers, which fails with several of them.
        """

    def _draw_latents(self, count, seed):
        return replicas.normal((count, self.latent_dim), seed)

    def _descend(self, optimizer, tape, loss, variables):
        """Takes a step of an optimizer; returns the loss, NaN where its gradient is not finite."""
        gradients = replicas.scale_gradients(tape.gradient(loss, variables))
        optimizer.apply(gradients, variables)
        finite = [tf.reduce_all(tf.math.is_finite(g)) for g in gradients if g is not None]
        return tf.where(tf.reduce_all(finite), loss, math.nan)

    def _step_seed(self):
        return tf.stack([tf.constant(self.seed, tf.int64), tf.convert_to_tensor(self.step)])

    def _means(self, losses):
        for name, tracker in self.loss_trackers.items():
            tracker.update_state(losses[name])
        means = {name: tracker.result() for name, tracker in self.loss_trackers.items()}
        if replicas.count() == 1:
            return means
        # Keras takes the mean over replicas along an axis, which scalars do not have (keras issue
        # 20585).
        return {name: tf.reshape(mean, (1,)) for name, mean in means.items()}
