import json

import keras
import numpy as np
import pytest

from kerasaug.data.streams import collect
from kerasaug.study.fidelity import memorised
from kerasaug.study.judge import Judge


@pytest.fixture(scope="module")
def judge(tiny):
    return Judge(tiny, steps=40)


def drawing_from(images, labels):
    def draw(count, class_id):
        own = images[labels == class_id]
        return own[np.arange(count) % len(own)]

    return draw


def test_new_images_of_the_right_class_are_recognised_and_not_memorised(judge, tiny):
    draw = drawing_from(*collect(tiny.test))
    found = judge.measure(draw, tiny, range(3))
    assert found["judge_accuracy"] > 0.95
    assert list(found["classes"]) == list(tiny.class_names)
    for name, kinds in found["classes"].items():
        assert kinds["generated"]["recognised"] > 0.95
        assert kinds["generated"]["coverage"] == 1.0
        assert kinds["repeated"] == kinds["real"]
        assert not memorised([found], name)
    json.dumps(found, allow_nan=False)


def test_copies_of_the_training_images_are_flagged(judge, tiny):
    found = judge.measure(drawing_from(*collect(tiny.train)), tiny, [2])
    assert list(found["classes"]) == ["bottom"]
    assert memorised([found], "bottom")
    assert found["classes"]["bottom"]["generated"]["nearest_ratio"] < 1e-3
    assert found["classes"]["bottom"]["generated"]["copied"] == 1.0


def test_images_of_another_class_are_not_recognised(judge, tiny):
    images, labels = collect(tiny.test)
    found = judge.measure(drawing_from(images, (labels + 1) % 3), tiny, range(3))
    for kinds in found["classes"].values():
        assert kinds["generated"]["recognised"] < 0.05
        assert kinds["generated"]["precision"] < 0.2


def test_a_class_with_too_few_images_is_left_out(judge, tiny):
    few = tiny.reduce({"bottom": 5})
    found = judge.measure(drawing_from(*collect(tiny.train)), few, [2])
    assert found == {"judge_accuracy": None, "classes": {}}


def test_the_yardsticks_are_the_kept_images_and_all_there_were(judge, tiny):
    few = tiny.reduce({"top": 6})
    (kinds,) = judge.measure(drawing_from(*collect(tiny.test)), few, [0])["classes"].values()
    assert kinds["repeated"]["coverage"] < kinds["real"]["coverage"]


def test_the_judge_is_the_same_whatever_trains_fastest(judge, tiny):
    keras.config.set_dtype_policy("mixed_bfloat16")
    other = Judge(tiny, steps=40)
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    images, _ = collect(tiny.test)
    for ours, theirs in zip(judge.look(images), other.look(images), strict=True):
        np.testing.assert_array_equal(ours, theirs)
