import numpy as np
import pytest
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.models import losses, registry
from kerasaug.models.wgan import WGAN


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

    def critic(images):
        seen.append(images.numpy())
        return tf.reduce_sum(images, axis=[1, 2, 3])[:, None]

    ones = tf.ones((4000, 8, 8, 1))
    model.critic_losses(critic, ones, tf.zeros_like(ones), tf.constant([0, 1]), 0)
    epsilon = seen[-1]
    assert (epsilon == epsilon[:, :1, :1]).all()
    epsilon = epsilon[:, 0, 0, 0]
    assert epsilon.min() >= 0.0
    assert epsilon.max() < 1.0
    np.testing.assert_allclose(np.histogram(epsilon, 4, (0, 1))[0] / 4000, 0.25, atol=0.03)


def test_losses_of_a_critic_that_cannot_tell():
    zeros = tf.zeros((4, 1))
    both = losses.non_saturating_critic_loss(zeros, zeros)
    assert float(both) == pytest.approx(2 * np.log(2))
    assert float(losses.non_saturating_generator_loss(zeros)) == pytest.approx(np.log(2))


def test_non_saturating_losses_are_cross_entropies():
    real, fake = tf.constant([[2.0], [-1.0]]), tf.constant([[0.5], [-3.0]])
    probability = lambda score: 1 / (1 + np.exp(-score.numpy()))  # noqa: E731
    expected = -np.log(probability(real)).mean() - np.log(1 - probability(fake)).mean()
    assert float(losses.non_saturating_critic_loss(real, fake)) == pytest.approx(expected)
    expected = -np.log(probability(fake)).mean()
    assert float(losses.non_saturating_generator_loss(fake)) == pytest.approx(expected)


def test_kl_divergence_is_that_of_normal_distributions():
    """Against an estimate from samples, and exactly 0 for the standard normal distribution."""
    np.testing.assert_array_equal(losses.kl_divergence(tf.zeros((2, 3)), tf.zeros((2, 3))), [0, 0])
    mean, deviation = np.array([[0.5, -1.0]]), np.array([[0.3, 2.0]])
    draws = mean + deviation * np.random.default_rng(0).normal(size=(400_000, 2))
    log_density = -0.5 * ((draws - mean) / deviation) ** 2 - np.log(deviation)
    estimate = (log_density + 0.5 * draws**2).sum(axis=1).mean()
    found = losses.kl_divergence(
        tf.constant(mean, tf.float32), tf.constant(2 * np.log(deviation), tf.float32)
    )
    assert float(found[0]) == pytest.approx(estimate, rel=0.01)


def test_reconstruction_is_the_cross_entropy_of_pixels():
    images = tf.constant([-1.0, 1.0, 0.0])[None, None, :, None]
    certain = tf.constant([-50.0, 50.0, 0.0])[None, None, :, None]
    assert float(losses.reconstruction_loss(images, certain)[0]) == pytest.approx(np.log(2))


def test_drift_adds_the_mean_square_of_the_real_scores():
    critic = lambda images: tf.reduce_sum(images, axis=[1, 2, 3])  # noqa: E731
    real, fake, epsilon = tf.ones((2, 2, 2, 1)), tf.zeros((2, 2, 2, 1)), tf.ones((2, 1, 1, 1))
    without, with_drift = (
        losses.wasserstein_critic_losses(critic, real, fake, epsilon, 10.0, drift)["critic_loss"]
        for drift in (0.0, 0.5)
    )
    assert float(without) == pytest.approx(10 * (2 - 1) ** 2 - 4.0)
    assert float(with_drift - without) == pytest.approx(0.5 * 16)


def test_the_reconstruction_distance_is_the_length_of_the_difference():
    images = tf.zeros((2, 3, 3, 1))
    found = losses.reconstruction_distance(images, images + tf.reshape([1.0, -2.0], (2, 1, 1, 1)))
    np.testing.assert_allclose(found, [3.0, 6.0])


@pytest.mark.parametrize("interval", [1, 3])
def test_a_lazy_penalty_is_rarer_and_as_much_heavier(interval):
    """A critic whose slope is 3 everywhere has a penalty of 4."""
    model = WGAN((8, 8, 1), width=2, n_critic=3, penalty_interval=interval)
    images = tf.ones((2, 8, 8, 1))
    total = 0.0
    for number in range(3):
        found = model.critic_losses(
            lambda images: 3.0 / 8.0 * tf.reduce_sum(images, axis=[1, 2, 3])[:, None],
            images,
            images,
            tf.constant([0, number]),
            number,
        )
        assert ("gradient_penalty" in found) == (number % interval == 0)
        total += float(found["critic_loss"])
    assert total == pytest.approx(3 * 10.0 * 4.0, rel=1e-5)


def test_an_interval_that_does_not_divide_the_steps_is_refused():
    with pytest.raises(InputError, match="must divide n_critic=3"):
        WGAN((8, 8, 1), width=2, n_critic=3, penalty_interval=2)
