"""The evaluation classifier on real images, in the place of generated ones."""

import json

import keras
import numpy as np
import pytest

from kerasaug.data.streams import collect
from kerasaug.quality.evaluator import Evaluator
from kerasaug.quality.fidelity import memorised


@pytest.fixture(scope="module")
def evaluator(tiny):
    return Evaluator(tiny, steps=40)


class Replay:
    """In the place of a generator: returns images that there are, over and over."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def generate(self, count, class_id, seed):
        images = self.images[self.labels == class_id]
        return images[np.arange(count) % len(images)]


def test_new_images_of_the_right_class_are_recognised_and_not_memorised(evaluator, tiny):
    measured = evaluator.measure(Replay(*collect(tiny.test)), tiny, range(3))
    assert measured["evaluator_accuracy"] > 0.9
    assert list(measured["classes"]) == list(tiny.class_names)
    for name, samples in measured["classes"].items():
        assert samples["generated"]["classification_accuracy"] > 0.9
        assert samples["generated"]["coverage"] == 1.0
        assert samples["repeated"] == samples["real"]
        assert not memorised(measured, name)
    json.dumps(measured, allow_nan=False)


def test_copies_of_the_training_images_are_flagged(evaluator, tiny):
    measured = evaluator.measure(Replay(*collect(tiny.train)), tiny, [2])
    assert list(measured["classes"]) == ["bottom"]
    assert memorised(measured, "bottom")
    assert measured["classes"]["bottom"]["generated"]["nearest_ratio"] < 1e-3
    assert measured["classes"]["bottom"]["generated"]["copied"] == 1.0


def test_images_of_another_class_are_not_recognised(evaluator, tiny):
    images, labels = collect(tiny.test)
    measured = evaluator.measure(Replay(images, (labels + 1) % 3), tiny, range(3))
    for samples in measured["classes"].values():
        assert samples["generated"]["classification_accuracy"] < 0.05
        assert samples["generated"]["precision"] < 0.2


def test_a_class_with_too_few_images_is_left_out(evaluator, tiny):
    measured = evaluator.measure(Replay(*collect(tiny.train)), tiny.reduce({"bottom": 5}), [2])
    assert measured == {"evaluator_accuracy": None, "classes": {}}


def test_the_references_are_the_remaining_images_and_all_there_were(evaluator, tiny):
    measured = evaluator.measure(Replay(*collect(tiny.test)), tiny.reduce({"top": 6}), [0])
    (samples,) = measured["classes"].values()
    assert samples["repeated"]["coverage"] < samples["real"]["coverage"]


@pytest.mark.thorough
def test_the_evaluator_is_the_same_whatever_trains_fastest(evaluator, tiny):
    images, _ = collect(tiny.test)
    expected = evaluator.predict(images)
    keras.config.set_dtype_policy("mixed_bfloat16")
    outputs = Evaluator(tiny, steps=40).predict(images)
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    for output, other in zip(outputs, expected, strict=True):
        np.testing.assert_array_equal(output, other)


@pytest.mark.thorough
def test_features_may_be_those_of_another_network(tiny):
    """Such as one of `keras.applications`, which has its preprocessing and its features inside."""

    def build(image_shape, num_classes):
        images = keras.Input(image_shape)
        base = keras.Sequential(
            [
                keras.Input(image_shape),
                keras.layers.Rescaling(1 / 255),
                keras.layers.Conv2D(6, 3, activation="relu"),
                keras.layers.Flatten(),
                keras.layers.Dense(5, activation="relu"),
            ]
        )
        return keras.Model(images, keras.layers.Dense(num_classes)(base(images)))

    evaluator = Evaluator(tiny, steps=300, build=build)
    images, labels = collect(tiny.test)
    features, predictions = evaluator.predict(images)
    assert features.shape == (len(images), 5)
    assert (predictions == labels).mean() > 0.7
    measured = evaluator.measure(Replay(images, labels), tiny, [0])
    assert measured["classes"]["top"]["generated"]["coverage"] == 1.0
