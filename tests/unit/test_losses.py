import numpy as np
import pytest
import tensorflow as tf

from kerasaug.models import losses, registry


def test_wasserstein_losses():
    real, fake = tf.constant([[3.0], [5.0]]), tf.constant([[1.0], [-2.0]])
    assert float(losses.wasserstein_distance(real, fake)) == 4.5
    assert float(losses.wasserstein_generator_loss(fake)) == 0.5


@pytest.mark.parametrize("norm", [0.0, 0.25, 1.0, 3.0])
def test_the_penalty_of_a_linear_critic_is_the_square_of_its_norm_minus_one(norm):
    weights = np.random.default_rng(0).normal(size=(4, 4, 2)).astype(np.float32)
    weights *= norm / np.linalg.norm(weights)
    penalty = losses.gradient_penalty(
        lambda images: tf.reduce_sum(images * weights, axis=[1, 2, 3]),
        tf.random.stateless_normal((6, 4, 4, 2), [0, 1]),
        tf.random.stateless_normal((6, 4, 4, 2), [0, 2]),
        tf.random.stateless_uniform((6, 1, 1, 1), [0, 3]),
    )
    assert float(penalty) == pytest.approx((norm - 1) ** 2, abs=1e-5)


def test_the_penalty_has_a_gradient_where_the_critic_is_flat():
    slope = tf.Variable(0.0)
    images = tf.ones((2, 4, 4, 1))
    with tf.GradientTape() as tape:
        penalty = losses.gradient_penalty(
            lambda points: slope * tf.reduce_sum(points, axis=[1, 2, 3]),
            images,
            images,
            tf.ones((2, 1, 1, 1)),
        )
    assert np.isfinite(tape.gradient(penalty, slope))


def test_epsilon_is_uniform():
    """Between real images of 1 and generated ones of 0, the points are epsilon itself."""
    model = registry.create("wgan", (8, 8, 1), 3, width=4, latent_dim=4)
    seen = []

    class Spy:
        def __call__(self, inputs, training):
            seen.append(inputs[0].numpy())
            return tf.reduce_sum(inputs[0], axis=[1, 2, 3])[:, None]

    object.__setattr__(model, "critic", Spy())
    ones = tf.ones((4000, 8, 8, 1))
    model.critic_losses(ones, tf.zeros_like(ones), tf.zeros(4000, tf.int32), tf.constant([0, 1]))
    epsilon = seen[-1]
    assert (epsilon == epsilon[:, :1, :1]).all()
    epsilon = epsilon[:, 0, 0, 0]
    assert epsilon.min() >= 0.0
    assert epsilon.max() < 1.0
    np.testing.assert_allclose(np.histogram(epsilon, 4, (0, 1))[0] / 4000, 0.25, atol=0.03)
