"""Studies of a classifier of the user's own, and what is taken home from them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_study import changed, run, small  # noqa: F401

from kerasaug import data
from kerasaug.data.streams import collect
from kerasaug.errors import InputError, TrainingFailed
from kerasaug.models.classifier import build_classifier
from kerasaug.progress import Progress
from kerasaug.study import applications, classifiers, recommended, trial
from kerasaug.study.arms import parse
from kerasaug.study.protocol import Split
from kerasaug.study.runner import Study
from kerasaug.study.task import LABEL_FILTER, Task

pytestmark = pytest.mark.usefixtures("small")
ROOT = Path(__file__).parents[2]
MODEL = """
import keras

def build(image_shape, num_classes):
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(num_classes, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model
"""
ARMS = "none,focal,balanced+cutmix,conditional-vae:latent-perturbation"
OTHER_ARMS = "class-weight,deferred,ensemble"


@pytest.fixture(scope="module")
def studied(tiny, tmp_path_factory):
    """A folder with a data set, a user's classifier, and a study of it; and its results."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "my_model.py").write_text(MODEL)
    (images, labels), (test_images, test_labels) = map(collect, (tiny.train, tiny.test))
    arrays = {"x_train": images, "y_train": labels, "x_test": test_images, "y_test": test_labels}
    np.savez(folder / "tiny.npz", **arrays)
    options = {
        "dataset": str(folder / "tiny.npz"),
        "keep": {"2": 3},
        "arms": ARMS,
        "seeds": 1,
        "classifier": f"{folder / 'my_model.py'}:build",
    }
    study = Study(changed(**options), data.load(folder / "tiny.npz"), folder / "study")
    return folder, options, study.run()


def test_every_arm_trains_it(studied):
    _, _, results = studied
    assert results["failures"] == []
    assert list(results["arms"]) == ARMS.split(",")
    for name, arm in results["arms"].items():
        history = arm["trainings"][0]["history"]
        assert len(history["train_loss"]) == len(history["test_loss"]) == 2
        # The user's model measures none; where its loss is replaced, ours does.
        measured = 2 if name in ("focal", "balanced+cutmix") else 0
        assert len(history["train_accuracy"]) == len(history["test_accuracy"]) == measured


def test_a_label_filter_takes_the_batches_of_its_own_network(tiny, tmp_path, monkeypatch):
    recipes = []

    def record(arm, inputs, recipe, *rest):
        recipes.append(recipe)
        raise StopIteration

    monkeypatch.setattr(trial, "train", record)
    (tmp_path / "my_model.py").write_text(MODEL)
    task = Task(LABEL_FILTER, parse("balanced+affine"), Split(0))
    for number, classifier in enumerate(("small-cnn", f"{tmp_path / 'my_model.py'}:build")):
        options = {"arms": "conditional-vae:class-balanced+affine", "classifier": classifier}
        study = Study(changed(**options), tiny, tmp_path / str(number))
        with pytest.raises(StopIteration):
            study.tasks.perform(task, Progress())
    sizes = [(recipe.classifier, recipe.batch_size) for recipe in recipes]
    assert sizes == [("small-cnn", 8), ("small-cnn", 256)]


@pytest.mark.thorough
def test_the_other_arms_train_it_too(studied, tmp_path):
    folder, options, _ = studied
    dataset = data.load(folder / "tiny.npz")
    results = Study(changed(**options | {"arms": OTHER_ARMS}), dataset, tmp_path / "study").run()
    assert results["failures"] == []
    assert list(results["arms"]) == OTHER_ARMS.split(",")


def test_another_source_needs_another_folder(studied, tmp_path):
    folder, options, _ = studied
    dataset = data.load(folder / "tiny.npz")
    (tmp_path / "my_model.py").write_text(MODEL)
    moved = {**options, "classifier": f"{tmp_path / 'my_model.py'}:build"}
    assert Study(changed(**moved), dataset, folder / "study").tasks.count_finished() == 4
    (tmp_path / "my_model.py").write_text(MODEL.replace("0.01", "0.02"))
    with pytest.raises(InputError, match="holds a study with classifier_digest="):
        Study(changed(**moved), dataset, folder / "study")
    with pytest.raises(InputError, match="with classifier=my_model.py:build, not small-cnn"):
        Study(changed(**{**options, "classifier": "small-cnn"}), dataset, folder / "study")


def test_a_bad_classifier_is_refused_before_anything_is_written(tiny, tmp_path):
    with pytest.raises(InputError, match="`classifier` nowhere.py:build: there is no file"):
        run(tiny, tmp_path / "out", classifier="nowhere.py:build")
    assert not (tmp_path / "out").exists()


def test_a_saved_model_is_warned_of(tiny, tmp_path, studied):
    _, options, _ = studied
    model = classifiers.build(options["classifier"], (8, 8, 1), 3, steps=1).model
    model.save(tmp_path / "model.keras")
    study = Study(changed(classifier=str(tmp_path / "model.keras")), tiny, tmp_path / "out")
    assert any("all scores are too good" in note.text for note in study.notes)


@pytest.mark.parametrize("name", ["balanced+cutmix", "conditional-vae:latent-perturbation", "none"])
def test_the_winner_is_taken_home(studied, name, monkeypatch):
    folder, options, results = studied
    monkeypatch.setattr(recommended, "choose", lambda arms: parse(name))
    best = recommended.winner(folder / "study")
    assert str(best.arm) == name
    assert best.dataset.class_counts == [40, 40, 3]
    blends = "cutmix" in name
    images, labels = next(iter(best.batches(32, one_hot=blends)))
    assert images.shape == (32, 8, 8, 1)
    assert 1.0 < images.numpy().max() <= 255.0
    assert labels.shape == ((32, 3) if blends else (32,))
    again, _ = next(iter(best.batches(32, one_hot=blends)))
    np.testing.assert_array_equal(images, again)
    model = classifiers.build(options["classifier"], (8, 8, 1), 3, steps=1, loss="soft").model
    model.fit(best.batches(one_hot=True), steps_per_epoch=best.steps, verbose=0)
    if blends:
        with pytest.raises(InputError, match="blends labels; it needs `one_hot` True"):
            best.batches()


def test_a_winner_needs_the_study_and_its_images(studied, tmp_path):
    folder, _, _ = studied
    with pytest.raises(InputError, match="holds no finished study"):
        recommended.winner(tmp_path)
    for name, message in (("schema", "another release"), ("data", "have changed since")):
        results = json.loads((folder / "study" / "results.json").read_text())
        results |= {"schema": 1} if name == "schema" else {"data": {"fingerprint": "another"}}
        (tmp_path / "results.json").write_text(json.dumps(results))
        with pytest.raises(InputError, match=message):
            recommended.winner(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["my_model:build", "keras.applications:MobileNetV3Small:random"])
def test_processes_and_clusters_find_it_wherever_they_work(target, tmp_path):
    distributed = pytest.importorskip("distributed")
    (tmp_path / "my_model.py").write_text(MODEL)
    options = ["--dataset", str(ROOT / "tests" / "digits"), "--preset", "smoke", "--steps", "2"]
    options += ["--arms", "none,focal", "--folds", "2", "--classifier", target]

    def evaluate(output, *more):
        command = [sys.executable, str(ROOT / "bin" / "evaluate"), *options, "--output", output]
        process = subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, text=True)
        assert process.returncode == 0, process.stderr
        return json.loads((tmp_path / output / "results.json").read_text())["arms"]

    alone = evaluate("alone", "--jobs", "1")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        on_cluster = evaluate("cluster", "--scheduler", cluster.scheduler_address)
    for other in (evaluate("two", "--jobs", "2"), on_cluster):
        for name in ("none", "focal"):
            assert other[name]["repetitions"] == alone[name]["repetitions"]


def test_a_source_that_changes_while_a_study_runs_ends_it(studied, tmp_path):
    _, options, _ = studied
    (tmp_path / "my_model.py").write_text(MODEL)
    changing = {**options, "arms": "none", "classifier": f"{tmp_path / 'my_model.py'}:build"}
    study = Study(changed(**changing), data.load(options["dataset"]), tmp_path / "out")
    (tmp_path / "my_model.py").write_text(MODEL.replace("0.01", "0.02"))
    with pytest.raises(TrainingFailed, match="was changed since the study began"):
        study.run()


def test_a_study_measures_generated_images_by_its_pretrained_network(tiny, tmp_path, monkeypatch):
    made = []

    def tiny_network(target, image_shape, num_classes):
        made.append(target)
        return build_classifier(image_shape, num_classes, width=4)

    monkeypatch.setattr(applications, "build", tiny_network)
    target = "keras.applications:MobileNetV3Small"
    for classifier, expected in ((target, [target]), ("small-cnn", [])):
        study = Study(changed(classifier=classifier), tiny, tmp_path / classifier)
        made.clear()
        study.generators._get_evaluator(Progress()).measure(None, tiny, [])
        assert made == expected
