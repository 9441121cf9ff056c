import numpy as np
import pytest

from kerasaug.errors import InputError
from kerasaug.study.scores import NAMES, score


def test_scores_of_a_known_confusion():
    labels = np.array([0] * 4 + [1] * 4 + [2] * 2)
    predictions = np.array([0, 0, 0, 0, 1, 1, 0, 0, 2, 1])
    scores = score(labels, predictions, 3, [2])
    assert scores["confusion_matrix"] == [[4, 0, 0], [2, 2, 0], [0, 1, 1]]
    assert scores["accuracy"] == pytest.approx(0.7)
    assert scores["recall"] == pytest.approx([1.0, 0.5, 0.5])
    assert scores["precision"] == pytest.approx([4 / 6, 2 / 3, 1.0])
    assert scores["rare_recall"] == pytest.approx(0.5)
    assert scores["rare_precision"] == pytest.approx(1.0)
    assert scores["rare_f1"] == pytest.approx(2 / 3)
    assert scores["balanced_accuracy"] == pytest.approx(2 / 3)
    assert scores["g_mean"] == pytest.approx(0.25 ** (1 / 3))
    assert scores.keys() >= NAMES.keys()


def test_a_class_that_the_test_split_lacks_does_not_count():
    scores = score(np.array([0, 1]), np.array([0, 1]), 3, [1])
    assert scores["balanced_accuracy"] == scores["g_mean"] == 1.0
    assert score(np.array([0, 1]), np.array([0, 1]), 3, [1, 2])["rare_f1"] == 1.0
    with pytest.raises(InputError, match="no image of a rare class"):
        score(np.array([0, 1]), np.array([0, 1]), 3, [2])
