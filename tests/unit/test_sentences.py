"""What a study found, in sentences, from trials made by hand."""

import pytest

from kerasaug.study import sentences
from kerasaug.study.results import summarise
from kerasaug.study.scores import NAMES
from kerasaug.study.sentences import headlines


def study(scores, test_counts=(50, 50), **options):
    """Headlines of a study of three repetitions, from the score of each arm."""
    trials = [
        {"arm": arm, "seed": seed, **dict.fromkeys(NAMES, score + seed / 100)}
        for arm, score in scores.items()
        for seed in range(3)
    ]
    data = {"class_names": ["top", "bottom"], "rare_classes": [1], "test_counts": test_counts}
    return headlines(summarise(trials, config={"arms": list(scores)}, data=data, **options))


def everything(headlines):
    return [*headlines.first, *headlines.further]


def test_few_test_images_are_said_first():
    result = study({"none": 0.5, "gan": 0.7})
    assert result.first[0].startswith("gan beats the baseline: F1 of the rare class +0.200 (95 % ")
    assert result.first[-1] == (
        "Without augmentation, the classifier finds 51.0% of the test images of bottom."
    )
    result = study({"none": 0.5, "gan": 0.7}, test_counts=[50, 2])
    assert result.first[:2] == [
        "There are only 2 test images of bottom, too few for a verdict, which needs at least 30. "
        "All that follows may be chance.",
        "The difference between gan and the baseline is not significant: F1 of the rare class "
        "+0.200 (no interval: one repetition, or too few test images).",
    ]


def test_the_upper_bound_is_no_control_however_it_is_augmented():
    for full in ("full", "full+auto"):
        result = everything(study({"none": 0.5, full: 0.9, "gan": 0.6}))
        assert not any("the control" in text or text.startswith("full") for text in result)
        expected = f"Trained on all images of bottom ({full}), the classifier has an F1 of 0.910."
        assert expected in result


def test_the_baseline_augmented_is_a_control():
    result = study({"none": 0.5, "none+affine": 0.9})
    assert any(text.startswith("none+affine beats the baseline:") for text in result.further)


def test_controls_are_chosen_by_name_not_by_score():
    scores = {"none": 0.5, "smote": 0.9, "balanced+affine": 0.6, "gan": 0.7}
    result = study(scores)
    comparisons = [text for text in everything(result) if "the control" in text]
    assert len(comparisons) == 1
    assert "gan beats the control balanced+affine" in comparisons[0]
    assert comparisons[0] == result.first[0]
    result = study({**scores, "balanced+auto": 0.1, "oversample": 0.5})
    assert result.first[0].startswith("gan beats the control balanced+auto:")
    assert result.further[0].startswith("gan beats the control oversample:")
    result = study({"oversample": 0.5, "gan": 0.7})
    assert sum("the control oversample" in text for text in everything(result)) == 1
    result = study({"crop-rotate": 0.9, "smote": 0.5, "gan": 0.7})
    assert result.first[0].startswith("gan beats the control smote:")


def test_arms_are_compared_with_controls_that_are_adjusted_like_them_first():
    scores = {"balanced+affine": 0.5, "balanced+affine+logit-adjusted": 0.7}
    result = study({**scores, "gan": 0.6, "gan+logit-adjusted": 0.8})
    assert [text.split(":")[0] for text in result.first[1:3]] == [
        "gan beats the control balanced+affine",
        "gan+logit-adjusted beats the control balanced+affine+logit-adjusted",
    ]
    assert [text.split(":")[0] for text in result.further[:2]] == [
        "gan falls behind the control balanced+affine+logit-adjusted",
        "gan+logit-adjusted beats the control balanced+affine",
    ]


def test_an_adjusted_arm_is_not_compared_with_controls_that_are_not_alone():
    scores = {"none": 0.5, "balanced+affine": 0.6, "gan+logit-adjusted": 0.7}
    result = study(scores)
    assert not any("the control" in text for text in everything(result))
    assert result.first[0].startswith("gan+logit-adjusted beats the baseline:")
    adjusted = "balanced+affine+logit-adjusted"
    result = study({**scores, adjusted: 0.6})
    assert result.first[0].startswith(f"gan+logit-adjusted beats the control {adjusted}:")
    assert result.further[1].startswith("gan+logit-adjusted beats the baseline:")


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({"gan": 0.6, "wgan": 0.4}, "Of 2 arms with synthetic images, gan beats its control."),
        (
            {"gan": 0.6, "wgan": 0.4, "vae": 0.7},
            "Of 3 arms with synthetic images, gan, vae beat its control.",
        ),
        ({"gan": 0.4, "wgan": 0.4}, "Of 2 arms with synthetic images, no arm beats its control."),
    ],
)
def test_which_of_several_arms_beat_their_control_is_said_first(scores, expected):
    assert study({"balanced+affine": 0.5, **scores}).first[0] == expected


def test_what_proxy_classes_chose_is_said():
    names = ("none+logit-adjusted", "gan")
    choices = {name: {"tau": 1.0, "proxy_arm": "none", "f1": {}} for name in names}
    scores = dict.fromkeys(names, 0.5)
    result = study(scores, augmentation={"balanced": 0.5}, logit_adjustment=choices)
    assert result.first[-2:] == [
        "For +auto, proxy classes chose balanced.",
        "For +logit-adjusted, proxy classes chose tau 1 for none+logit-adjusted, gan.",
    ]


UNDECIDED = (0.0, -0.1, 0.1)
BETTER, WORSE = (0.05, 0.01, 0.09), (-0.02, -0.03, -0.01)


@pytest.mark.parametrize(
    ("f1", "balanced", "expected"),
    [
        (
            BETTER,
            BETTER,
            "x beats the baseline: F1 of the rare class +0.050 (95 % interval +0.010 to +0.090).",
        ),
        (
            BETTER,
            WORSE,
            "x falls behind the baseline: F1 of the rare class +0.050 (95 % interval +0.010 to "
            "+0.090), but balanced accuracy -0.020 (95 % interval -0.030 to -0.010).",
        ),
        (
            UNDECIDED,
            UNDECIDED,
            "The difference between x and the baseline is not significant: F1 of the rare class "
            "+0.000 (95 % interval -0.100 to +0.100).",
        ),
    ],
)
def test_a_sentence_names_the_difference_that_decides(f1, balanced, expected):
    names = ("difference", "low", "high")
    versus = {metric: dict(zip(names, UNDECIDED, strict=True)) for metric in NAMES}
    versus["rare_f1"] = dict(zip(names, f1, strict=True))
    versus["balanced_accuracy"] = dict(zip(names, balanced, strict=True))
    assert sentences._comparison("x", {"versus": {"none": versus}}, "none") == expected
