import json

import numpy as np
import pytest

from kerasaug.data.dataset import collect
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
    for figures in found["classes"].values():
        assert figures["recognised"] > 0.95
        assert not figures["memorised"]
        assert figures["generated"]["coverage"] == 1.0
    json.dumps(found, allow_nan=False)


def test_copies_of_the_training_images_are_flagged(judge, tiny):
    found = judge.measure(drawing_from(*collect(tiny.train)), tiny, [2])
    assert list(found["classes"]) == ["bottom"]
    assert found["classes"]["bottom"]["memorised"]
    assert found["classes"]["bottom"]["nearest_ratio"] < 1e-3


def test_images_of_another_class_are_not_recognised(judge, tiny):
    images, labels = collect(tiny.test)
    found = judge.measure(drawing_from(images, (labels + 1) % 3), tiny, range(3))
    for figures in found["classes"].values():
        assert figures["recognised"] < 0.05
        assert figures["generated"]["precision"] < 0.2


def test_a_class_with_too_few_images_is_left_out(judge, tiny):
    few = tiny.reduce({"bottom": 5})
    found = judge.measure(drawing_from(*collect(tiny.train)), few, [2])
    assert found == {"judge_accuracy": None, "classes": {}}
