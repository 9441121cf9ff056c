"""A rectified flow as a model of one's own; `ceiling.py` measures what it could bring."""

import math

import keras
import tensorflow as tf

from kerasaug.models import averaging, replicas
from kerasaug.models.generative import GenerativeModel

MOST_PATCHES = 16
LABEL_DROPOUT = 0.1
"""Share of a batch whose labels are hidden, so that guidance can be tried."""
EMA_DECAY = 0.998
DRAWING_STEPS = 10
"""Of Heun's method, two evaluations each but for the last."""
WARMUP_STEPS = 200
TIME_FEATURES = 64


@keras.saving.register_keras_serializable("benchmarks")
class TimeFeatures(keras.layers.Layer):
    """Sines and cosines of times (n,) in [0, 1]: (n, 64)."""

    def call(self, times):
        """Computes them for frequencies from 1 to 1,000."""
        half = TIME_FEATURES // 2
        frequencies = 1000.0 ** (1.0 - keras.ops.arange(half, dtype="float32") / half)
        angles = keras.ops.cast(times, "float32")[:, None] * frequencies
        features = keras.ops.concatenate([keras.ops.sin(angles), keras.ops.cos(angles)], axis=-1)
        return keras.ops.cast(features, self.compute_dtype)


@keras.saving.register_keras_serializable("benchmarks")
class Flow(GenerativeModel):
    """Class-conditional rectified flow: a network learns the way from noise to an image.

    Latents are noise of the image's size. The network is a U-Net of two levels on patches of
    pixels, told of time and class by scale and shift; a running average of its weights draws.

    Args:
        image_shape: `(height, width, channels)`.
        num_classes: How many classes it makes.
        width: A third of the feature maps of the finer level.
        steps: Length of the training, over which the learning rate falls to 0.
        **kwargs: See `GenerativeModel`.

    Reference:
        Liu et al. 2022, "Flow Straight and Fast", arXiv 2209.03003; Esser et al. 2024, arXiv
        2403.03206, for the distribution of times.
    """

    loss_names = ("loss",)

    def __init__(self, image_shape, num_classes, width=16, steps=3000, **kwargs):
        kwargs["latent_dim"] = math.prod(image_shape)
        super().__init__(image_shape, num_classes, **kwargs)
        self.width = width
        self.steps = steps
        self.network = _build_network(self.image_shape, num_classes, width)
        self.average = averaging.frozen_copy(self.network)
        self.built = True

    def compile_for_training(self, learning_rate):
        """Compiles with Adam; see `GenerativeModel.compile_for_training`."""
        decay = max(1, self.steps - WARMUP_STEPS)
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, decay, warmup_target=learning_rate, warmup_steps=WARMUP_STEPS
        )
        self.compile(keras.optimizers.Adam(schedule, beta_2=0.99), jit_compile=False)
        self.optimizer.build(self.network.trainable_variables)

    def train_step(self, data):
        """Takes one step on the squared error of the velocity, at a random time for each image."""
        images, labels = data
        noise_seed, time_seed, label_seed = tf.unstack(tf.random.split(self._step_seed(), 3))
        count = tf.shape(images)[0]
        noise = tf.reshape(self._draw_latents(count, noise_seed), tf.shape(images))
        times = tf.sigmoid(replicas.normal((count,), time_seed))
        hidden = replicas.uniform((count,), label_seed) < LABEL_DROPOUT
        labels = tf.where(hidden, self.num_classes, labels)
        share = times[:, None, None, None]
        with tf.GradientTape() as tape:
            between = (1.0 - share) * noise + share * images
            velocity = self.network([between, times, labels], training=True)
            loss = tf.reduce_mean(tf.square(velocity - (images - noise)))
        loss = self._descend(self.optimizer, tape, loss, self.network.trainable_variables)
        averaging.update(self.average, self.network, EMA_DECAY, self.step)
        self.step.assign_add(1)
        return self._means({"loss": loss})

    def decode(self, latents, labels):
        """Follows the flow from noise by Heun's method; see `GenerativeModel.decode`."""
        return self._follow(tf.reshape(latents, (-1, *self.image_shape)), labels, 0.0)

    def vary(self, images, labels, noise, start):
        """Mixes noise into images, and follows the flow from there.

        Args:
            images: Real images, float32 (n, height, width, channels) in [-1, 1].
            labels: Their classes, int32 (n,).
            noise: Standard normal, of the same shape as the images.
            start: Share of the image, in [0, 1); the rest is noise.

        Reference:
            Meng et al. 2022, "SDEdit", arXiv 2108.01073.
        """
        return self._follow((1.0 - start) * noise + start * images, labels, start)

    def bridge(self, images, labels, new_labels):
        """Follows the flow from images back to noise, and from there to images of other classes.

        Args:
            images: Real images, float32 (n, height, width, channels) in [-1, 1].
            labels: Their classes, int32 (n,).
            new_labels: The other classes, int32 (n,).

        Reference:
            Su et al. 2022, "Dual Diffusion Implicit Bridges", arXiv 2203.08382.
        """
        step = -1.0 / DRAWING_STEPS
        noise = self._integrate(images, labels, 1.0, step)
        return self._follow(noise, new_labels, 0.0)

    def _follow(self, images, labels, start):
        images = self._integrate(images, labels, start, (1.0 - start) / DRAWING_STEPS)
        return tf.clip_by_value(images, -1.0, 1.0)

    def _integrate(self, images, labels, start, step):
        """Heun's method; the last step is Euler's, since it ends where no time was trained."""
        for number in range(DRAWING_STEPS):
            time = start + number * step
            velocity = self._velocity(images, time, labels)
            if number < DRAWING_STEPS - 1:
                ahead = images + step * velocity
                velocity = 0.5 * (velocity + self._velocity(ahead, time + step, labels))
            images += step * velocity
        return images

    def _velocity(self, images, time, labels):
        times = tf.fill(tf.shape(labels), time)
        return self.average([images, times, labels], training=False)


def _build_network(image_shape, num_classes, width):
    height, image_width, channels = image_shape
    patch = math.ceil(max(height, image_width) / MOST_PATCHES)
    # Sides are filled up to whole patches, an even number of them.
    rows, columns = (-(-side // (2 * patch)) * 2 for side in (height, image_width))
    margin = ((0, rows * patch - height), (0, columns * patch - image_width))
    few, many = 3 * width, 6 * width
    images = keras.Input(image_shape)
    times, labels = keras.Input(()), keras.Input((), dtype="int32")
    condition = keras.layers.Dense(4 * width, activation="silu")(TimeFeatures()(times))
    condition += keras.layers.Embedding(num_classes + 1, 4 * width)(labels)
    condition = keras.layers.Dense(4 * width, activation="silu")(condition)
    features = keras.layers.ZeroPadding2D(margin)(images)
    features = keras.layers.Reshape((rows, patch, columns, patch, channels))(features)
    features = keras.layers.Permute((1, 3, 2, 4, 5))(features)
    features = keras.layers.Reshape((rows, columns, patch * patch * channels))(features)
    features = keras.layers.Conv2D(few, 3, padding="same")(features)
    features = skipped = _block(features, condition, few)
    features = keras.layers.Conv2D(many, 3, strides=2, padding="same")(features)
    features = _block(_block(features, condition, many), condition, many)
    features = keras.layers.Conv2D(few, 3, padding="same")(keras.layers.UpSampling2D()(features))
    features = keras.layers.Concatenate()([features, skipped])
    features = _rectified(_block(features, condition, few))
    features = keras.layers.Conv2D(
        patch * patch * channels, 3, padding="same", kernel_initializer="zeros", dtype="float32"
    )(features)
    features = keras.layers.Reshape((rows, columns, patch, patch, channels))(features)
    features = keras.layers.Permute((1, 3, 2, 4, 5))(features)
    features = keras.layers.Reshape((rows * patch, columns * patch, channels))(features)
    velocity = keras.layers.Cropping2D(margin)(features)
    return keras.Model([images, times, labels], velocity, name="velocity")


def _block(inputs, condition, maps):
    """Two convolutions around a scale and a shift by time and class, added to the inputs."""
    features = keras.layers.Conv2D(maps, 3, padding="same")(_rectified(inputs))
    features = keras.layers.GroupNormalization(8)(features)
    scale, shift = (
        keras.layers.Reshape((1, 1, maps))(
            keras.layers.Dense(maps, kernel_initializer="zeros")(condition)
        )
        for _ in range(2)
    )
    features = keras.layers.Activation("silu")(features * (1.0 + scale) + shift)
    features = keras.layers.Conv2D(maps, 3, padding="same", kernel_initializer="zeros")(features)
    if inputs.shape[-1] != maps:
        inputs = keras.layers.Conv2D(maps, 1)(inputs)
    return inputs + features


def _rectified(features):
    return keras.layers.Activation("silu")(keras.layers.GroupNormalization(8)(features))
