import numpy as np
import pytest

from kerasaug.errors import InputError
from kerasaug.study.scores import NAMES, Predictions, best_threshold, score


def predictions(labels, predicted, num_classes=3, first=0):
    """Predictions that are all but certain."""
    images = np.arange(first, first + len(labels))
    logits = 10.0 * np.eye(num_classes, dtype=np.float32)[predicted]
    return Predictions(images, np.array(labels, np.int32), logits)


LIMITS = {class_id: 0.5 for class_id in range(3)}


def test_scores_of_a_known_confusion():
    fold = predictions([0] * 4 + [1] * 4 + [2] * 2, [0, 0, 0, 0, 1, 1, 0, 0, 2, 1])
    scores = score([fold], [2], [LIMITS])
    assert scores["confusion_matrix"] == [[4, 0, 0], [2, 2, 0], [0, 1, 1]]
    assert scores["accuracy"] == pytest.approx(0.7)
    assert scores["recall"] == pytest.approx([1.0, 0.5, 0.5])
    assert scores["precision"] == pytest.approx([4 / 6, 2 / 3, 1.0])
    assert scores["rare_recall"] == scores["rare_threshold_recall"] == pytest.approx(0.5)
    assert scores["rare_precision"] == pytest.approx(1.0)
    assert scores["rare_f1"] == pytest.approx(2 / 3)
    assert scores["balanced_accuracy"] == pytest.approx(2 / 3)
    assert scores.keys() >= {name for name in NAMES if "average_precision" not in name}


def test_every_fold_is_decided_by_its_own_thresholds():
    """In the second, nothing is certain enough; together, half of the rare images are found."""
    folds = [predictions([2, 2, 0], [2, 2, 0]), predictions([2, 2, 0], [2, 2, 0], first=3)]
    scores = score(folds, [2], [LIMITS, {2: 1.1}])
    assert scores["rare_recall"] == 1.0
    assert scores["rare_threshold_recall"] == 0.5
    assert scores["rare_threshold_precision"] == 1.0
    assert scores["thresholds"]["2"]["threshold"] == [0.5, 1.1]


def test_without_a_threshold_there_are_no_scores_at_one():
    folds = [predictions([2, 0], [2, 0]), predictions([2, 0], [2, 0], first=2)]
    scores = score(folds, [2], [LIMITS, None])
    assert scores["rare_threshold_f1"] is None
    assert scores["thresholds"] == {}
    assert scores["rare_f1"] == 1.0


def test_a_class_that_is_not_tested_does_not_count():
    fold = predictions([0, 1], [0, 1])
    assert score([fold], [1], [LIMITS])["balanced_accuracy"] == 1.0
    assert score([fold], [1, 2], [LIMITS])["rare_f1"] == 1.0
    with pytest.raises(InputError, match="no image of a rare class"):
        score([fold], [2], [LIMITS])


def test_the_best_threshold_has_the_highest_f1():
    labels = np.array([True, False, True, False, False])
    # All positives from 0.6 on, with one false alarm: F1 0.8; from 0.9 on, F1 is 2/3.
    near = np.array([0.9, 0.7, 0.6, 0.5, 0.1])
    assert best_threshold(labels, near) == pytest.approx(0.55)
    assert best_threshold(labels, np.array([0.9, 0.2, 0.8, 0.1, 0.0])) == pytest.approx(0.5)
    # A probability that all images share is no reason to call none of them positive.
    assert best_threshold(labels, np.full(5, 0.3)) == pytest.approx(0.15)
    assert best_threshold(~labels, 1 - near) == pytest.approx(0.2)
    assert best_threshold(np.zeros(5, bool), np.full(5, 0.3)) == 0.5


def test_predictions_are_written_and_read(tmp_path):
    fold = predictions([0, 1, 2], [0, 1, 1])
    fold.save(tmp_path / "a.npz")
    again = Predictions.load(tmp_path / "a.npz")
    for one, other in zip(fold, again, strict=True):
        np.testing.assert_array_equal(one, other)
    content = (tmp_path / "a.npz").read_bytes()
    for damaged in (b"", content[:100], b"no archive at all"):
        (tmp_path / "a.npz").write_bytes(damaged)
        with pytest.raises(InputError, match="cannot be read"):
            Predictions.load(tmp_path / "a.npz")


def test_adjusted_logits_prefer_small_classes():
    fold = predictions([0], [0])
    np.testing.assert_allclose(
        fold.adjusted([1000, 10, 1], 1.0).logits[0], fold.logits[0] - np.log([1000, 10, 1])
    )
    np.testing.assert_allclose(fold.probabilities.sum(axis=1), 1.0)
