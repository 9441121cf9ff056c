"""What is required of the package on real images; minutes for every test."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from kerasaug import data
from kerasaug.models import MODELS
from kerasaug.quality.evaluator import Evaluator
from kerasaug.quality.fidelity import memorised
from kerasaug.saved.folder import ModelFolder

ROOT = Path(__file__).parents[2]
FASHION = (Path(os.environ.get("TFDS_DATA_DIR", "")) / "fashion_mnist").is_dir()
needs_fashion = pytest.mark.skipif(not FASHION, reason="needs Fashion-MNIST in TFDS_DATA_DIR")
DATA = [
    pytest.param("mnist", "5=54", 5, id="mnist"),
    pytest.param("fashion_mnist", "Shirt=60", 6, id="fashion_mnist", marks=needs_fashion),
]

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
        for repetition in arm["repetitions"]:
            assert np.sum(repetition["confusion_matrix"]) == 10_000
    recalls = {
        name: [repetition["recall"][5] for repetition in arm["repetitions"]]
        for name, arm in arms.items()
    }
    assert max(recalls["none"]) < 0.9
    for name in ("oversample", "crop-rotate"):
        assert all(np.array(recalls[name]) > recalls["none"])


@pytest.mark.parametrize(("preset", "accuracy"), [("quick", 0.988), ("paper", 0.992)])
def test_the_classifier_is_good_on_all_of_mnist(evaluate, preset, accuracy):
    options = ["--keep", "none", "--arms", "none", "--seeds", "1", "--preset", preset]
    arms = evaluate(*options)
    assert arms["none"]["repetitions"][0]["accuracy"] >= accuracy


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("dataset", "keep", "class_id"), DATA)
def test_every_model_trains_and_its_saved_model_generates(
    name, dataset, keep, class_id, script, tmp_path
):
    options = ["--model", name, "--dataset", dataset, "--keep", keep, "--preset", "smoke"]
    done = script("train-gan", *options, "--output", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    assert "coverage" in done.stdout
    serve = tf.saved_model.load(str(tmp_path / "model" / "generator")).signatures["serving_default"]
    images = serve(labels=tf.fill((9,), class_id), seed=tf.constant([0, 0]))["images"].numpy()
    assert images.shape == (9, 28, 28, 1)
    assert images.dtype == np.uint8
    assert images.std(axis=0).max() > 0


@needs_fashion
def test_another_data_set_by_name_and_a_class_by_name(script, tmp_path):
    options = "--dataset fashion_mnist --keep Shirt=1% --preset smoke --output".split()
    done = script("train-gan", *options, tmp_path / "g")
    assert done.returncode == 0, done.stderr
    run = json.loads((tmp_path / "g" / "run.json").read_text())
    assert run["dataset"]["class_names"][6] == "Shirt"
    assert run["dataset"]["class_counts"] == [6000] * 6 + [60] + [6000] * 3


@pytest.mark.parametrize("name", ["fives", pytest.param("shirts", marks=needs_fashion)])
def test_a_shipped_generator_makes_the_rare_class(name):
    folder = ModelFolder(ROOT / "saved_models" / name)
    run = folder.read_run()
    whole = data.load(run["config"]["dataset"])
    reduced = whole.reduce(run["config"]["keep"], run["config"]["seed"]).cache()
    assert reduced.fingerprint == run["dataset"]["fingerprint"]
    (rare,) = reduced.rare_classes
    generate = folder.load_generator().generate
    # Other images than those that `run.json` has figures of.
    fresh = SimpleNamespace(generate=lambda count, class_id, seed: generate(count, class_id, 1))
    measured = Evaluator(whole, steps=400).measure(fresh, reduced, [rare])
    figures = measured["classes"][reduced.class_names[rare]]["generated"]
    assert figures["classification_accuracy"] >= (0.97 if whole.name == "mnist" else 0.7)
    assert figures["coverage"] >= 0.6
    assert not memorised(measured, reduced.class_names[rare])
