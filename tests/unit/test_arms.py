import dataclasses

import numpy as np
import pytest

from kerasaug.data import augment, mixture
from kerasaug.errors import InputError
from kerasaug.study import arms, mixing


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", ("none", None, None, ())),
        ("oversample:100", ("oversample", 100, None, ())),
        ("crop-rotate", ("crop-rotate", None, None, ())),
        ("balanced+affine", ("balanced", None, None, ("affine",))),
        ("conditional-wgan:4500+crop-rotate", ("conditional-wgan", 4500, None, ("crop-rotate",))),
        (
            "conditional-vae:class-balanced+auto",
            ("conditional-vae", None, "class-balanced", ("auto",)),
        ),
        (
            "conditional-vae:latent-perturbation+affine",
            ("conditional-vae", None, "latent-perturbation", ("affine",)),
        ),
        ("none+randaugment+cutmix", ("none", None, None, ("randaugment", "cutmix"))),
        ("balanced+flip-shift-erasing", ("balanced", None, None, ("flip-shift-erasing",))),
        ("wgan:7+affine+mixup", ("wgan", 7, None, ("affine", "mixup"))),
        ("balanced+affine+logit-adjusted", ("balanced", None, None, ("affine", "logit-adjusted"))),
    ],
)
def test_arms_are_read_and_written(text, expected):
    arm = arms.parse(text)
    assert (arm.mixture, arm.count, arm.form, arm.modifiers) == expected
    assert str(arm) == text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("conditional-wgan:symmetric+auto", "conditional-wgan:class-balanced+auto"),
        (
            "conditional-vae:varied+affine+adjusted",
            "conditional-vae:latent-perturbation+affine+logit-adjusted",
        ),
        ("none+adjusted+mixup", "none+mixup+logit-adjusted"),
    ],
)
def test_the_names_of_release_0_1_are_read_and_shown_under_the_present_ones(old, new):
    assert arms.parse(old) == arms.parse(new)
    assert str(arms.parse(old)) == new
    with pytest.raises(InputError, match=rf"'{new.replace('+', '.')}' is named twice"):
        arms.parse_list(f"{new},{old}")


def test_a_refusal_shows_the_present_names():
    with pytest.raises(InputError, match="before ':latent-perturbation' must stand one of "):
        arms.parse("vae:varied")
    with pytest.raises(InputError, match="before ':class-balanced' must stand one of "):
        arms.parse("wgan:symmetric")


def test_the_order_of_modifiers_does_not_matter():
    assert arms.parse("wgan:7+mixup+affine") == arms.parse("wgan:7+affine+mixup")


def test_a_modifier_can_be_left_out():
    arm = arms.parse("balanced+affine+logit-adjusted")
    assert (arm.adjusts_logits, str(arm.without("logit-adjusted"))) == (True, "balanced+affine")
    assert not arm.without("logit-adjusted").adjusts_logits


@pytest.mark.parametrize(
    ("text", "blending", "filters_labels"),
    [
        ("none+mixup", "mixup", False),
        ("balanced+affine+cutmix", "cutmix", False),
        ("wgan", None, False),
        ("conditional-wgan:class-balanced", None, True),
        ("conditional-vae:latent-perturbation", None, False),
        ("conditional-wgan:5", None, False),
    ],
)
def test_what_an_arm_needs(text, blending, filters_labels):
    arm = arms.parse(text)
    assert (arm.blending, arm.filters_labels) == (blending, filters_labels)


def test_the_names_of_changes_to_a_batch_are_those_of_the_functions():
    assert set(arms.BLENDINGS) == set(mixture.BLENDINGS)
    assert set(arms.AUGMENTATIONS) == {*augment.AUGMENTATIONS, arms.AUTO}


@pytest.mark.parametrize(
    "text",
    ["", "nothing", "none:5", "full:5", "balanced:5", "oversample:", "oversample:0", "mixup"]
    + ["oversample:-3", "oversample:1.5", "none+", "none+blur", "none+affine+affine", "+affine"]
    + ["none+affine+shift", "wgan:x", "wgan:class-balanced", "oversample:class-balanced"]
    + ["none+class-balanced", "wgan:logit-adjusted", "conditional-wgan:class-balanced:5"]
    + ["balanced+mixup+mixup", "class-weight+mixup", "wgan+teacher", "none+teacher"]
    + ["class-weight+cutmix", "none+mixup+cutmix", "none+affine+randaugment"]
    + ["none+logit-adjusted+adjusted", "conditional-wgan:latent-perturbation"]
    + ["vae:latent-perturbation", "none:latent-perturbation", "conditional-vae:varied+symmetric"],
)
def test_what_is_not_an_arm_is_refused_by_name(text):
    with pytest.raises(InputError, match="arm"):
        arms.parse(text)


def test_an_arm_named_twice_is_refused():
    with pytest.raises(InputError, match="twice"):
        arms.parse_list("none, oversample,none")


def test_a_name_breaks_before_its_form_and_modifiers_and_in_no_word():
    name = "conditional-vae:latent-perturbation+logit-adjusted"
    broken = arms.with_breaks(name, "\n")
    assert broken.split("\n") == ["conditional-vae", ":latent-perturbation", "+logit-adjusted"]


class Black:
    """A synthesizer of black images; `draws` are the arguments of `draw`."""

    acceptance_rates = {}

    def __init__(self, classes):
        self.draws = []
        self.classes = classes

    def draw(self, class_id, count):
        self.draws.append((class_id, count))
        return np.zeros((count, 8, 8, 1), np.uint8)

    def class_balanced(self):
        return [np.zeros((6, 8, 8, 1), np.uint8)] * self.classes

    def latent_perturbation(self):
        return [np.ones((6, 8, 8, 1), np.uint8)] * self.classes


def weights(text, dataset, full=None, synthesizer=None):
    by_class = [0.0] * dataset.num_classes
    inputs = mixing.TrialInputs(dataset, full, synthesizer)
    for part in mixing.parts(arms.parse(text), inputs):
        _, label = next(iter(part.as_stream()))
        by_class[int(label)] += part.weight
    return by_class


def test_what_each_arm_trains_on(tiny):
    reduced = tiny.reduce({2: 3}).cache()
    assert weights("none", reduced) == [40, 40, 3]
    assert weights("full", reduced, tiny.cache()) == [40, 40, 12]
    assert weights("class-weight", reduced) == [40, 40, 3]
    assert weights("none+mixup", reduced) == [40, 40, 3]
    assert weights("oversample", reduced) == [40, 40, 40]
    assert weights("oversample:7", reduced) == [40, 40, 10]
    assert weights("crop-rotate:7", reduced) == [40, 40, 10]
    assert weights("smote:7", reduced) == [40, 40, 10]
    assert len(set(weights("balanced+affine", reduced))) == 1
    black = Black(3)
    assert weights("wgan:20", reduced, synthesizer=black) == [40, 40, 23]
    assert weights("conditional-wgan", reduced, synthesizer=black) == [40, 40, 40]
    assert black.draws == [(2, 20), (2, 37)]
    few = tiny.reduce({0: 12, 1: 12}).cache()
    assert weights("wgan", few, synthesizer=black) == [12, 12, 12]
    assert len(black.draws) == 2


@pytest.mark.parametrize(
    ("text", "share", "brightness"),
    [
        ("conditional-wgan:class-balanced", 0.25, 0),
        ("conditional-vae:latent-perturbation", 0.5, 1),
    ],
)
def test_an_arm_with_a_form_draws_every_class_alike_with_the_same_synthetic_share(
    tiny, text, share, brightness
):
    reduced = tiny.reduce({2: 3}).cache()
    assert weights(text, reduced, synthesizer=Black(3)) == [1, 1, 1]
    parts = mixing.parts(arms.parse(text), mixing.TrialInputs(reduced, None, Black(3)))
    assert [part.weight for part in parts[3:]] == [share] * 3
    for part in parts[3:]:
        assert all((image.numpy() == brightness).all() for image, _ in part.as_stream())


def test_smote_makes_images_between_two_real_ones(tiny):
    reduced = tiny.reduce({2: 4}).cache()
    real = reduced.class_images(2)
    images = mixing._smote(reduced, 2, 30, seed=0)
    assert images.shape == (30, 8, 8, 1)
    assert (images >= real.min(axis=0)).all()
    assert (images <= real.max(axis=0)).all()
    assert len(np.unique(images.reshape(30, -1), axis=0)) > 20
    np.testing.assert_array_equal(images, mixing._smote(reduced, 2, 30, seed=0))
    with pytest.raises(InputError, match="class bottom must have 2 images or more; it has one"):
        mixing._smote(tiny.reduce({2: 1}).cache(), 2, 5, seed=0)


def test_the_weight_of_a_class_makes_up_for_its_size(tiny):
    reduced = tiny.reduce({2: 4}).cache()
    weights = mixing.class_weights(arms.parse("class-weight"), reduced)
    assert weights * reduced.class_counts == pytest.approx(
        np.full(3, sum(weights * reduced.class_counts) / 3)
    )
    assert np.average(weights, weights=reduced.class_counts) == pytest.approx(1.0)


def test_effective_numbers_of_many_images_grow_more_slowly(tiny):
    many = dataclasses.replace(tiny, train_labels=np.repeat([0, 1, 2], [20_000, 5_000, 50]))
    weights = mixing.class_weights(arms.parse("deferred"), many)
    numbers = [(1 - 0.9999**n) / (1 - 0.9999) for n in (20_000, 5_000, 50)]
    assert weights[2] / weights[:2] == pytest.approx(np.array(numbers[:2]) / numbers[2], rel=1e-4)
    assert weights[2] / weights[0] < 20_000 / 50 / 2
    assert np.average(weights, weights=many.class_counts) == pytest.approx(1.0)
