"""The content of `results.json`, from predictions made by hand."""

import json

import numpy as np
import pytest
from studies import ARMS, DATA, repetitions, study

from kerasaug.study.results import RECALLS, SCHEMA, _curve
from kerasaug.study.scores import NAMES


def test_arms_are_in_their_order_and_compared_with_those_without_a_generator():
    results = study({"none": 0.5, "oversample": 0.51, "gan": 0.9})
    assert results["schema"] == SCHEMA
    assert list(results["arms"]) == ARMS
    versus = {name: list(arm["versus"]) for name, arm in results["arms"].items()}
    assert versus == {"none": ["oversample"], "oversample": ["none"], "gan": ["none", "oversample"]}
    verdicts = {name: arm["verdict"] for name, arm in results["arms"].items()}
    assert verdicts == {"none": None, "oversample": "not significant", "gan": "helps"}
    summary = results["arms"]["gan"]["summary"]
    assert summary.keys() == NAMES.keys()
    assert summary["rare_average_precision"]["low"] < summary["rare_average_precision"]["mean"]
    accuracies = [values["accuracy"] for values in results["arms"]["gan"]["repetitions"]]
    assert summary["accuracy"] == {
        "mean": pytest.approx(np.mean(accuracies)),
        "low": None,
        "high": None,
    }
    assert json.loads(json.dumps(results)) == results


def test_repetitions_are_paired_by_seed():
    parts = {
        "none": repetitions(0.5, seeds=(0, 1, 2)),
        "gan": repetitions(0.9, seeds=(1, 2)),
        "oversample": repetitions(0.6, seeds=(0,)),
    }
    results = study(parts)
    gan = results["arms"]["gan"]
    assert [values["seed"] for values in gan["repetitions"]] == [1, 2]
    # Of the repetitions in which both ended well; there is none with `oversample`.
    assert list(gan["versus"]) == ["none"]
    baseline = results["arms"]["none"]["repetitions"]
    expected = np.mean(
        [
            a["rare_average_precision"] - b["rare_average_precision"]
            for a, b in zip(gan["repetitions"], baseline[1:], strict=True)
        ]
    )
    assert gan["versus"]["none"]["rare_average_precision"]["mean"] == pytest.approx(expected)
    # One repetition of one test split has no interval.
    assert results["arms"]["oversample"]["versus"]["none"]["bottom"]["low"] is None
    assert results["arms"]["oversample"]["verdict"] == "not significant"


def test_folds_of_one_repetition_are_enough_for_a_verdict():
    parts = {name: repetitions(skill, seeds=(0,), folds=5) for name, skill in SKILLS.items()}
    results = study(parts)
    assert [training["fold"] for training in results["arms"]["gan"]["trainings"]] == list(range(5))
    (values,) = results["arms"]["gan"]["repetitions"]
    assert np.sum(values["confusion_matrix"]) == sum(DATA["test_counts"])
    assert results["arms"]["gan"]["verdict"] == "helps"


SKILLS = {"none": 0.4, "gan": 0.95}


def test_several_rare_classes_have_a_row_each():
    data = {**DATA, "rare_classes": [0, 1]}
    summary = study(SKILLS, data=data)["arms"]["gan"]
    assert list(summary["by_class"]) == ["top", "bottom"]
    mean = np.mean([values["mean"] for values in summary["by_class"].values()])
    assert summary["summary"]["rare_average_precision"]["mean"] == pytest.approx(mean)
    assert set(summary["versus"]["none"]) >= {"top", "bottom"}


def test_doubling_needs_the_strongest_control_and_its_half():
    assert study({"none": 0.5, "balanced": 0.6})["doubling"] is None
    skills = {"none": 0.5, "balanced": 0.8, "balanced+half": 0.5, "none+half": 0.4}
    results = study(skills)
    assert results["doubling"]["control"] == "balanced"
    means = [
        results["arms"][name]["summary"]["rare_average_precision"]["mean"]
        for name in ("balanced", "balanced+half")
    ]
    error, larger = 1 - means[0], 1 - means[1]
    assert results["doubling"]["mean"] == pytest.approx(error - error**2 / larger)
    # An arm with half of the images is no control.
    assert study({"none": 0.5, "none+half": 0.4})["doubling"]["control"] == "none"


def test_a_precision_recall_curve_is_the_best_precision_at_that_recall():
    folds = repetitions(1.0, seeds=(0,))[0].folds
    perfect = np.eye(2, dtype=np.float32)[folds[0].labels]
    assert _curve([folds[0]._replace(logits=perfect)], [1]) == [1.0] * len(RECALLS)
    # All alike: at any recall, as many are right as are rare.
    share = DATA["test_counts"][1] / sum(DATA["test_counts"])
    curve = _curve([folds[0]._replace(logits=np.zeros_like(perfect))], [1])
    assert curve == pytest.approx([share] * len(RECALLS), abs=1e-4)
    # The worst image of the class is ranked last: only the highest recall suffers.
    last = np.flatnonzero(folds[0].labels == 1)[-1]
    perfect[last] = [9, 0]
    curve = _curve([folds[0]._replace(logits=perfect)], [1])
    assert curve[0] == 1.0
    assert curve[-1] == pytest.approx(share, abs=1e-4)
