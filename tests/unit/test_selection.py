"""What proxy classes choose, from scores set by hand; which classes they are, and their scores."""

import numpy as np
import pytest

from kerasaug import data
from kerasaug.data import augment
from kerasaug.errors import TrainingFailed
from kerasaug.study import arms, selection, trial
from kerasaug.study.config import Length
from kerasaug.study.selection import CANDIDATES, Selection, proxy_arm
from kerasaug.study.trial import TAUS

EQUAL = dict.fromkeys(TAUS, 0.5)
LENGTH = Length(steps=2, batch_size=8, epochs=1)
CLASSES = 5


def select(text, proxy_scores):
    """The selection of some arms, from the proxy scores of arms by their names."""
    return Selection(arms.parse_list(text), lambda arm: proxy_scores.get(str(arm)))


def names(parsed_arms):
    return list(map(str, parsed_arms))


@pytest.mark.parametrize(
    ("arm", "proxy"),
    [
        ("none+logit-adjusted", "none"),
        ("oversample:9+logit-adjusted", "oversample:9"),
        ("balanced+affine+logit-adjusted", "balanced+affine"),
        ("gan+logit-adjusted", "oversample"),
        ("conditional-wgan:100+affine+logit-adjusted", "oversample:100+affine"),
        ("conditional-vae:latent-perturbation+affine+mixup+adjusted", "balanced+affine+mixup"),
        ("conditional-vae:class-balanced", "balanced"),
        ("full+affine+logit-adjusted", "none+affine"),
    ],
)
def test_a_proxy_arm_has_copies_in_the_place_of_synthetic_images(arm, proxy):
    assert str(proxy_arm(arms.parse(arm))) == proxy


def test_tau_is_chosen_for_each_arm_by_its_proxy_arm():
    proxy_scores = {"none": {**EQUAL, "1": 0.9}, "balanced": {**EQUAL, "0": 0.6}}
    perturbed = "conditional-vae:latent-perturbation+logit-adjusted"
    selected = select(f"none+logit-adjusted,gan,{perturbed}", proxy_scores)
    assert names(selected.tau_candidates()) == ["none", "balanced"]
    assert selected.tau(arms.parse("none+logit-adjusted")) == "1"
    assert selected.tau(arms.parse(perturbed)) == "0"
    choices = selected.logit_adjustment()
    assert list(choices) == ["none+logit-adjusted", perturbed]
    assert choices["none+logit-adjusted"] == {
        "tau": 1.0,
        "proxy_arm": "none",
        "f1": {"0": 0.5, "0.25": 0.5, "0.5": 0.5, "0.75": 0.5, "1": 0.9},
    }
    assert list(choices[perturbed]["f1"]) == ["0", "0.25", "0.5", "0.75", "1"]


def test_an_arm_that_is_not_adjusted_needs_no_proxy_scores():
    selected = select("none,balanced+affine,gan", {})
    assert (selected.augmentation_candidates(), selected.tau_candidates()) == ([], [])
    assert selected.tau(arms.parse("balanced+affine")) == "0"
    assert (selected.augmentation(), selected.logit_adjustment()) == (None, {})


def test_of_equal_taus_a_half_is_chosen():
    selected = select("none+logit-adjusted", {"none": EQUAL})
    assert selected.tau(arms.parse("none+logit-adjusted")) == "0.5"


def test_no_tau_is_chosen_without_proxy_scores():
    selected = select("none+logit-adjusted", {})
    assert selected.tau(arms.parse("none+logit-adjusted")) is None
    assert selected.logit_adjustment() == {}


def test_auto_chooses_from_all_augmentations_and_none():
    augmented = [f"balanced+{name}" for name in augment.AUGMENTATIONS]
    assert names(CANDIDATES) == ["balanced", *augmented]
    assert {*augment.AUGMENTATIONS, "auto"} == set(arms.AUGMENTATIONS)
    assert select("none+auto,gan", {}).augmentation_candidates() == CANDIDATES


def test_augmentations_are_compared_each_with_its_best_tau():
    proxy_scores = dict.fromkeys(names(CANDIDATES), EQUAL)
    proxy_scores["balanced+affine"] = {**EQUAL, "0": 0.6}
    proxy_scores["balanced+shift"] = {**EQUAL, "0": 0.1, "1": 0.7}
    selected = select("oversample+auto+logit-adjusted", proxy_scores)
    assert list(selected.augmentation().items())[:2] == [
        ("balanced+shift", 0.7),
        ("balanced+affine", 0.6),
    ]
    arm = arms.parse("oversample+auto+logit-adjusted")
    assert str(selected.resolve(arm)) == "oversample+shift+logit-adjusted"
    assert str(selected.trained_arm(arm)) == "oversample+shift"
    assert names(selected.tau_candidates()) == ["oversample+shift"]


def test_an_augmentation_is_chosen_of_all_or_not_at_all():
    proxy_scores = dict.fromkeys(names(CANDIDATES)[1:], EQUAL)
    selected = select("none+auto+logit-adjusted", proxy_scores)
    assert selected.augmentation() is None
    with pytest.raises(TrainingFailed, match="not all augmentations"):
        selected.resolve(arms.parse("none+auto"))
    assert selected.tau_candidates() == []


def held_out_dataset(counts):
    generator = np.random.default_rng(0)
    labels, test_labels = np.repeat(np.arange(CLASSES), counts), np.repeat(np.arange(CLASSES), 4)
    return data.from_arrays(
        generator.integers(0, 256, (len(labels), 8, 8, 1), np.uint8),
        labels.astype(np.int32),
        generator.integers(0, 256, (len(test_labels), 8, 8, 1), np.uint8),
        test_labels.astype(np.int32),
        class_names=("a", "b", "c", "d", "e"),
        name="five",
    ).hold_out(0.5)


@pytest.mark.parametrize("smallest", [4, 32])
def test_every_second_common_class_is_reduced_to_the_smallest_and_counts_as_rare(
    monkeypatch, smallest
):
    """Also where the smallest class is no tenth of the largest one."""
    trainings, adjustments = [], []
    parts, adjust_logits = trial.parts, trial.adjust_logits

    def record_parts(arm, inputs, seed):
        result = parts(arm, inputs, seed)
        weights = [0.0] * CLASSES
        for part in result:
            weights[part.class_id] += part.weight
        trainings.append((inputs.dataset.class_counts, inputs.dataset.rare_classes, weights))
        return result

    def record_adjustment(logits, class_counts, tau):
        adjustments.append((class_counts, tau))
        return adjust_logits(logits, class_counts, tau)

    monkeypatch.setattr(trial, "parts", record_parts)
    monkeypatch.setattr(trial, "adjust_logits", record_adjustment)
    dataset = held_out_dataset((120, 120, smallest, 120, 120))
    least = smallest // 2
    f1 = selection.proxy_f1(arms.parse("oversample"), dataset, LENGTH, seed=0)
    ((counts, rare, weights),) = trainings
    assert counts == [least, 60, least, least, 60]
    assert rare == [0, 2, 3]
    assert weights == [60] * CLASSES
    assert adjustments == [(counts, float(tau)) for tau in TAUS]
    assert set(f1) == set(TAUS)


def test_the_score_is_the_mean_of_the_proxy_classes_on_held_out_images(monkeypatch):
    scored = []

    def score(classifier, arm, inputs, images):
        scored.append(images)
        return {"0": {"f1": [0.2, 9, 9, 0.4, 9]}, "1": {"f1": [0.3, 9, 9, 0.9, 9]}}

    monkeypatch.setattr(trial, "score", score)
    dataset = held_out_dataset((40, 40, 4, 40, 40)).cache()
    f1 = selection.proxy_f1(arms.parse("none"), dataset, LENGTH, seed=0)
    assert f1 == pytest.approx({"0": 0.3, "1": 0.6})
    assert scored == [dataset.validation]
