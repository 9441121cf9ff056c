import numpy as np
import pytest

from kerasaug.models.classifier import adjust_logits, build_classifier


def test_logits_are_lowered_by_half_the_logarithm_of_the_size_of_the_class():
    classifier = build_classifier((8, 8, 1), 3, steps=1, width=4)
    images = np.random.default_rng(0).uniform(-1, 1, (5, 8, 8, 1)).astype(np.float32)
    before = np.asarray(classifier(images))
    adjust_logits(classifier, [100, 4, 0])
    lowered = before - np.asarray(classifier(images))
    expected = [np.log(10), np.log(2), 0.0]
    assert lowered == pytest.approx(np.tile(expected, (5, 1)), abs=1e-5)
