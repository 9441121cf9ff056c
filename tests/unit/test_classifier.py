import numpy as np
import pytest

from kerasaug.models.classifier import adjust_logits


def test_logits_are_lowered_by_the_logarithm_of_the_size_of_the_class():
    logits = np.random.default_rng(0).normal(size=(5, 3))
    lowered = logits - adjust_logits(logits, [100, 4, 0], 0.5)
    assert lowered == pytest.approx(np.tile([np.log(10), np.log(2), 0.0], (5, 1)))
    np.testing.assert_array_equal(adjust_logits(logits, [100, 4, 0], 0.0), logits)
