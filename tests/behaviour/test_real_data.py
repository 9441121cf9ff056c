"""The bars of the main job on the real MNIST; minutes each."""

import json

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def evaluate(script, tmp_path):
    def run(*arguments):
        done = script("evaluate", *arguments, "--output", tmp_path / "out")
        assert done.returncode == 0, done.stderr
        return json.loads((tmp_path / "out" / "results.json").read_text())["arms"]

    return run


def test_the_imbalanced_classifier_fails_and_every_control_is_better(evaluate):
    arms = evaluate("--arms", "none,oversample,crop-rotate", "--seeds", "2")
    for arm in arms.values():
        for trial in arm["trials"]:
            assert np.sum(trial["confusion_matrix"]) == 10_000
    recalls = {name: [trial["recall"][5] for trial in arm["trials"]] for name, arm in arms.items()}
    assert max(recalls["none"]) < 0.9
    for name in ("oversample", "crop-rotate"):
        assert all(np.array(recalls[name]) > recalls["none"])


@pytest.mark.parametrize(("preset", "accuracy"), [("quick", 0.988), ("paper", 0.992)])
def test_the_classifier_is_good_on_all_of_mnist(evaluate, preset, accuracy):
    options = ["--keep", "none", "--arms", "none", "--seeds", "1", "--preset", preset]
    arms = evaluate(*options)
    assert arms["none"]["trials"][0]["accuracy"] >= accuracy
