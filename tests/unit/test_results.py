"""The content of `results.json`, from trials made by hand."""

import pytest

from kerasaug.study.results import SCHEMA, summarise
from kerasaug.study.scores import NAMES

ARMS = ["none", "oversample", "gan"]


def trials(arm, *scores):
    """Trials of an arm by their scores; None for a repetition that failed."""
    return [
        {"arm": arm, "seed": seed, **dict.fromkeys(NAMES, score)}
        for seed, score in enumerate(scores)
        if score is not None
    ]


def study(*all_trials, test_counts=(50, 50), **options):
    data = {"class_names": ["top", "bottom"], "rare_classes": [1], "test_counts": test_counts}
    trials = [trial for of_arm in all_trials for trial in of_arm]
    return summarise(trials, config={"arms": ARMS}, data=data, **options)


def test_arms_are_in_their_order_and_compared_with_those_without_a_generator():
    results = study(trials("gan", 0.7, 0.71), trials("oversample", 0.6), trials("none", 0.5, 0.51))
    assert results["schema"] == SCHEMA
    assert list(results["arms"]) == ARMS
    versus = {name: list(arm["versus"]) for name, arm in results["arms"].items()}
    assert versus == {"none": ["oversample"], "oversample": ["none"], "gan": ["none", "oversample"]}
    verdicts = {name: arm["verdict"] for name, arm in results["arms"].items()}
    assert verdicts == {"none": None, "oversample": "not significant", "gan": "helps"}
    assert results["arms"]["gan"]["summary"]["accuracy"]["mean"] == pytest.approx(0.705)


def test_repetitions_are_sorted_and_paired_by_seed():
    gan = trials("gan", None, 0.9, 0.8)
    results = study(trials("none", 0.1, 0.7, 0.6), gan[::-1], trials("oversample", 0.5, None, None))
    summary = results["arms"]["gan"]
    assert [trial["seed"] for trial in summary["trials"]] == [1, 2]
    # Of the repetitions in which both ended well; there is none with `oversample`.
    assert list(summary["versus"]) == ["none"]
    difference = summary["versus"]["none"]["rare_f1"]
    assert difference == pytest.approx({"difference": 0.2, "low": 0.2, "high": 0.2})
    assert list(study(gan)["arms"]) == ["gan"]
    assert study(gan)["arms"]["gan"]["verdict"] is None


def test_too_few_test_images_leave_no_intervals_of_differences_and_no_verdict():
    results = study(trials("none", 0.5, 0.51), trials("gan", 0.7, 0.71), test_counts=(50, 29))
    gan = results["arms"]["gan"]
    assert gan["verdict"] == "not significant"
    expected = {"difference": pytest.approx(0.2), "low": None, "high": None}
    assert gan["versus"]["none"]["rare_f1"] == expected
    assert gan["summary"]["rare_f1"]["low"] is not None
    results = study(trials("none", 0.5, 0.51), trials("gan", 0.7, 0.71), test_counts=(29, 30))
    assert results["arms"]["gan"]["verdict"] == "helps"
