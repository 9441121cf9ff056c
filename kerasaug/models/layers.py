"""Layers that the models share."""

import math

import keras
import tensorflow as tf

from kerasaug.models.schedule import fade_in_alpha

NEGATIVE_SLOPE = 0.2
GROUP_SIZE = 4


@keras.saving.register_keras_serializable("kerasaug")
class PixelNormalization(keras.layers.Layer):
    """Scales the feature vector of every pixel to unit mean square.

    Keeps a generator's signals from growing without statistics over the batch, so that an image
    does not depend on the images made beside it. Section 4.2 of Karras et al. 2018, "Progressive
    Growing of GANs" (arXiv 1710.10196).

    Input and output shape: any, features last.
    """

    def call(self, inputs):
        """Divides by the root mean square over the last axis."""
        # In half precision the squares of large activations overflow.
        features = keras.ops.cast(inputs, "float32")
        mean_square = keras.ops.mean(keras.ops.square(features), axis=-1, keepdims=True)
        return keras.ops.cast(features * keras.ops.rsqrt(mean_square + 1e-8), self.compute_dtype)


@keras.saving.register_keras_serializable("kerasaug")
class LeakyReLU(keras.layers.Layer):
    """Keras' `LeakyReLU` with a slope of 0.2, for critics whose gradient is penalised.

    The slope is a constant, so that differentiating a gradient again does not lead back through the
    layers before this one. TensorFlow's own operation leads back with zeros, at the price of two
    further passes through a critic.

    Input and output shape: any.
    """

    def call(self, inputs):
        """Multiplies by 1 or by the slope."""
        one, slope = tf.unstack(tf.constant([1.0, NEGATIVE_SLOPE], inputs.dtype))
        return inputs * tf.stop_gradient(tf.where(inputs > 0, one, slope))


@keras.saving.register_keras_serializable("kerasaug")
class ClassProjection(keras.layers.Layer):
    """Scores features by how well they go with a class.

    The inner product of the features with a learned vector per class: the conditional term of the
    projection discriminator, equation 3 of Miyato and Koyama 2018, "cGANs with Projection
    Discriminator" (arXiv 1802.05637).

    Args:
        num_classes: How many classes there are.

    Input shape: features (n, d) and int labels (n,). Output shape: (n, 1).
    """

    def __init__(self, num_classes: int, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def build(self, features_shape, labels_shape):
        """Makes one vector of the features' length per class."""
        self.embedding = keras.layers.Embedding(
            self.num_classes, features_shape[-1], dtype=self.dtype_policy
        )
        self.embedding.build(labels_shape)

    def call(self, features, labels):
        """Multiplies the features with the vectors of their classes."""
        return keras.ops.sum(features * self.embedding(labels), axis=-1, keepdims=True)


@keras.saving.register_keras_serializable("kerasaug")
class FadeIn(keras.layers.Layer):
    """Blends the enlarged output of the coarser blocks into that of a new, finer one.

    The share of the new block, alpha, is a function of the training's progress alone: 0 until the
    progress reaches `block - 1`, 1 from `block` on. Figure 2 of Karras et al. 2018, "Progressive
    Growing of GANs" (arXiv 1710.10196).

    Args:
        block: Number of the new block; the coarsest is 0 and is never faded in.

    Input shape: two tensors (n, height, width, maps), the coarser one first, and the progress of
    every image, (n,). Output shape: (n, height, width, maps).
    """

    def __init__(self, block: int, **kwargs):
        super().__init__(**kwargs)
        self.block = block

    def call(self, coarse, fine, progress):
        """Blends with weights 1 - alpha and alpha."""
        alpha = fade_in_alpha(keras.ops.cast(progress, "float32"), self.block)
        alpha = keras.ops.cast(alpha, self.compute_dtype)[:, None, None, None]
        return (1.0 - alpha) * coarse + alpha * fine


@keras.saving.register_keras_serializable("kerasaug")
class MinibatchStddev(keras.layers.Layer):
    """Appends one map that shows a critic how much the images of a batch differ.

    The standard deviation over groups of images, averaged over features and pixels; it exposes a
    generator that makes the same image again and again. Section 3 of Karras et al. 2018,
    "Progressive Growing of GANs" (arXiv 1710.10196). Groups are of 4; a batch that 4 does not
    divide is one group.

    Input shape: (n, height, width, maps). Output shape: (n, height, width, maps + 1); of a single
    image the new map is about 0.
    """

    def call(self, inputs):
        """Computes the statistic and appends it."""
        features = tf.cast(inputs, tf.float32)
        count = tf.shape(features)[0]
        group = tf.where(count % GROUP_SIZE == 0, GROUP_SIZE, count)
        height, width, maps = features.shape[1:]
        grouped = tf.reshape(features, (group, -1, height, width, maps))
        # The gradient of a square root is infinite at 0, where all images are alike.
        deviation = tf.sqrt(tf.math.reduce_variance(grouped, axis=0) + 1e-8)
        statistic = tf.tile(tf.reduce_mean(deviation, axis=[1, 2, 3]), (group,))
        plane = tf.ones((1, height, width, 1)) * statistic[:, None, None, None]
        return tf.concat([inputs, tf.cast(plane, inputs.dtype)], axis=-1)


@keras.saving.register_keras_serializable("kerasaug")
class Equalized(keras.layers.Wrapper):
    """Gives a convolution or dense layer an equalised learning rate.

    The wrapped layer's weights are drawn from a standard normal distribution and scaled by
    He's constant when they are used, here by scaling its inputs, so that an optimizer that
    normalises gradients moves all layers at the same speed. Section 4.1 of Karras et al. 2018,
    "Progressive Growing of GANs" (arXiv 1710.10196).

    Args:
        layer: A `Conv2D` or `Dense` layer, not yet built; its kernel must be initialised with
            `keras.initializers.RandomNormal(stddev=1.0)`.
        gain: 2 before a rectifier, 1 before an output.
    """

    def __init__(self, layer: keras.layers.Layer, gain: float = 2.0, **kwargs):
        super().__init__(layer, **kwargs)
        self.gain = gain

    def call(self, inputs):
        """Applies the layer to the scaled inputs."""
        fan_in = math.prod(self.layer.kernel.shape[:-1])
        return self.layer(inputs * math.sqrt(self.gain / fan_in))

    def compute_output_shape(self, input_shape):
        """That of the layer; without it, Keras would trace `call`, which takes longer."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        """See `keras.layers.Layer.get_config`."""
        return {**super().get_config(), "gain": self.gain}
