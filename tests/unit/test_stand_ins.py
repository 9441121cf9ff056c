"""Which classes stand in for rare ones, and what is done to them."""

import numpy as np
import pytest

from kerasaug import data
from kerasaug.study import arms, stand_ins, trial
from kerasaug.study.config import Length

LENGTH = Length(steps=2, batch_size=8, epochs=1)
CLASSES = 5


def dataset(counts):
    generator = np.random.default_rng(0)
    labels, tests = np.repeat(np.arange(CLASSES), counts), np.repeat(np.arange(CLASSES), 4)
    return data.from_arrays(
        generator.integers(0, 256, (len(labels), 8, 8, 1), np.uint8),
        labels.astype(np.int32),
        generator.integers(0, 256, (len(tests), 8, 8, 1), np.uint8),
        tests.astype(np.int32),
        class_names=("a", "b", "c", "d", "e"),
        name="five",
    ).hold_out(0.5)


@pytest.mark.parametrize("smallest", [4, 32])
def test_every_second_common_class_is_as_rare_as_the_smallest_and_counts_as_rare(
    monkeypatch, smallest
):
    """Also where the smallest class is no tenth of the largest one."""
    trained, adjusted_by = [], []
    real_parts, real_adjusted = trial.parts, trial.adjusted_logits

    def parts(arm, given, seed):
        found = real_parts(arm, given, seed)
        weights = [0.0] * CLASSES
        for part in found:
            weights[part.class_id] += part.weight
        trained.append((given.dataset.class_counts, given.dataset.rare_classes, weights))
        return found

    def adjusted_logits(logits, class_counts, strength):
        adjusted_by.append(class_counts)
        return real_adjusted(logits, class_counts, strength)

    monkeypatch.setattr(trial, "parts", parts)
    monkeypatch.setattr(trial, "adjusted_logits", adjusted_logits)
    held_out = dataset((120, 120, smallest, 120, 120))
    least = smallest // 2
    found = stand_ins.mean_f1(arms.parse("oversample"), held_out, LENGTH, seed=0)
    ((counts, rare, weights),) = trained
    assert counts == [least, 60, least, least, 60]
    assert rare == [0, 2, 3]
    assert weights == [60] * CLASSES
    assert adjusted_by == [counts] * len(trial.STRENGTHS)
    assert set(found) == set(trial.STRENGTHS)


def test_the_score_is_the_mean_of_the_classes_that_stand_in(monkeypatch):
    scores = {"0": {"f1": [0.2, 9, 9, 0.4, 9]}, "1": {"f1": [0.3, 9, 9, 0.9, 9]}}
    monkeypatch.setattr(trial, "score", lambda *_: scores)
    held_out = dataset((40, 40, 4, 40, 40))
    found = stand_ins.mean_f1(arms.parse("none"), held_out, LENGTH, seed=0)
    assert found == pytest.approx({"0": 0.3, "1": 0.6})
