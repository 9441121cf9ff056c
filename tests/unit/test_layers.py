import numpy as np
import tensorflow as tf

from kerasaug.models.layers import ClassProjection, PixelNormalization


def test_pixel_normalization_gives_unit_mean_square():
    images = tf.random.stateless_normal((2, 3, 3, 5), [0, 1]) * 100.0
    mean_square = tf.reduce_mean(tf.square(PixelNormalization()(images)), axis=-1)
    np.testing.assert_allclose(mean_square, 1.0, rtol=1e-4)


def test_pixel_normalization_does_not_overflow_in_half_precision():
    layer = PixelNormalization(dtype="mixed_float16")
    output = layer(tf.fill((1, 1, 1, 4), tf.constant(6e4, tf.float16)))
    assert output.dtype == tf.float16
    np.testing.assert_allclose(output, 1.0, rtol=1e-2)


def test_projection_is_an_inner_product_with_the_vector_of_the_class():
    layer = ClassProjection(3)
    features = tf.random.stateless_normal((4, 5), [0, 1])
    labels = tf.constant([0, 2, 2, 1])
    scores = layer(features, labels)
    vectors = np.asarray(layer.embedding.embeddings)[labels.numpy()]
    np.testing.assert_allclose(scores[:, 0], (features * vectors).numpy().sum(axis=1), rtol=1e-5)
