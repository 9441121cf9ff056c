import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasaug.models import losses
from kerasaug.models.encoding import reparameterize
from kerasaug.models.layers import (
    ClassProjection,
    Equalized,
    FadeIn,
    LeakyReLU,
    MinibatchStddev,
    PixelNormalization,
)


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


def test_reparameterization_scales_and_shifts_noise():
    values = np.array([1.0, np.log(4.0), 3.0], np.float32)
    latents = reparameterize(*(tf.constant([[value]]) for value in values))
    assert float(latents[0, 0]) == pytest.approx(7.0)


def test_a_blend_at_a_fifth_is_four_fifths_coarse():
    coarse, fine = tf.fill((3, 2, 2, 1), 10.0), tf.fill((3, 2, 2, 1), 20.0)
    blended = FadeIn(block=2)(coarse, fine, tf.constant([0.7, 1.2, 2.5]))
    np.testing.assert_allclose(blended[:, 0, 0, 0], [10.0, 12.0, 20.0], rtol=1e-6)


def test_minibatch_stddev_of_known_batches():
    layer = MinibatchStddev()
    alike = tf.ones((4, 3, 3, 2))
    np.testing.assert_allclose(layer(alike)[..., 2], 1e-4, rtol=1e-3)
    values = tf.tile(tf.constant([0.0, 5.0, 2.0, 5.0]), [2])[:, None, None, None]
    values *= tf.ones((8, 3, 3, 2))
    # Groups of every other image.
    np.testing.assert_allclose(layer(values)[:, 0, 0, 2], [1.0, 0.0] * 4, atol=1e-3)
    assert np.isfinite(layer(values[:1])).all()
    assert layer(values[:3]).shape == (3, 3, 3, 3)


def test_an_equalized_layer_keeps_the_variance_of_its_input():
    layer = Equalized(
        keras.layers.Dense(400, kernel_initializer=keras.initializers.RandomNormal(0, 1, seed=0)),
        gain=1.0,
    )
    output = layer(tf.random.stateless_normal((200, 300), [0, 1]))
    assert float(tf.math.reduce_std(output)) == pytest.approx(1.0, rel=0.05)
    assert float(tf.math.reduce_std(layer.layer.kernel)) == pytest.approx(1.0, rel=0.05)


def test_a_penalty_through_leaky_relu_is_that_through_keras_own():
    images = tf.random.stateless_normal((5, 8, 8, 1), [0, 1])

    def gradients(rectifier):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((8, 8, 1))
        features = rectifier(keras.layers.Conv2D(4, 3, strides=2)(inputs))
        features = rectifier(keras.layers.Conv2D(4, 3)(features))
        scores = keras.layers.Dense(1)(keras.layers.Flatten()(features))
        critic = keras.Model(inputs, scores)
        with tf.GradientTape() as tape:
            penalty = losses.gradient_penalty(critic, images, -images, tf.fill((5, 1, 1, 1), 0.3))
            loss = penalty + tf.reduce_mean(critic(images))
        return critic(images), tape.gradient(loss, critic.trainable_variables)

    scores, gradient = gradients(LeakyReLU())
    keras_scores, keras_gradient = gradients(keras.layers.LeakyReLU(negative_slope=0.2))
    np.testing.assert_allclose(scores, keras_scores, rtol=1e-6)
    for part, keras_part in zip(gradient, keras_gradient, strict=True):
        np.testing.assert_allclose(part, keras_part, rtol=1e-4, atol=1e-6)


def test_differentiating_a_gradient_does_not_lead_back_through_leaky_relu():
    inputs = tf.constant([[-2.0, 3.0]])
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            outputs = LeakyReLU()(inputs)
        gradient = inner.gradient(outputs, inputs)
    np.testing.assert_allclose(gradient, [[0.2, 1.0]])
    assert outer.gradient(gradient, inputs) is None
