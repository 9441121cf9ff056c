import numpy as np
import pytest
import tensorflow as tf

from kerasaug.models import losses, registry


def tiny_model(name):
    return registry.create(name, (8, 8, 1), 3, width=2, latent_dim=4)


def test_wasserstein_losses_with_and_without_drift():
    critic = lambda images: tf.reduce_sum(images, axis=[1, 2, 3])  # noqa: E731
    images = tf.ones((2, 2, 2, 1)), tf.fill((2, 2, 2, 1), -0.5), tf.ones((2, 1, 1, 1))
    plain, drift = (
        losses.wasserstein_critic_losses(critic, *images, 10.0, weight) for weight in (0.0, 0.5)
    )
    assert float(plain["wasserstein_distance"]) == 4.0 + 2.0
    assert float(plain["gradient_penalty"]) == pytest.approx((2 - 1) ** 2)
    assert float(plain["critic_loss"]) == pytest.approx(10.0 - 6.0)
    assert float(drift["critic_loss"] - plain["critic_loss"]) == pytest.approx(0.5 * 4**2)
    assert float(tiny_model("wgan").generator_loss(tf.constant([[1.0], [-2.0]]))) == 0.5


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
    batches = []

    def critic(images):
        batches.append(images.numpy())
        return tf.reduce_sum(images, axis=[1, 2, 3])[:, None]

    ones = tf.ones((4000, 8, 8, 1))
    tiny_model("wgan").critic_losses(critic, ones, tf.zeros_like(ones), tf.constant([0, 1]))
    epsilon = batches[-1]
    assert (epsilon == epsilon[:, :1, :1]).all()
    epsilon = epsilon[:, 0, 0, 0]
    assert epsilon.min() >= 0.0
    assert epsilon.max() < 1.0
    np.testing.assert_allclose(np.histogram(epsilon, 4, (0, 1))[0] / 4000, 0.25, atol=0.03)


@pytest.mark.parametrize("scores", [([0.0], [0.0]), ([2.0, -1.0], [0.5, -3.0])])
def test_non_saturating_losses_are_cross_entropies(scores):
    model = tiny_model("gan")
    real, fake = (1 / (1 + np.exp(-np.array(each))) for each in scores)
    loss = model.critic_losses(tf.constant, *scores, seed=None)["critic_loss"]
    assert float(loss) == pytest.approx(-np.log(real).mean() - np.log(1 - fake).mean())
    loss = model.generator_loss(tf.constant(scores[1]))
    assert float(loss) == pytest.approx(-np.log(fake).mean())


def test_kl_divergence_is_that_of_normal_distributions():
    """Against an estimate from samples, and exactly 0 for the standard normal distribution."""
    np.testing.assert_array_equal(losses.kl_divergence(tf.zeros((2, 3)), tf.zeros((2, 3))), [0, 0])
    mean, deviation = np.array([[0.5, -1.0]]), np.array([[0.3, 2.0]])
    draws = mean + deviation * np.random.default_rng(0).normal(size=(400_000, 2))
    log_density = -0.5 * ((draws - mean) / deviation) ** 2 - np.log(deviation)
    estimate = (log_density + 0.5 * draws**2).sum(axis=1).mean()
    mean, log_variance = (tf.constant(x, tf.float32) for x in (mean, 2 * np.log(deviation)))
    divergence = losses.kl_divergence(mean, log_variance)
    assert float(divergence[0]) == pytest.approx(estimate, rel=0.01)


def test_reconstruction_is_the_cross_entropy_of_pixels():
    images = tf.constant([-1.0, 1.0, 0.0])[None, None, :, None]
    certain = tf.constant([-50.0, 50.0, 0.0])[None, None, :, None]
    assert float(losses.reconstruction_loss(images, certain)[0]) == pytest.approx(np.log(2))


def test_the_reconstruction_distance_is_the_length_of_the_difference():
    images = tf.zeros((2, 3, 3, 1))
    shifted = images + tf.reshape([1.0, -2.0], (2, 1, 1, 1))
    np.testing.assert_allclose(losses.reconstruction_distance(images, shifted), [3.0, 6.0])
