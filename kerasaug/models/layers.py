"""Layers that several generative models share."""

import keras


@keras.saving.register_keras_serializable("kerasaug")
class PixelNormalization(keras.layers.Layer):
    """Scales the feature vector of every pixel to unit mean square.

    Keeps a generator's signals from growing without statistics over the batch, so that an image
    does not depend on the images made beside it. Section 4.2 of Karras et al. 2018, "Progressive
    Growing of GANs" (arXiv 1710.10196).

    Input shape: tensor of any rank, features last.

    Output shape: that of the input.
    """

    def call(self, inputs):
        """Divides by the root mean square over the last axis."""
        # In half precision the squares of large activations overflow.
        features = keras.ops.cast(inputs, "float32")
        mean_square = keras.ops.mean(keras.ops.square(features), axis=-1, keepdims=True)
        return keras.ops.cast(features * keras.ops.rsqrt(mean_square + 1e-8), self.compute_dtype)


@keras.saving.register_keras_serializable("kerasaug")
class ClassProjection(keras.layers.Layer):
    """Scores features by how well they go with a class.

    The inner product of the features with a learned vector per class: the conditional term of the
    projection discriminator, equation 3 of Miyato and Koyama 2018, "cGANs with Projection
    Discriminator" (arXiv 1802.05637).

    Args:
        num_classes: How many classes there are.

    Input shape: features (n, d) and int labels (n,).

    Output shape: (n, 1).
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

    def get_config(self):
        """What `__init__` needs to make an equal layer."""
        return {**super().get_config(), "num_classes": self.num_classes}
