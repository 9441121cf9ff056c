import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasaug import data
from kerasaug.data import augment, mixture


def draw(parts, count=4000, **options):
    images, labels = next(iter(mixture.batches(parts, count, seed=0, **options)))
    return images.numpy(), labels.numpy()


def whitened(images, seed):
    return tf.fill(tf.shape(images), tf.constant(255, tf.uint8))


def test_repeated_and_added_images_weigh_by_their_count(tiny, streamed):
    black = np.zeros((28, 8, 8, 1), np.uint8)
    for dataset in (tiny, streamed):
        parts = dataset.natural_parts()
        for more in (mixture.repeated(dataset.class_part(2), 28), mixture.added(black, 2)):
            _, labels = draw([*parts, more])
            np.testing.assert_allclose(np.bincount(labels) / 4000, 1 / 3, atol=0.03)


def test_added_images_appear_as_often_as_they_should(tiny):
    images, labels = draw(
        [*tiny.natural_parts(), mixture.added(np.zeros((8, 8, 8, 1), np.uint8), 2)]
    )
    black = (images == -1.0).all(axis=(1, 2, 3))
    assert (labels[black] == 2).all()
    assert black.mean() == pytest.approx(8 / 100, abs=0.02)


def test_a_part_is_augmented_alone(tiny, streamed):
    for dataset in (streamed, tiny):
        whites = mixture.repeated(dataset.class_part(2), 92, whitened)
        images, labels = draw([*dataset.natural_parts(), whites])
        white = (images == 1.0).all(axis=(1, 2, 3))
        assert (labels[white] == 2).all()
        assert white.mean() == pytest.approx(0.5, abs=0.03)


def painted(images, seed):
    return tf.cast(tf.random.stateless_uniform(tf.shape(images), seed, 0, 256, tf.int32), tf.uint8)


def test_a_part_and_the_batch_are_not_augmented_by_the_same_random_numbers(tiny, streamed):
    for dataset in (streamed, tiny):
        part = mixture.repeated(dataset.class_part(2), 1, painted)
        images, _ = draw([part], 16, augment=lambda images, seed: images - painted(images, seed))
        assert len(np.unique(images)) > 200


@pytest.mark.parametrize("name", ["shift", "flip-shift", "affine"])
def test_what_is_drawn_says_nothing_of_how_it_is_augmented(name):
    """Images with a gradient show how they were moved; on average both classes are moved alike."""
    image = np.tile(np.linspace(0, 255, 32).astype(np.uint8)[None, :, None], (32, 1, 1))
    parts = [mixture.added(image[None], class_id) for class_id in (0, 1)]
    images, labels = draw(parts, 2000, augment=augment.AUGMENTATIONS[name]())
    left = images[:, 14:18, 6:10].mean(axis=(1, 2, 3))
    means = [left[labels == class_id].mean() for class_id in (0, 1)]
    assert abs(means[0] - means[1]) < 4 * left.std() * np.sqrt(2 / 1000)


def test_all_images_are_drawn_before_one_is_drawn_again_and_in_another_order():
    images = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1) * np.ones((1, 8, 8, 1), np.uint8)
    stream = mixture.batches([mixture.added(images, 0)], 10, seed=1)
    drawn = np.concatenate([batch.numpy()[:, 0, 0, 0] for batch, _ in stream.take(8)])
    first, second = np.split(drawn, 2)
    assert len(set(first)) == len(set(second)) == 40
    assert (first != second).mean() > 0.8
    assert (np.argsort(first) != np.arange(40)).mean() > 0.8


def test_few_images_are_drawn_equally_often():
    images = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1) * np.ones((1, 8, 8, 1), np.uint8)
    drawn, _ = draw([mixture.added(images, 0)], 400)
    _, counts = np.unique(drawn[:, 0, 0, 0], return_counts=True)
    assert counts.tolist() == [10] * 40


def test_in_memory_and_streamed_alike_every_class_is_drawn_as_often_as_it_should(tiny, streamed):
    for dataset in (streamed, tiny):
        _, labels = draw(dataset.balanced_parts())
        np.testing.assert_allclose(np.bincount(labels) / 4000, 1 / 3, atol=0.03)
        _, labels = draw(dataset.natural_parts())
        expected = np.array(dataset.class_counts) / sum(dataset.class_counts)
        np.testing.assert_allclose(np.bincount(labels) / 4000, expected, atol=0.03)


def test_augmenting_everything_reaches_every_image_and_is_deterministic(tiny):
    def noise(images, seed):
        noise = tf.random.stateless_uniform(tf.shape(images), seed, 0, 256, tf.int32)
        return tf.cast(noise, tf.uint8)

    def first():
        stream = mixture.batches(tiny.balanced_parts(), 16, seed=4, augment=noise)
        return np.stack([images.numpy() for images, _ in stream.take(10)])

    drawn = first()
    np.testing.assert_array_equal(drawn, first())
    assert len(np.unique(drawn.reshape(160, -1), axis=0)) == 160


def test_every_image_of_a_class_is_drawn(streamed):
    stream = mixture.batches([streamed.class_part(2)], 12, seed=0)
    images, _ = next(iter(stream))
    assert len(np.unique(images.numpy().reshape(12, -1), axis=0)) == 12


def test_parts_of_no_weight_are_left_out(tiny):
    parts = tiny.balanced_parts()
    _, labels = draw([parts[0], parts[1]._replace(weight=0.0)])
    assert (labels == 0).all()


@pytest.mark.parametrize(
    ("name", "blending"),
    [("affine", "mixup"), *((name, "cutmix") for name in augment.AUGMENTATIONS)],
)
def test_batches_from_memory_can_be_prepared_ahead_of_their_use(tiny, name, blending):
    black = [np.zeros((4, 8, 8, 1), np.uint8)] * 3
    parts = mixture.with_synthetic_share(tiny.balanced_parts(), black, 0.25)
    stream = mixture.batches(parts, 8, seed=0, augment=augment.AUGMENTATIONS[name]())
    stages, operations = [mixture.blended(stream, blending, 3, seed=0)], []
    while stages:
        stage = stages.pop()
        stages += stage._inputs()
        for function in stage._functions():
            operations += function.function.graph.get_operations()
    assert "PyFuncStateless" in {operation.type for operation in operations}
    # Deterministic, TensorFlow prepares nothing ahead that reads what may change meanwhile.
    stateful = {operation.type for operation in operations if operation.op_def.is_stateful}
    assert stateful <= {"StatefulPartitionedCall"}


def test_a_class_balanced_mixture_has_the_same_synthetic_share_in_every_class(tiny):
    black = [np.zeros((n, 8, 8, 1), np.uint8) for n in (5, 30, 7)]
    images, labels = draw(mixture.with_synthetic_share(tiny.balanced_parts(), black, share=0.25))
    np.testing.assert_allclose(np.bincount(labels) / 4000, 1 / 3, atol=0.03)
    is_synthetic = (images == -1.0).all(axis=(1, 2, 3))
    for class_id in range(3):
        assert is_synthetic[labels == class_id].mean() == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize(("blending", "tolerance"), [("mixup", 1e-5), ("cutmix", 2 / 32)])
def test_images_and_labels_are_blended_alike(blending, tolerance):
    """Of constant images whose brightness is their label, brightness and label stay equal.

    The rectangle has whole pixels, and its share of the label does not.
    """
    parts = [
        mixture.added(np.full((20, 32, 32, 1), 255 * class_id, np.uint8), class_id)
        for class_id in (0, 1)
    ]
    stream = mixture.blended(mixture.batches(parts, 64, seed=0), blending, 2, seed=3)
    images, probabilities = next(iter(stream))
    np.testing.assert_allclose(probabilities.numpy().sum(axis=1), 1.0, rtol=1e-6)
    brightness = images.numpy().mean(axis=(1, 2, 3)) / 2 + 0.5
    np.testing.assert_allclose(brightness, probabilities[:, 1], atol=tolerance)
    assert ((brightness > 0.02) & (brightness < 0.98)).sum() > 5
    whole = (images.numpy() == images.numpy()[:, :1, :1]).all(axis=(1, 2, 3))
    assert whole.all() == (blending == "mixup")


@pytest.mark.parametrize("blending", mixture.BLENDINGS)
def test_the_same_seed_blends_alike_at_every_pass(tiny, blending):
    def stream(seed):
        batched = mixture.batches(tiny.balanced_parts(), 16, seed=0)
        return mixture.blended(batched, blending, 3, seed)

    def first_labels(batches):
        return np.stack([labels for _, labels in batches.take(3).as_numpy_iterator()])

    once = stream(3)
    expected = first_labels(once)
    keras.utils.set_random_seed(9)
    np.testing.assert_array_equal(expected, first_labels(once))
    np.testing.assert_array_equal(expected, first_labels(stream(3)))
    assert not np.array_equal(expected, first_labels(stream(4)))


def test_images_leave_the_memory_with_the_last_stream_that_draws_from_them():
    dataset = data.from_arrays(np.zeros((40, 8, 8, 1), np.uint8), np.arange(40) % 2)
    part = mixture.added(np.ones((9, 8, 8, 1), np.uint8), 1)
    tensors = [weakref.ref(part.images.images), weakref.ref(dataset.in_memory.images)]
    batches = mixture.batches([*dataset.natural_parts(), part], 8, seed=0)
    batch = iter(batches)
    next(batch)
    assert all(tensor() is not None for tensor in tensors)
    del dataset, part, batches, batch
    gc.collect()
    assert [tensor() for tensor in tensors] == [None, None]


def test_images_are_weighted_by_class_from_a_batch_on(tiny):
    batches = mixture.batches(tiny.cache().balanced_parts(), 8, seed=0)
    weights = np.array([1.0, 2.0, 5.0], np.float32)
    for number, (images, labels, own) in enumerate(mixture.weighted(batches, weights, 2).take(4)):
        assert images.shape == (8, 8, 8, 1)
        np.testing.assert_array_equal(own, weights[labels] if number >= 2 else np.ones(8))
    images, labels, own = next(iter(mixture.one_hot(mixture.weighted(batches, weights), 3)))
    np.testing.assert_array_equal(own, weights[np.argmax(labels, axis=1)])
    np.testing.assert_array_equal(np.sum(labels, axis=1), np.ones(8))
