"""What proxy classes choose, from scores set by hand; which classes they are, and their scores."""

import dataclasses
import itertools

import numpy as np
import pytest
import scipy.special
import sklearn.metrics

from kerasaug import data
from kerasaug.data import augment
from kerasaug.data.streams import collect
from kerasaug.errors import TrainingFailed
from kerasaug.models.classifier import adjust_logits
from kerasaug.study import arms, selection, trial
from kerasaug.study.config import SMALL_CNN, STUDY_PRESETS, Recipe, StudyConfig
from kerasaug.study.protocol import Split
from kerasaug.study.scores import best_threshold
from kerasaug.study.selection import CANDIDATES, TAUS, Selection, proxy_arm
from kerasaug.study.task import GENERATOR, PROXY
from kerasaug.study.tasks import Tasks

EQUAL = dict.fromkeys(TAUS, 0.5)
RECIPE = Recipe(SMALL_CNN, steps=12, batch_size=8, epochs=4)
CLASSES = 5
SPLIT = Split(0)


def select(text, proxy_scores):
    """The selection of some arms, from the proxy scores of arms by their names."""
    return Selection(arms.parse_list(text), lambda arm, split: proxy_scores.get(str(arm)))


def scores_of(average_precision=0.5, f1=EQUAL, **thresholds):
    """What `proxy_scores` returns; thresholds rise with tau, by a hundredth of it."""
    by_tau = {
        tau: {name: limit + float(tau) / 100 for name, limit in thresholds.items()} for tau in TAUS
    }
    return {"average_precision": average_precision, "f1": f1, "thresholds": by_tau}


def names(parsed_arms):
    return list(map(str, parsed_arms))


@pytest.mark.parametrize(
    ("arm", "proxy"),
    [
        ("none+logit-adjusted", "none"),
        ("oversample:9+logit-adjusted", "oversample:9"),
        ("balanced+affine+logit-adjusted", "balanced+affine"),
        ("balanced+affine+half", "balanced+affine"),
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
    proxy_scores = {
        "none": scores_of(f1={**EQUAL, "1": 0.9}),
        "balanced": scores_of(f1={**EQUAL, "0": 0.6}),
    }
    perturbed = "conditional-vae:latent-perturbation+logit-adjusted"
    selected = select(f"none+logit-adjusted,gan,{perturbed}", proxy_scores)
    assert names(selected.proxy_arms(SPLIT)) == ["none", "oversample", "balanced"]
    assert selected.tau(arms.parse("none+logit-adjusted"), SPLIT) == "1"
    assert selected.tau(arms.parse(perturbed), SPLIT) == "0"


def test_an_arm_that_is_not_adjusted_needs_no_proxy_scores_for_tau():
    selected = select("none,balanced+affine,gan", {})
    assert selected.candidates() == ()
    assert selected.tau(arms.parse("balanced+affine"), SPLIT) == "0"
    assert selected.augmentation(SPLIT) is None


def test_of_equal_taus_a_half_is_chosen():
    selected = select("none+logit-adjusted", {"none": scores_of()})
    assert selected.tau(arms.parse("none+logit-adjusted"), SPLIT) == "0.5"


def test_no_tau_and_no_threshold_is_chosen_without_proxy_scores():
    selected = select("none+logit-adjusted", {})
    assert selected.tau(arms.parse("none+logit-adjusted"), SPLIT) is None
    assert selected.thresholds(arms.parse("none+logit-adjusted"), SPLIT) is None


def test_thresholds_of_every_arm_are_those_of_its_proxy_arm():
    proxy_scores = {"none": scores_of(**{"2": 0.25}), "balanced+affine": scores_of(**{"2": 0.75})}
    perturbed = "conditional-vae:latent-perturbation+affine"
    selected = select(f"none,none+logit-adjusted,{perturbed}", proxy_scores)
    for name in ("none", "none+half"):
        assert selected.thresholds(arms.parse(name), SPLIT) == {2: 0.25}
    # Adjusted probabilities have limits of their own, and other data have none.
    adjusted = selected.thresholds(arms.parse("none+logit-adjusted"), SPLIT)
    assert adjusted == {2: pytest.approx(0.255)}
    assert selected.thresholds(arms.parse("full"), SPLIT) is None
    assert selected.thresholds(arms.parse(perturbed), SPLIT) == {2: 0.75}


def test_auto_chooses_from_augmentations_that_there_are_and_from_none():
    assert names(CANDIDATES)[0] == "balanced"
    assert {arm.mixture for arm in CANDIDATES} == {"balanced"}
    tried = {name for arm in CANDIDATES for name in arm.modifiers}
    assert tried <= {*augment.AUGMENTATIONS, *arms.BLENDINGS}
    assert {"affine", "cutmix", "flip-shift-erasing"} <= tried
    assert {*augment.AUGMENTATIONS, "auto"} == set(arms.AUGMENTATIONS)
    assert select("none+auto,gan", {}).candidates() == CANDIDATES


def test_augmentations_are_compared_by_average_precision():
    proxy_scores = dict.fromkeys(names(CANDIDATES), scores_of(0.5))
    proxy_scores["balanced+affine"] = scores_of(0.6, {**EQUAL, "0": 0.9})
    proxy_scores["balanced+flip-shift"] = scores_of(0.7)
    selected = select("oversample+auto+logit-adjusted", proxy_scores)
    assert list(selected.augmentation(SPLIT).items())[:3] == [
        ("balanced+flip-shift", 0.7),
        ("balanced+affine", 0.6),
        ("balanced", 0.5),
    ]
    arm = arms.parse("oversample+auto+logit-adjusted")
    assert str(selected.resolve(arm, SPLIT)) == "oversample+flip-shift+logit-adjusted"
    assert str(selected.trained_arm(arm, SPLIT)) == "oversample+flip-shift"
    assert names(selected.proxy_arms(SPLIT)) == ["oversample+flip-shift"]


def test_a_blending_may_be_chosen_with_an_augmentation():
    proxy_scores = dict.fromkeys(names(CANDIDATES), scores_of(0.5))
    proxy_scores["balanced+flip-shift+cutmix"] = scores_of(0.6)
    proxy_scores["balanced+affine"] = scores_of(0.55)
    pairs = {
        "balanced+auto+half": "balanced+flip-shift+cutmix+half",
        "gan+auto": "gan+flip-shift+cutmix",
        # Where a blending makes no sense, the best of the others is chosen.
        "none+auto+mixup": "none+affine+mixup",
        "class-weight+auto": "class-weight+affine",
    }
    selected = select(",".join(pairs), proxy_scores)
    for arm, resolved in pairs.items():
        assert selected.resolve(arms.parse(arm), SPLIT) == arms.parse(resolved)


def test_of_equal_augmentations_the_first_is_chosen():
    selected = select("none+auto", dict.fromkeys(names(CANDIDATES), scores_of(0.5)))
    assert str(selected.resolve(arms.parse("none+auto"), SPLIT)) == "none"


def test_every_split_chooses_by_its_own_scores():
    def proxy_scores(arm, split):
        best = CANDIDATES[1 + split.fold]
        return scores_of(float(arm == best), {**EQUAL, TAUS[split.fold]: 0.9}, **{"1": split.fold})

    selected = Selection(arms.parse_list("balanced+auto+logit-adjusted"), proxy_scores)
    for fold in (0, 1):
        split, arm = Split(0, fold), arms.parse("balanced+auto+logit-adjusted")
        assert selected.trained_arm(arm, split) == CANDIDATES[1 + fold]
        assert selected.tau(arm, split) == TAUS[fold]
        assert selected.thresholds(arm, split) == {1: pytest.approx(fold + float(TAUS[fold]) / 100)}


def test_an_augmentation_is_chosen_of_all_or_not_at_all():
    proxy_scores = dict.fromkeys(names(CANDIDATES)[1:], scores_of())
    selected = select("none+auto+logit-adjusted,none", proxy_scores)
    assert selected.augmentation(SPLIT) is None
    with pytest.raises(TrainingFailed, match="not all augmentations"):
        selected.resolve(arms.parse("none+auto"), SPLIT)
    assert names(selected.proxy_arms(SPLIT)) == ["none"]


@pytest.mark.parametrize("preset", ["quick", "paper"])
@pytest.mark.parametrize("protocol", ["holdout", "cross-validation"])
def test_choosing_costs_no_more_than_a_quarter_of_a_study(tiny, preset, protocol, tmp_path):
    config = StudyConfig.from_preset(preset, "tiny", {"bottom": 6}, protocol=protocol)
    assert any(arm.augmentation == arms.AUTO for arm in config.arms)
    tasks = Tasks(config, tiny, tmp_path)
    first, *_ = stages = list(tasks.stages())
    left = list(itertools.chain(*stages))
    assert len(set(left)) == len(left)
    # All that needs nothing comes in one group, the longest first.
    assert {task for task in left if task.kind in (PROXY, GENERATOR)} == set(first)
    costs = list(map(tasks.cost, first))
    assert costs == sorted(costs, reverse=True) != costs[::-1]
    choosing = [task for task in left if task.kind == PROXY]
    assert 0 < sum(map(tasks.cost, choosing)) <= sum(map(tasks.cost, left)) / 4
    assert set(STUDY_PRESETS[preset].comparisons) >= {protocol}


def dataset_without_tests(counts):
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    images = generator.integers(0, 256, (len(labels), 8, 8, 1), np.uint8)
    made = data.from_arrays(
        images,
        labels.astype(np.int32),
        images[:1],
        labels[:1],
        class_names=tuple("abcde")[: len(counts)],
    )
    # Whoever reads the test split fails.
    return dataclasses.replace(made, test_records=None)


@pytest.mark.parametrize("smallest", [4, 32])
def test_every_second_common_class_is_reduced_to_the_smallest_and_counts_as_rare(
    monkeypatch, smallest
):
    """Also where the smallest class is no tenth of the largest one."""
    trainings = []
    parts = trial.parts

    def record_parts(arm, inputs, seed):
        result = parts(arm, inputs, seed)
        weights = [0.0] * CLASSES
        for part in result:
            weights[part.class_id] += part.weight
        trainings.append((inputs.dataset.class_counts, inputs.dataset.rare_classes, weights))
        return result

    monkeypatch.setattr(trial, "parts", record_parts)
    dataset = dataset_without_tests((120, 120, smallest, 120, 120))
    least = round(0.8 * smallest)
    short = RECIPE._replace(steps=1)
    result = selection.proxy_scores(arms.parse("oversample"), dataset, short, seed=0)
    ((counts, rare, weights),) = trainings
    assert counts == [least, 96, least, least, 96]
    assert rare == [0, 2, 3]
    assert weights == [96] * CLASSES
    assert set(result["f1"]) == set(TAUS)
    assert {tau: set(limits) for tau, limits in result["thresholds"].items()} == {
        tau: {"2"} for tau in TAUS
    }
    assert 0.0 < result["average_precision"] <= 1.0


class Recorder:
    """Stands in for trainings and predictions, and remembers what they were asked for."""

    def __init__(self, monkeypatch):
        self.trained, self.recipes, self.counts, self.seeds = [], [], [], []
        self.tested, self.labels, self.logits = [], [], []
        monkeypatch.setattr(trial, "train", self.train)

    def train(self, arm, inputs, recipe, seed, callbacks):
        self.trained.append(collect(inputs.dataset.train)[0])
        self.counts.append(inputs.dataset.class_counts)
        self.recipes.append(recipe)
        self.seeds.append(seed)
        return self

    def predict(self, stream):
        images, labels = collect(stream)
        random = np.random.default_rng(len(self.tested))
        classes = len(self.counts[-1])
        logits = random.normal(0, 1, (len(labels), classes)) + np.eye(classes)[labels]
        self.tested.append(images)
        self.labels.append(labels)
        self.logits.append(logits.astype(np.float32))
        return labels, self.logits[-1]

    def probabilities(self, class_id):
        return [scipy.special.softmax(x.astype(float), axis=1)[:, class_id] for x in self.logits]


def as_set(images):
    return {image.tobytes() for image in images}


def f1_of(recorder, classes, tau):
    decisions = [
        adjust_logits(logits, counts, tau).argmax(axis=1)
        for logits, counts in zip(recorder.logits, recorder.counts, strict=True)
    ]
    return sklearn.metrics.f1_score(
        np.concatenate(recorder.labels), np.concatenate(decisions), labels=classes, average="macro"
    )


def test_scores_are_those_of_the_proxy_classes_on_images_held_out_of_training(monkeypatch):
    recorder = Recorder(monkeypatch)
    dataset = dataset_without_tests((40, 40, 10, 40, 40))
    result = selection.proxy_scores(arms.parse("none"), dataset, RECIPE, seed=3)
    (trained,), (tested,) = recorder.trained, recorder.tested
    assert not as_set(trained) & as_set(tested)
    assert as_set(trained) | as_set(tested) < as_set(collect(dataset.train)[0])
    (labels,) = recorder.labels
    assert np.bincount(labels).tolist() == [8, 8, 2, 8, 8]
    assert recorder.recipes == [Recipe(SMALL_CNN, 5, 8, 1)]
    assert recorder.seeds == [3]
    values = [
        sklearn.metrics.average_precision_score(labels == c, recorder.probabilities(c)[0])
        for c in (0, 3)
    ]
    assert result["average_precision"] == pytest.approx(np.mean(values))
    expected = {tau: f1_of(recorder, [0, 3], float(tau)) for tau in TAUS}
    assert result["f1"] == pytest.approx(expected)
    assert len(set(expected.values())) > 1
    # The threshold is that of the rare class, which is no proxy class.
    limits = {tau: result["thresholds"][tau]["2"] for tau in ("0", "1")}
    assert limits["0"] == best_threshold(labels == 2, recorder.probabilities(2)[0])
    adjusted = adjust_logits(recorder.logits[0], recorder.counts[0], 1.0)
    adjusted = scipy.special.softmax(adjusted.astype(float), axis=1)[:, 2]
    assert limits["1"] == pytest.approx(best_threshold(labels == 2, adjusted))
    assert limits["1"] > limits["0"]


def test_with_two_classes_inner_folds_choose_by_the_rare_class_itself(monkeypatch):
    recorder = Recorder(monkeypatch)
    dataset = dataset_without_tests((60, 7))
    result = selection.proxy_scores(arms.parse("balanced"), dataset, RECIPE, seed=3)
    everything = as_set(collect(dataset.train)[0])
    first, second = map(as_set, recorder.tested)
    assert not first & second
    assert first | second == everything
    for trained, tested in zip(recorder.trained, (first, second), strict=True):
        assert as_set(trained) == everything - tested
    assert sorted(recorder.counts) == [[30, 3], [30, 4]]
    # Both together take as long as a training on proxy classes.
    assert recorder.recipes == [Recipe(SMALL_CNN, 2, 8, 1)] * 2
    positives = [int((labels == 1).sum()) for labels in recorder.labels]
    values = [
        sklearn.metrics.average_precision_score(labels == 1, probabilities)
        for labels, probabilities in zip(recorder.labels, recorder.probabilities(1), strict=True)
    ]
    assert result["average_precision"] == pytest.approx(np.average(values, weights=positives))
    assert result["f1"] == pytest.approx({t: f1_of(recorder, [1], float(t)) for t in TAUS})
    rare, probabilities = (
        np.concatenate(parts)
        for parts in ([labels == 1 for labels in recorder.labels], recorder.probabilities(1))
    )
    assert result["thresholds"]["0"]["1"] == pytest.approx(best_threshold(rare, probabilities))


def test_proxy_classes_that_groups_leave_on_one_side_are_none(monkeypatch):
    """All images of class 0 are of one group, so it cannot be scored; class 3 can."""
    recorder = Recorder(monkeypatch)
    dataset = dataset_without_tests((40, 40, 10, 40, 40))
    groups = np.where(dataset.train_labels == 0, 10_000, np.arange(len(dataset.train_labels)))
    dataset = dataclasses.replace(dataset, groups=groups)
    result = selection.proxy_scores(arms.parse("none"), dataset, RECIPE, seed=3)
    (labels,) = recorder.labels
    value = sklearn.metrics.average_precision_score(labels == 3, recorder.probabilities(3)[0])
    assert result["average_precision"] == pytest.approx(value)


def test_inner_folds_are_other_ones_with_another_seed(monkeypatch):
    recorder = Recorder(monkeypatch)
    dataset = dataset_without_tests((60, 7))
    for seed in (0, 1):
        selection.proxy_scores(arms.parse("balanced"), dataset, RECIPE, seed)
    assert as_set(recorder.tested[0]) not in map(as_set, recorder.tested[2:])
