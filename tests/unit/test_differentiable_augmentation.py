import unittest.mock

import numpy as np
import pytest
import tensorflow as tf

from kerasaug.models import differentiable_augmentation as augmentation
from kerasaug.models import registry


@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_a_pure_function_of_the_seed_that_gradients_pass_through(channels):
    images = tf.random.stateless_uniform((6, 12, 10, channels), [0, 1], -1.0, 1.0)
    with tf.GradientTape() as tape:
        tape.watch(images)
        changed = augmentation.augment(images, tf.constant([3, 4]))
    assert changed.shape == images.shape
    np.testing.assert_array_equal(changed, augmentation.augment(images, tf.constant([3, 4])))
    assert not np.allclose(changed, augmentation.augment(images, tf.constant([3, 5])))
    gradient = tape.gradient(changed, images)
    assert float(tf.reduce_mean(tf.cast(gradient != 0.0, tf.float32))) > 0.5


def test_half_of_the_images_lose_a_square_of_a_third():
    blanked = augmentation.cutout(tf.ones((400, 20, 20, 1)), tf.constant([0, 1])).numpy() == 0.0
    shares = blanked.mean(axis=(1, 2, 3))
    assert (shares > 0).mean() == pytest.approx(0.5, abs=0.1)
    assert shares.max() <= 0.1


def test_brightness_moves_whole_images():
    change = augmentation.brightness(tf.zeros((50, 4, 4, 3)), tf.constant([0, 1])).numpy()
    assert (change == change[:, :1, :1, :1]).all()
    assert np.abs(change).max() <= augmentation.MAX_BRIGHTNESS
    assert change.std() > 0.1


def test_real_and_generated_images_both_pass_through_it(tiny, monkeypatch):
    augment = unittest.mock.Mock(side_effect=lambda images, seed: images)
    monkeypatch.setattr(augmentation, "augment", augment)
    for classes, calls in (((), 0), ((2,), 5)):
        options = {"width": 4, "n_critic": 2, "augmented_classes": classes}
        model = registry.create("wgan", (8, 8, 1), 3, **options)
        model.compile_for_training(1e-3)
        model.train_step(next(iter(tiny.batches(8))))
        # Twice per critic step, once for the generator.
        assert augment.call_count == calls


def test_only_the_classes_named_are_changed():
    model = registry.create("wgan", (8, 8, 1), 3, width=4, augmented_classes=(0, 2))
    images = tf.random.stateless_uniform((6, 8, 8, 1), [0, 1], -1.0, 1.0)
    labels = tf.constant([0, 1, 2, 0, 1, 2])
    augmented = model._augment(images, labels, tf.constant([0, 1])).numpy()
    changed = [not np.array_equal(a, b) for a, b in zip(images, augmented, strict=True)]
    assert changed == [True, False, True, True, False, True]
