import keras
import numpy as np
import pytest

from kerasaug.models.classifier import adjust_logits, build_classifier


def test_logits_are_lowered_by_the_logarithm_of_the_size_of_the_class():
    logits = np.random.default_rng(0).normal(size=(5, 3))
    lowered = logits - adjust_logits(logits, [100, 4, 0], 0.5)
    assert lowered == pytest.approx(np.tile([np.log(10), np.log(2), 0.0], (5, 1)))
    np.testing.assert_array_equal(adjust_logits(logits, [100, 4, 0], 0.0), logits)


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (33, 47, 3), (96, 64, 3), (256, 256, 1)])
def test_the_last_convolution_sees_the_whole_of_a_large_image(shape):
    classifier = build_classifier(shape, num_classes=3)
    (last,) = (
        layer.input for layer in classifier.layers if isinstance(layer, keras.layers.Flatten)
    )
    assert max(last.shape[1:3]) <= 4
    assert last.shape[3] == (128 if shape[2] == 1 else 192)
    assert classifier.output_shape == (None, 3)
