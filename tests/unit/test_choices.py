"""Choices among scores made by hand."""

import pytest

from kerasaug.data import augment
from kerasaug.errors import TrainingFailed
from kerasaug.study import arms
from kerasaug.study.choices import AUGMENTED, Choices, likeness
from kerasaug.study.trial import STRENGTHS

EQUAL = dict.fromkeys(STRENGTHS, 0.5)


def choices(text, tried):
    return Choices(arms.parse_list(text), tried.get)


@pytest.mark.parametrize(
    ("arm", "like"),
    [
        ("none+adjusted", "none"),
        ("oversample:9+adjusted", "oversample:9"),
        ("balanced+affine+adjusted", "balanced+affine"),
        ("gan+adjusted", "oversample"),
        ("conditional-wgan:100+affine+teacher+adjusted", "oversample:100+affine"),
        ("conditional-vae:varied+affine+mixup+adjusted", "balanced+affine+mixup"),
        ("conditional-vae:symmetric", "balanced"),
        ("full+affine+adjusted", "none+affine"),
    ],
)
def test_an_arm_is_like_one_with_copies_in_the_place_of_generated_images(arm, like):
    assert str(likeness(arms.parse(arm))) == like


def test_strengths_are_chosen_for_each_arm_by_what_it_is_like():
    tried = {"none": {**EQUAL, "1": 0.9}, "balanced": {**EQUAL, "0": 0.6}}
    found = choices("none+adjusted,gan,conditional-vae:varied+adjusted", tried)
    assert found.for_strength() == ["none", "balanced"]
    assert found.strength(arms.parse("none+adjusted")) == "1"
    assert found.strength(arms.parse("conditional-vae:varied+adjusted")) == "0"
    assert found.adjustment()["none+adjusted"] == {
        "chosen": 1.0,
        "like": "none",
        "f1": {"0": 0.5, "0.25": 0.5, "0.5": 0.5, "0.75": 0.5, "1": 0.9},
    }


def test_an_arm_that_is_not_adjusted_needs_nothing_tried():
    found = choices("none,balanced+affine,gan", {})
    assert (found.for_augmentation(), found.for_strength()) == ([], [])
    assert found.strength(arms.parse("balanced+affine")) == "0"
    assert (found.augmentation(), found.adjustment()) == (None, {})


def test_of_equal_strengths_a_half_is_chosen():
    found = choices("none+adjusted", {"none": EQUAL})
    assert found.strength(arms.parse("none+adjusted")) == "0.5"


def test_no_strength_is_chosen_while_it_was_not_tried():
    found = choices("none+adjusted", {})
    assert found.strength(arms.parse("none+adjusted")) is None
    assert found.adjustment() == {}


def test_auto_chooses_from_all_augmentations_and_none():
    assert AUGMENTED == ["balanced", *(f"balanced+{name}" for name in augment.AUGMENTATIONS)]
    assert {*augment.AUGMENTATIONS, "auto"} == set(arms.AUGMENTATIONS)


def test_augmentations_are_compared_each_with_the_strength_that_is_best_for_it():
    tried = dict.fromkeys(AUGMENTED, EQUAL)
    tried["balanced+affine"] = {**EQUAL, "0": 0.6}
    tried["balanced+shift"] = {**EQUAL, "0": 0.1, "1": 0.7}
    found = choices("oversample+auto+adjusted", tried)
    assert list(found.augmentation())[:2] == ["balanced+shift", "balanced+affine"]
    arm = arms.parse("oversample+auto+adjusted")
    assert str(found.training_of(arm)) == "oversample+shift"
    assert found.for_strength() == ["oversample+shift"]


def test_an_augmentation_is_chosen_of_all_or_not_at_all():
    tried = dict.fromkeys(AUGMENTED[1:], EQUAL)
    found = choices("none+auto+adjusted", tried)
    assert found.augmentation() is None
    with pytest.raises(TrainingFailed, match="not all augmentations"):
        found.resolved(arms.parse("none+auto"))
    assert found.for_strength() == []
