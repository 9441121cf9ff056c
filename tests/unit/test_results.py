"""What trials together say, of trials made by hand."""

import pytest

from kerasaug.study import results
from kerasaug.study.metrics import NAMES
from kerasaug.study.results import headlines, summarise


def study(scores, test_counts=(50, 50), **options):
    """Puts trials together whose scores on test and validation images are given by arm."""
    trials = [
        {
            "arm": arm,
            "seed": seed,
            **dict.fromkeys(NAMES, test + seed / 100),
            "validation": dict.fromkeys(NAMES, validation),
        }
        for arm, (test, validation) in scores.items()
        for seed in range(3)
    ]
    data = {"class_names": ["top", "bottom"], "rare_classes": [1], "test_counts": test_counts}
    return summarise({"arms": list(scores)}, data, trials, **options)


def test_few_test_images_are_said_first():
    found = study({"none": (0.5, 0), "gan": (0.7, 0)})
    assert "test images of bottom." in headlines(found).first[-1]
    assert found["arms"]["gan"]["verdict"] == "helps"
    found = study({"none": (0.5, 0), "gan": (0.7, 0)}, test_counts=[50, 2])
    assert headlines(found).first[0].startswith("There are but 2 test images of bottom: too few")
    assert found["arms"]["gan"]["verdict"] == "no evidence"
    difference = found["arms"]["gan"]["versus"]["none"]["rare_f1"]
    assert difference == {"difference": pytest.approx(0.2), "low": None, "high": None}


def test_an_amount_is_chosen_by_validation_images_whatever_the_test_images_say():
    found = study({"gan:100": (0.9, 0.2), "gan:1000": (0.5, 0.8), "gan:4500": (0.7, 0.4)})
    assert found["amounts"]["gan"]["chosen"] == 1000


def test_of_equal_amounts_the_smallest_is_chosen():
    found = study({"gan:1000": (0.9, 0.5), "gan:100": (0.1, 0.5)})
    assert found["amounts"]["gan"]["chosen"] == 100


def test_the_ceiling_is_no_control_however_it_is_augmented():
    for full in ("full", "full+auto"):
        found = headlines(study({"none": (0.5, 0), full: (0.9, 0), "gan": (0.6, 0)}))
        sentences = [*found.first, *found.further]
        assert not any("the control" in each or each.startswith("full") for each in sentences)
        assert f"With all images of bottom that there are ({full}), its F1 is 0.910." in sentences


def test_the_baseline_augmented_is_a_control():
    found = headlines(study({"none": (0.5, 0), "none+affine": (0.9, 0)}))
    assert any(each.startswith("none+affine helps") for each in found.further)


def test_controls_are_chosen_by_name_not_by_score():
    scores = {"none": (0.5, 0), "smote": (0.9, 0), "balanced+affine": (0.6, 0), "gan": (0.7, 0)}
    found = headlines(study(scores))
    against = [each for each in [*found.first, *found.further] if "the control" in each]
    assert len(against) == 1
    assert "gan beats the control balanced+affine" in against[0]
    assert against[0] == found.first[0]
    controls = {**scores, "balanced+auto": (0.1, 0), "oversample": (0.5, 0)}
    found = headlines(study(controls))
    assert found.first[0].startswith("gan beats the control balanced+auto:")
    assert found.further[0].startswith("gan beats the control oversample:")
    found = headlines(study({"oversample": (0.5, 0), "gan": (0.7, 0)}))
    assert sum("the control oversample" in each for each in [*found.first, *found.further]) == 1


def test_arms_are_held_against_controls_that_are_adjusted_like_them_first():
    scores = {"balanced+affine": (0.5, 0), "balanced+affine+adjusted": (0.7, 0)}
    found = headlines(study({**scores, "gan": (0.6, 0), "gan+adjusted": (0.8, 0)}))
    assert [each.split(":")[0] for each in found.first[1:3]] == [
        "gan beats the control balanced+affine",
        "gan+adjusted beats the control balanced+affine+adjusted",
    ]
    assert [each.split(":")[0] for each in found.further[:2]] == [
        "gan falls behind the control balanced+affine+adjusted",
        "gan+adjusted beats the control balanced+affine",
    ]


def test_an_adjusted_arm_is_not_held_against_controls_that_are_not_alone():
    scores = {"none": (0.5, 0), "balanced+affine": (0.6, 0), "gan+adjusted": (0.7, 0)}
    found = headlines(study(scores))
    assert not any("the control" in each for each in [*found.first, *found.further])
    assert found.first[0].startswith("gan+adjusted helps")
    found = headlines(study({**scores, "balanced+affine+adjusted": (0.6, 0)}))
    assert found.first[0].startswith("gan+adjusted beats the control balanced+affine+adjusted")
    assert found.further[1].startswith("gan+adjusted helps")


def test_of_several_generative_arms_it_is_first_said_which_beat_their_control():
    scores = {"balanced+affine": (0.5, 0), "gan": (0.6, 0), "wgan": (0.4, 0)}
    (first, *_), _ = headlines(study(scores))
    assert first == "Of 2 arms with generated images, gan is shown to beat the control."
    (first, *_), _ = headlines(study({**scores, "vae": (0.7, 0)}))
    assert first == "Of 3 arms with generated images, gan, vae are shown to beat the control."
    (first, *_), _ = headlines(study({**scores, "gan": (0.4, 0)}))
    assert first == "Of 2 arms with generated images, none is shown to beat the control."


def test_what_was_chosen_is_said():
    adjustment = {
        name: {"chosen": 1.0, "like": "none", "f1": {}} for name in ("none+adjusted", "gan")
    }
    scores = {"none+adjusted": (0.5, 0), "gan": (0.5, 0)}
    found = headlines(study(scores, augmentation={"balanced": 0.5}, adjustment=adjustment))
    assert found.first[-2:] == [
        "For +auto, held-out training images choose balanced.",
        "As the strength of +adjusted, held-out training images choose 1 for none+adjusted, gan.",
    ]


def test_a_sentence_names_the_difference_that_decided():
    def arm(f1, balanced):
        names = ("difference", "low", "high")
        against = {metric: dict(zip(names, (0.0, -0.1, 0.1), strict=True)) for metric in NAMES}
        against["rare_f1"] = dict(zip(names, f1, strict=True))
        against["balanced_accuracy"] = dict(zip(names, balanced, strict=True))
        return {"versus": {"none": against}}

    better, worse = (0.05, 0.01, 0.09), (-0.02, -0.03, -0.01)
    assert results._sentence("x", arm(better, better), "none") == (
        "x helps: F1 of the rare class +0.050 (95 % interval +0.010 to +0.090) "
        "against doing nothing."
    )
    assert results._sentence("x", arm(better, worse), "none") == (
        "x hurts: F1 of the rare class +0.050 (95 % interval +0.010 to +0.090), but balanced "
        "accuracy -0.020 (95 % interval -0.030 to -0.010) against doing nothing."
    )
