"""`GenerativeModel`: the contract that every generative model keeps."""

import abc
import inspect
import math
import os

import keras
import numpy as np
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.files import atomic
from kerasaug.images import make, to_uint8
from kerasaug.limits import SMALLEST_SIDE
from kerasaug.models import replicas


class SavedMean(keras.metrics.Mean):
    """A mean that is saved with its model, as Keras' own is not: it may span a stop."""

    def add_variable(self, shape, initializer, dtype=None, aggregation="mean", name=None):
        """Makes a variable whose value all replicas have at all times.

        Keras' own are summed when they are read, for which all workers would have to read them.
        """
        variable = keras.Variable(
            keras.initializers.get(initializer),
            shape=shape,
            dtype=dtype,
            trainable=False,
            aggregation="mean",
            name=name,
        )
        self._tracker.add_to_store("variables", variable)
        return variable

    def save_own_variables(self, store):
        """Writes the sum and the number of values."""
        for number, variable in enumerate(self.variables):
            store[str(number)] = variable.numpy()

    def load_own_variables(self, store):
        """Reads what `save_own_variables` wrote."""
        for number, variable in enumerate(self.variables):
            variable.assign(store[str(number)])


class GenerativeModel(keras.Model, abc.ABC):
    """A model that makes images from latents and, if it is conditional, from class labels.

    A subclass keeps every argument of its `__init__` in an attribute of the same name, by which it
    is saved; what it keeps otherwise, its own `get_config` has to add.

    Args:
        image_shape: `(height, width, channels)`; sides from 8.
        num_classes: How many classes a conditional model knows; None for an unconditional one.
        latent_dim: Length of the latent vectors.
        seed: Where the random numbers of training start. They are a function of this and of the
            number of steps taken, so a model that is saved and loaded goes on as if never stopped.
    """

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
        """How many train steps the model has behind it."""
        return int(self.step.numpy())

    @property
    @abc.abstractmethod
    def loss_names(self) -> tuple[str, ...]:
        """What a train step logs."""

    @property
    @abc.abstractmethod
    def batches_per_step(self) -> int:
        """How many batches of real images one train step takes, joined in one."""

    @abc.abstractmethod
    def compile_for_training(self, learning_rate: float) -> None:
        """Compiles with the optimizers that suit the model.

        Args:
            learning_rate: Of all of them.
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
        """The same as `decode`."""
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
            class_id: Their class. An unconditional model makes what it was trained on.
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
        return make(self.decode, latents, class_id)

    def check_classes(self, class_ids: np.ndarray | int) -> None:
        """Refuses classes that the model does not know.

        Args:
            class_ids: int array, or one class.

        Raises:
            InputError: If one of them is out of range; an unconditional model takes any.
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
        """What `__init__` needs to make an equal, untrained model."""
        classes = [each for each in type(self).__mro__ if issubclass(each, GenerativeModel)]
        named = {
            name: getattr(self, name)
            for each in reversed(classes)
            for name in inspect.signature(each.__init__).parameters
            if hasattr(self, name)
        }
        return {**named, **super().get_config()}

    def _maybe_symbolic_build(self, *args, **kwargs):
        """Does nothing: under a strategy, Keras would build what is built, by a batch of images.

        For that it reduces the batch over the workers, which fails with several of them.
        """

    def _draw_latents(self, count, seed):
        return replicas.normal((count, self.latent_dim), seed)

    def _descend(self, optimizer, tape, loss, variables):
        """Takes a step of an optimizer; gives the loss, NaN where its gradient is not finite."""
        gradients = replicas.to_be_summed(tape.gradient(loss, variables))
        optimizer.apply(gradients, variables)
        known = [gradient for gradient in gradients if gradient is not None]
        finite = [tf.reduce_all(tf.math.is_finite(gradient)) for gradient in known]
        return tf.where(tf.reduce_all(finite), loss, math.nan)

    def _step_seed(self):
        return tf.stack([tf.constant(self.seed, tf.int64), tf.convert_to_tensor(self.step)])

    def _means(self, losses):
        for name, tracker in self.loss_trackers.items():
            tracker.update_state(losses[name])
        found = {name: tracker.result() for name, tracker in self.loss_trackers.items()}
        if replicas.count() == 1:
            return found
        # Keras takes the mean over replicas along an axis, which scalars do not have (keras issue
        # 20585).
        return {name: tf.reshape(value, (1,)) for name, value in found.items()}
