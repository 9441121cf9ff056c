import numpy as np
import pytest

from kerasaug.errors import InputError
from kerasaug.study import arms, trial


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", ("none", None, None)),
        ("oversample:100", ("oversample", 100, None)),
        ("crop-rotate", ("crop-rotate", None, None)),
        ("balanced+affine", ("balanced", None, "affine")),
        ("conditional-wgan:4500+crop-rotate", ("conditional-wgan", 4500, "crop-rotate")),
    ],
)
def test_arms_are_read_and_written(text, expected):
    arm = arms.parse(text)
    assert (arm.mixture, arm.count, arm.augmentation) == expected
    assert str(arm) == text


@pytest.mark.parametrize(
    "text",
    ["", "nothing", "none:5", "balanced:5", "oversample:", "oversample:0", "oversample:-3"]
    + ["oversample:1.5", "none+", "none+blur", "none+affine+affine", "+affine", "wgan:x"],
)
def test_what_is_not_an_arm_is_refused_by_name(text):
    with pytest.raises(InputError, match="arm"):
        arms.parse(text)


def test_an_arm_named_twice_is_refused():
    with pytest.raises(InputError, match="twice"):
        arms.parse_list("none, oversample,none")


def weights(text, dataset, generate=None):
    by_class = [0.0] * dataset.num_classes
    for part in trial.parts(arms.parse(text), dataset, generate):
        _, label = next(iter(part.images))
        by_class[int(label)] += part.weight
    return by_class


def test_what_each_arm_trains_on(tiny):
    reduced = tiny.reduce({2: 3}).cache()
    asked = []

    def generate(model, class_id, count):
        asked.append((model, class_id, count))
        return np.zeros((count, 8, 8, 1), np.uint8)

    assert weights("none", reduced) == [40, 40, 3]
    assert weights("oversample", reduced) == [40, 40, 40]
    assert weights("oversample:7", reduced) == [40, 40, 10]
    assert weights("crop-rotate:7", reduced) == [40, 40, 10]
    assert len(set(weights("balanced+affine", reduced))) == 1
    assert weights("wgan:20", reduced, generate) == [40, 40, 23]
    assert asked == [("wgan", 2, 20)]
    assert weights("wgan", tiny.reduce({0: 12, 1: 12}).cache(), generate) == [12, 12, 12]
