import numpy as np
import pytest
import tensorflow as tf

from kerasaug.data import mixture


def draw(parts, count=4000, **options):
    images, labels = next(iter(mixture.batches(parts, count, seed=0, **options)))
    return images.numpy(), labels.numpy()


def whitened(images, seed):
    return tf.fill(tf.shape(images), tf.constant(255, tf.uint8))


def test_repeating_and_adding_weigh_by_count(tiny):
    parts = mixture.natural(tiny)
    black = np.zeros((28, 8, 8, 1), np.uint8)
    for more in (mixture.repeated(tiny, 2, 28), mixture.added(black, 2)):
        _, labels = draw([*parts, more])
        np.testing.assert_allclose(np.bincount(labels) / 4000, 1 / 3, atol=0.03)


def test_added_images_appear_as_often_as_they_should(tiny):
    images, labels = draw(
        [*mixture.natural(tiny), mixture.added(np.zeros((8, 8, 8, 1), np.uint8), 2)]
    )
    black = (images == -1.0).all(axis=(1, 2, 3))
    assert (labels[black] == 2).all()
    assert black.mean() == pytest.approx(8 / 100, abs=0.02)


def test_a_part_is_augmented_alone(tiny):
    images, labels = draw([*mixture.natural(tiny), mixture.repeated(tiny, 2, 92, whitened)])
    white = (images == 1.0).all(axis=(1, 2, 3))
    assert (labels[white] == 2).all()
    assert white.mean() == pytest.approx(0.5, abs=0.03)


def test_augmenting_everything_reaches_every_image_and_is_deterministic(tiny):
    def noise(images, seed):
        noise = tf.random.stateless_uniform(tf.shape(images), seed, 0, 256, tf.int32)
        return tf.cast(noise, tf.uint8)

    def first():
        stream = mixture.batches(mixture.balanced(tiny), 16, seed=4, augment=noise)
        return np.stack([images.numpy() for images, _ in stream.take(10)])

    drawn = first()
    np.testing.assert_array_equal(drawn, first())
    assert len(np.unique(drawn.reshape(160, -1), axis=0)) == 160


def test_every_image_of_a_class_is_drawn(tiny):
    stream = mixture.batches([mixture.balanced(tiny)[2]], 12, seed=0)
    images, _ = next(iter(stream))
    assert len(np.unique(images.numpy().reshape(12, -1), axis=0)) == 12


def test_parts_of_no_weight_are_left_out(tiny):
    parts = mixture.balanced(tiny)
    _, labels = draw([parts[0], parts[1]._replace(weight=0.0)])
    assert (labels == 0).all()
