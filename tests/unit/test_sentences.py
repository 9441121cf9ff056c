"""What a study found, in sentences, from predictions made by hand."""

import pytest
from studies import repetitions
from studies import study as results_of

from kerasaug.study import sentences
from kerasaug.study.scores import NAMES
from kerasaug.study.sentences import headlines


def study(arms, **options):
    """Headlines of a study of three repetitions, from the skill of each arm."""
    return headlines(results_of(arms, **options))


def everything(headlines):
    return [*headlines.first, *headlines.further]


def test_the_verdict_is_said_first():
    result = study({"none": 0.3, "gan": 0.8})
    assert result.first[0].startswith("gan beats the baseline: average precision +0.")
    assert "; the study could have detected about 0." in result.first[0]
    assert result.first[-1].startswith("Without augmentation, the average precision of bottom is ")
    one = {
        name: repetitions(skill, seeds=(0,)) for name, skill in {"none": 0.3, "gan": 0.8}.items()
    }
    result = study(one)
    assert result.first[0].startswith("The difference between gan and the baseline is not signific")
    assert result.first[0].endswith(" (no interval: one repetition).")


def test_the_upper_bound_is_no_control_however_it_is_augmented():
    for full in ("full", "full+auto"):
        result = everything(study({"none": 0.3, full: 0.9, "gan": 0.4}))
        assert not any("the control" in text or text.startswith("full") for text in result)
        expected = f"Trained on all images of bottom ({full}), the classifier has an average prec"
        assert any(text.startswith(expected) for text in result)


def test_the_baseline_augmented_is_a_control():
    result = study({"none": 0.3, "none+affine": 0.8})
    assert any(text.startswith("none+affine beats the baseline:") for text in result.further)


def test_controls_are_chosen_by_name_not_by_score():
    skills = {"none": 0.3, "smote": 0.9, "balanced+affine": 0.4, "gan": 0.7}
    result = study(skills)
    comparisons = [text for text in everything(result) if "the control" in text]
    assert len(comparisons) == 1
    assert "gan beats the control balanced+affine" in comparisons[0]
    assert comparisons[0] == result.first[0]
    result = study({**skills, "balanced+auto": 0.2, "oversample": 0.3})
    assert result.first[0].startswith("gan beats the control balanced+auto:")
    assert result.further[0].startswith("gan beats the control oversample:")
    result = study({"oversample": 0.3, "gan": 0.7})
    assert sum("the control oversample" in text for text in everything(result)) == 1
    result = study({"crop-rotate": 0.9, "smote": 0.3, "gan": 0.7})
    assert result.first[0].startswith("gan beats the control smote:")
    # One that has half of the images alone is none.
    result = study({"none": 0.3, "balanced+auto+half": 0.3, "gan": 0.7})
    assert result.first[0].startswith("gan beats the baseline:")


def test_arms_are_compared_with_controls_that_are_adjusted_like_them_first():
    skills = {"balanced+affine": 0.3, "balanced+affine+logit-adjusted": 0.6}
    result = study({**skills, "gan": 0.45, "gan+logit-adjusted": 0.9})
    assert [text.split(":")[0] for text in result.first[1:3]] == [
        "gan beats the control balanced+affine",
        "gan+logit-adjusted beats the control balanced+affine+logit-adjusted",
    ]
    assert [text.split(":")[0] for text in result.further[:2]] == [
        "gan falls behind the control balanced+affine+logit-adjusted",
        "gan+logit-adjusted beats the control balanced+affine",
    ]


@pytest.mark.parametrize(
    ("skills", "expected"),
    [
        ({"gan": 0.8, "wgan": 0.3}, "Of 2 arms with synthetic images, gan beats its control."),
        (
            {"gan": 0.8, "wgan": 0.3, "vae": 0.9},
            "Of 3 arms with synthetic images, gan, vae beat their control.",
        ),
        ({"gan": 0.3, "wgan": 0.3}, "Of 2 arms with synthetic images, no arm beats its control."),
    ],
)
def test_which_of_several_arms_beat_their_control_is_said_first(skills, expected):
    assert study({"balanced+affine": 0.4, **skills}).first[0] == expected


def test_whether_to_collect_or_to_generate_is_said():
    skills = {"none": 0.2, "balanced+auto": 0.6, "balanced+auto+half": 0.4, "gan": 0.5}
    (sentence,) = (text for text in study(skills).first if text.startswith("Twice as many"))
    assert sentence.startswith("Twice as many real images of bottom would bring about +0.0")
    assert "; the generated images of gan bring -0.0" in sentence
    del skills["balanced+auto+half"]
    assert not any("Twice as many" in text for text in everything(study(skills)))


def test_what_the_training_images_chose_is_said():
    augmentation = [{"balanced+shift": 0.6, "balanced": 0.5}] * 2 + [{"balanced": 0.6}]
    result = study({"none+logit-adjusted": 0.3, "gan": 0.3}, augmentation=augmentation)
    assert result.first[-2:] == [
        "For +auto, the training images chose balanced+shift (2 of 3 times), balanced (1 of 3 "
        "times).",
        "For none+logit-adjusted, proxy classes chose tau 0.5.",
    ]
    result = study({"gan": 0.3}, augmentation=augmentation[:1])
    assert result.first[-1] == "For +auto, the training images chose balanced+shift."


UNDECIDED = (0.0, -0.1, 0.1, 0.14)
BETTER, WORSE = (0.05, 0.01, 0.09, 0.056), (-0.02, -0.03, -0.01, 0.014)


@pytest.mark.parametrize(
    ("rare", "mean", "expected"),
    [
        (
            BETTER,
            BETTER,
            "x beats the baseline: average precision +0.050 (95 % interval +0.010 to +0.090); the "
            "study could have detected about 0.056.",
        ),
        (
            BETTER,
            WORSE,
            "x falls behind the baseline: average precision +0.050 (95 % interval +0.010 to "
            "+0.090), but mean average precision of all classes -0.020 (95 % interval -0.030 to "
            "-0.010); the study could have detected about 0.056.",
        ),
        (
            UNDECIDED,
            UNDECIDED,
            "The difference between x and the baseline is not significant: average precision "
            "+0.000 (95 % interval -0.100 to +0.100); the study could have detected about 0.140.",
        ),
    ],
)
def test_a_sentence_names_the_difference_that_decides(rare, mean, expected):
    names = ("mean", "low", "high", "detectable")
    versus = {
        "rare_average_precision": dict(zip(names, rare, strict=True)),
        "mean_average_precision": dict(zip(names, mean, strict=True)),
    }
    assert sentences._comparison("x", {"versus": {"none": versus}}, "none") == expected
    assert set(versus) <= set(NAMES)


def test_arms_whose_trainings_were_not_at_their_end_are_named():
    arms = {
        "none": repetitions(0.3, losses=(0.9, 0.2, 0.1)),
        "balanced": repetitions(0.5, losses=(0.9, 0.2, 0.19)),
        "gan": repetitions(0.7, losses=(0.2,)),
    }
    result = headlines(results_of(arms))
    (warning,) = [text for text in result.first if "still falling" in text]
    assert warning.startswith("The training loss of none was still falling after 400 steps: ")


@pytest.mark.parametrize(
    ("skills", "expected"),
    [
        ({"none": 0.3, "oversample": 0.6, "gan": 0.9}, "train with gan."),
        ({"none": 0.3, "balanced": 0.8, "gan": 0.8}, "train with balanced, without a generator."),
        (
            {"none": 0.2, "balanced": 0.8, "balanced+half": 0.2},
            "train with balanced, without a generator. Collect more images of bottom.",
        ),
        (
            {"none": 0.6, "balanced": 0.5},
            "keep the training as it is, and choose a decision threshold: no arm is shown to rank "
            "the images better. More repetitions would show smaller differences.",
        ),
        (
            {"none": 0.6, "balanced": 0.5, "gan": 0.5},
            "keep the training as it is, and choose a decision threshold: no control is shown to "
            "rank the images better, and no generator to beat that. More repetitions would show "
            "smaller differences.",
        ),
    ],
)
def test_it_is_said_what_to_do(skills, expected):
    assert f"What to do: {expected}" in study(skills).first


def test_without_a_baseline_or_an_interval_no_advice_is_given():
    one = {
        name: repetitions(skill, seeds=(0,)) for name, skill in {"none": 0.3, "gan": 0.8}.items()
    }
    for arms in ({"balanced": 0.3, "gan": 0.8}, one):
        assert not any(text.startswith("What to do") for text in study(arms).first)


def test_what_batches_do_not_make_is_not_said_to_be_useless():
    result = study({"none": 0.3, "focal": 0.8})
    assert any(text.startswith("focal beats the baseline") for text in result.further)
    assert not any(text.startswith("What to do") for text in result.first)
