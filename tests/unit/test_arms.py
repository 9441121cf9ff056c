import numpy as np
import pytest

from kerasaug.errors import InputError
from kerasaug.study import arms, trial


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", ("none", None, None, ())),
        ("oversample:100", ("oversample", 100, None, ())),
        ("crop-rotate", ("crop-rotate", None, None, ())),
        ("balanced+affine", ("balanced", None, None, ("affine",))),
        ("conditional-wgan:4500+crop-rotate", ("conditional-wgan", 4500, None, ("crop-rotate",))),
        ("conditional-vae:symmetric+auto", ("conditional-vae", None, "symmetric", ("auto",))),
        ("conditional-vae:varied+affine", ("conditional-vae", None, "varied", ("affine",))),
        ("wgan:7+affine+mixup+teacher", ("wgan", 7, None, ("affine", "mixup", "teacher"))),
        ("balanced+affine+adjusted", ("balanced", None, None, ("affine", "adjusted"))),
    ],
)
def test_arms_are_read_and_written(text, expected):
    arm = arms.parse(text)
    assert (arm.mixture, arm.count, arm.form, arm.modifiers) == expected
    assert str(arm) == text


def test_the_order_of_modifiers_does_not_matter():
    assert arms.parse("wgan:7+teacher+affine") == arms.parse("wgan:7+affine+teacher")


def test_a_modifier_can_be_left_out():
    arm = arms.parse("balanced+affine+adjusted")
    assert (arm.adjusts, str(arm.without("adjusted"))) == (True, "balanced+affine")
    assert not arm.without("adjusted").adjusts


@pytest.mark.parametrize(
    ("text", "blends", "filters"),
    [
        ("mixup", True, False),
        ("balanced+mixup", True, False),
        ("wgan+teacher", False, True),
        ("conditional-wgan:symmetric", False, True),
        ("conditional-vae:varied", False, False),
        ("conditional-wgan:5", False, False),
    ],
)
def test_what_an_arm_needs(text, blends, filters):
    assert (arms.parse(text).blends, arms.parse(text).filters) == (blends, filters)


@pytest.mark.parametrize(
    "text",
    ["", "nothing", "none:5", "full:5", "balanced:5", "oversample:", "oversample:0", "mixup+mixup"]
    + ["oversample:-3", "oversample:1.5", "none+", "none+blur", "none+affine+affine", "+affine"]
    + ["none+affine+shift", "wgan:x", "wgan:symmetric", "oversample:symmetric", "none+teacher"]
    + ["conditional-wgan:symmetric+teacher", "balanced+mixup+mixup", "class-weight+mixup"]
    + ["conditional-wgan:varied", "vae:varied", "none:varied", "conditional-vae:varied+teacher"],
)
def test_what_is_not_an_arm_is_refused_by_name(text):
    with pytest.raises(InputError, match="arm"):
        arms.parse(text)


def test_an_arm_named_twice_is_refused():
    with pytest.raises(InputError, match="twice"):
        arms.parse_list("none, oversample,none")


class Black:
    """A supply of black images that notes what it is asked for."""

    kept_shares = {}

    def __init__(self, classes):
        self.asked = []
        self.classes = classes

    def added(self, class_id, count, filtered):
        self.asked.append((class_id, count, filtered))
        return np.zeros((count, 8, 8, 1), np.uint8)

    def symmetric(self):
        return [np.zeros((6, 8, 8, 1), np.uint8)] * self.classes

    varied = symmetric


def weights(text, dataset, full=None, supply=None):
    by_class = [0.0] * dataset.num_classes
    for part in trial.parts(arms.parse(text), trial.Ingredients(dataset, lambda: full, supply)):
        _, label = next(iter(part.as_stream()))
        by_class[int(label)] += part.weight
    return by_class


def test_what_each_arm_trains_on(tiny):
    reduced = tiny.reduce({2: 3}).cache()
    assert weights("none", reduced) == [40, 40, 3]
    assert weights("full", reduced, tiny.cache()) == [40, 40, 12]
    assert weights("class-weight", reduced) == [40, 40, 3]
    assert weights("mixup", reduced) == [40, 40, 3]
    assert weights("oversample", reduced) == [40, 40, 40]
    assert weights("oversample:7", reduced) == [40, 40, 10]
    assert weights("crop-rotate:7", reduced) == [40, 40, 10]
    assert weights("smote:7", reduced) == [40, 40, 10]
    assert len(set(weights("balanced+affine", reduced))) == 1
    black = Black(3)
    assert weights("wgan:20", reduced, supply=black) == [40, 40, 23]
    assert weights("wgan:20+teacher", reduced, supply=black) == [40, 40, 23]
    assert black.asked == [(2, 20, False), (2, 20, True)]
    few = tiny.reduce({0: 12, 1: 12}).cache()
    assert weights("wgan", few, supply=black) == [12, 12, 12]
    assert weights("conditional-wgan:symmetric", reduced, supply=black) == [1, 1, 1]
    for text in ("conditional-wgan:symmetric", "conditional-vae:varied"):
        parts = trial.parts(arms.parse(text), trial.Ingredients(reduced, None, black, 0.25))
        assert sum(part.weight for part in parts[3:]) == 0.75
        assert all(not image.numpy().any() for part in parts[3:] for image, _ in part.as_stream())


def test_smote_makes_images_between_two_real_ones(tiny):
    reduced = tiny.reduce({2: 4}).cache()
    real = reduced.class_images(2)
    made = trial._smote(reduced, 2, 30, seed=0)
    assert made.shape == (30, 8, 8, 1)
    assert (made >= real.min(axis=0)).all()
    assert (made <= real.max(axis=0)).all()
    assert len(np.unique(made.reshape(30, -1), axis=0)) > 20
    np.testing.assert_array_equal(made, trial._smote(reduced, 2, 30, seed=0))
    with pytest.raises(InputError, match="class bottom has one image"):
        trial._smote(tiny.reduce({2: 1}).cache(), 2, 5, seed=0)


def test_the_weight_of_a_class_makes_up_for_its_size(tiny):
    reduced = tiny.reduce({2: 4}).cache()
    weighed = trial._class_weights(reduced)
    assert len({round(weighed[c] * n, 9) for c, n in enumerate(reduced.class_counts)}) == 1
    assert np.average(list(weighed.values()), weights=reduced.class_counts) == pytest.approx(1.0)
