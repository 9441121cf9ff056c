"""Average precision and its dependence on every image, against scikit-learn and differences."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from kerasaug.study.ranking import _ranked, average_precision, combined
from kerasaug.study.scores import Predictions

CLASSES = 3


def fold(seed, images):
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, len(images)).astype(np.int32)
    # Rounded, so that some scores are equal.
    logits = np.round(random.normal(size=(len(images), CLASSES)) + np.eye(CLASSES)[labels], 1)
    return Predictions(np.asarray(images), labels, logits.astype(np.float32))


def test_of_one_test_split_it_is_that_of_scikit_learn():
    repetitions = [[fold(seed, np.arange(60))] for seed in (0, 1)]
    # Both test the same images.
    repetitions[1][0] = repetitions[1][0]._replace(labels=repetitions[0][0].labels)
    expected = [
        np.mean(
            [average_precision_score(p.labels == c, p.probabilities[:, c]) for c in range(CLASSES)]
        )
        for ((p,),) in zip(repetitions, strict=True)
    ]
    estimate = average_precision(repetitions, range(CLASSES))
    assert estimate.values.tolist() == pytest.approx(expected)
    assert estimate.mean == pytest.approx(np.mean(expected))


def test_folds_are_ranked_apart_and_every_image_of_the_class_counts_as_much():
    folds = [fold(0, np.arange(0, 40, 2)), fold(1, np.arange(1, 40, 2))]
    class_id = 1
    numbers = [(p.labels == class_id).sum() for p in folds]
    values = [
        average_precision_score(p.labels == class_id, p.probabilities[:, class_id]) for p in folds
    ]
    assert numbers[0] != numbers[1]
    estimate = average_precision([folds], [class_id])
    assert estimate.mean == pytest.approx(np.average(values, weights=numbers))
    shifted = [folds[0], folds[1]._replace(logits=folds[1].logits + np.float32([0, 5, 0]))]
    # Probabilities of another classifier may all be higher, and say nothing.
    again = average_precision([shifted], [class_id])
    order = np.argsort(shifted[1].probabilities[:, class_id])
    np.testing.assert_array_equal(order, np.argsort(folds[1].probabilities[:, class_id]))
    assert again.mean == pytest.approx(estimate.mean, abs=0.02)


def test_folds_that_are_alike_do_not_deviate_however_many_images_they_have():
    """Every fold has an average precision of 1, with 1 to 8 images of the class."""
    folds, first = [], 0
    for positives in (1, 2, 8):
        labels = np.repeat([0, 1], [10, positives]).astype(np.int32)
        images = first + np.arange(len(labels))
        folds.append(Predictions(images, labels, np.float32(9 * np.eye(2)[labels])))
        first += len(labels)
    estimate = average_precision([folds], [1])
    assert estimate.mean == 1.0
    np.testing.assert_allclose(estimate.deviations, 0.0, atol=1e-12)
    assert estimate.fewest == 11
    # The worst fold weighs as much as it has images.
    worse = [*folds[:2], folds[2]._replace(logits=-folds[2].logits)]
    estimate = average_precision([worse], [1])
    assert estimate.deviations.sum() == pytest.approx(0.0)
    assert estimate.deviations[0, 2] < -0.1


def test_classes_without_test_images_are_left_out():
    predictions = fold(0, np.arange(30))
    labels = np.minimum(predictions.labels, 1)
    two = average_precision([[predictions._replace(labels=labels)]], [0, 1])
    three = average_precision([[predictions._replace(labels=labels)]], [0, 1, 2])
    assert three.mean == two.mean


def test_influences_are_the_derivatives_by_the_weights():
    random = np.random.default_rng(0)
    scores, positive = np.round(random.random(50), 1), random.random(50) < 0.3
    _, influence = _ranked(scores, positive)

    def weighted(weights):
        return sum(
            weights[i] * weights[above & positive].sum() / weights[above].sum()
            for i in np.flatnonzero(positive)
            for above in [scores >= scores[i]]
        )

    step = 1e-6 * np.eye(50)
    slopes = [(weighted(1 + row) - weighted(1 - row)) / 2e-6 for row in step]
    np.testing.assert_allclose(influence, slopes, atol=1e-6)


def test_a_difference_with_itself_is_nothing():
    estimate = average_precision([[fold(0, np.arange(30))]], [0])
    nothing = combined([estimate, estimate], [1.0, -1.0])
    assert nothing.mean == 0.0
    assert not nothing.influences.any()
