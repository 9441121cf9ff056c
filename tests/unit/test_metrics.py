import numpy as np
import pytest

from kerasaug.errors import InputError
from kerasaug.study import metrics


def test_scores_of_a_known_confusion():
    labels = np.array([0] * 4 + [1] * 4 + [2] * 2)
    predictions = np.array([0, 0, 0, 0, 1, 1, 0, 0, 2, 1])
    found = metrics.score(labels, predictions, 3, [2])
    assert found["confusion_matrix"] == [[4, 0, 0], [2, 2, 0], [0, 1, 1]]
    assert found["accuracy"] == pytest.approx(0.7)
    assert found["recall"] == pytest.approx([1.0, 0.5, 0.5])
    assert found["precision"] == pytest.approx([4 / 6, 2 / 3, 1.0])
    assert found["rare_f1"] == pytest.approx(2 / 3)
    assert found["balanced_accuracy"] == pytest.approx(2 / 3)
    assert found["g_mean"] == pytest.approx(0.25 ** (1 / 3))


def test_a_class_that_the_test_split_lacks_does_not_count():
    found = metrics.score(np.array([0, 1]), np.array([0, 1]), 3, [1])
    assert found["balanced_accuracy"] == found["g_mean"] == 1.0
    assert metrics.score(np.array([0, 1]), np.array([0, 1]), 3, [1, 2])["rare_f1"] == 1.0
    with pytest.raises(InputError, match="no image of a rare class"):
        metrics.score(np.array([0, 1]), np.array([0, 1]), 3, [2])


def test_interval_is_students():
    found = metrics.interval([0.4, 0.5, 0.6])
    half = 4.302653 * 0.1 / 3**0.5
    assert found == pytest.approx({"mean": 0.5, "low": 0.5 - half, "high": 0.5 + half}, abs=1e-6)
    assert metrics.interval([0.9, 1.0])["high"] == 1.0
    assert metrics.interval([0.5]) == {"mean": 0.5, "low": None, "high": None}


def test_pairing_removes_what_both_arms_share():
    ours, theirs = [0.91, 0.81, 0.71], [0.90, 0.80, 0.70]
    found = metrics.paired_difference(ours, theirs)
    assert found["low"] == pytest.approx(0.01)
    assert found["high"] == pytest.approx(0.01)
    # Two repetitions tell so little that the interval would leave what is possible.
    far = metrics.paired_difference([1.0, 0.0], [0.0, 0.9])
    assert (far["low"], far["high"]) == (-1.0, 1.0)


def differences(f1, balanced):
    names = ("difference", "low", "high")
    return {
        "rare_f1": dict(zip(names, f1, strict=True)),
        "balanced_accuracy": dict(zip(names, balanced, strict=True)),
    }


@pytest.mark.parametrize(
    ("f1", "balanced", "expected"),
    [
        ((0.05, 0.01, 0.09), (0.01, -0.01, 0.03), "helps"),
        ((0.05, -0.01, 0.11), (0.01, 0.0, 0.02), "no evidence"),
        ((0.05, 0.01, 0.09), (-0.002, -0.01, 0.01), "no evidence"),
        ((0.05, 0.01, 0.09), (-0.02, -0.03, -0.01), "hurts"),
        ((0.05, 0.01, 0.09), (-0.005, -0.0095, -0.0005), "no evidence"),
        ((0.05, 0.01, 0.09), (-0.005, -0.0085, -0.0015), "hurts"),
        ((-0.05, -0.09, -0.01), (0.0, -0.01, 0.01), "hurts"),
        ((0.05, None, None), (0.01, None, None), "no evidence"),
    ],
)
def test_verdict(f1, balanced, expected):
    assert metrics.verdict(differences(f1, balanced)) == expected
