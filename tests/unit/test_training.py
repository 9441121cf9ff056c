"""A training into a folder: what it writes, and that it is resumed as if never stopped."""

import dataclasses
import json
import os
import shutil
import signal

import keras
import numpy as np
import pytest

from kerasaug import data
from kerasaug.data.streams import collect
from kerasaug.errors import InputError
from kerasaug.models import registry
from kerasaug.progress import Progress
from kerasaug.saved.folder import ModelFolder
from kerasaug.training import checkpoints, fit, run
from kerasaug.training.callbacks import AtMilestones, read_history
from kerasaug.training.config import GENERATOR_PRESETS, GeneratorConfig
from kerasaug.training.run import train_generator

SMALL = {"batch_size": 4, "width": 4, "learning_rate": 1e-3, "precision": "float32"}
# Its graph is traced, and its checkpoints are written, faster than those of the others.
CONFIG = GeneratorConfig(model="conditional-vae", dataset="tiny", steps=20, **SMALL)


class Kill(keras.callbacks.Callback):
    """Dies in the middle of a training, with a row of the history from after a checkpoint."""

    def on_train_batch_end(self, batch, logs=None):
        if self.model.steps_taken == 15:
            raise KeyboardInterrupt


class Press(keras.callbacks.Callback):
    """Presses Ctrl-C in the middle of a training, between two rows of the history."""

    def on_train_batch_begin(self, batch, logs=None):
        if self.model.steps_taken == 12:
            os.kill(os.getpid(), signal.SIGINT)


class Start(keras.callbacks.Callback):
    """Records the step at which a training is resumed, and its checkpoint then."""

    def __init__(self, checkpoint=None):
        super().__init__()
        self.checkpoint = checkpoint

    def on_train_begin(self, logs=None):
        self.step = self.model.steps_taken
        if self.checkpoint is not None:
            self.content = self.checkpoint.read_bytes() if self.step else None


def save_and_record_at_other_steps(patch):
    """Every fourth step is saved, and the history has a row for every fifth."""
    patch.setattr(checkpoints, "FEWEST_SAVES", 5)
    patch.setattr(run, "HISTORY_ROWS", 4)


def replaced(**changes):
    return dataclasses.replace(CONFIG, **changes)


def assert_equal(folder, expected):
    """To the last digit, of the history too: its rows are means over steps before and after."""
    models = [keras.models.load_model(path.model) for path in (folder, expected)]
    for a, b in zip(*(model.variables for model in models), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)
    assert read_history(folder.history) == read_history(expected.history)


def test_a_folder_holds_what_was_promised(tiny, tmp_path):
    folder = train_generator(replaced(model="conditional-wgan"), tiny, tmp_path / "model")
    content = json.loads(folder.run_file.read_text())
    assert content["status"] == "finished"
    assert content["config"]["steps"] == 20
    assert content["dataset"]["class_counts"] == [40, 40, 12]
    assert len(read_history(folder.history)) == 20
    assert len(list(folder.samples.iterdir())) == run.SAMPLE_GRIDS
    names = {path.name for path in folder.path.iterdir()}
    assert names == {"run.json", "generator", "model.keras", "history.csv", "losses.png", "samples"}
    generator = folder.load_generator()
    images = generator.generate(600, class_id=1, seed=4)
    assert images.shape == (600, 8, 8, 1)
    np.testing.assert_array_equal(images, generator.generate(600, class_id=1, seed=4))
    model = registry.load("conditional-wgan", folder.model)
    difference = images.astype(int) - model.generate(600, class_id=1, seed=4)
    assert np.abs(difference).max() <= 1
    assert len(np.unique(images.reshape(600, -1), axis=0)) > 590


@pytest.fixture(scope="module")
def folders(tiny, tmp_path_factory):
    """A training that nothing stopped, and one that was killed past its third checkpoint."""
    root = tmp_path_factory.mktemp("folders")
    with pytest.MonkeyPatch.context() as patch:
        save_and_record_at_other_steps(patch)
        whole = train_generator(CONFIG, tiny, root / "whole")
        with pytest.raises(KeyboardInterrupt):
            train_generator(CONFIG, tiny, root / "killed", callbacks=[Kill()])
    return whole, root / "killed"


@pytest.fixture
def whole(folders):
    return folders[0]


@pytest.fixture
def killed(folders, tmp_path, monkeypatch):
    save_and_record_at_other_steps(monkeypatch)
    return ModelFolder(shutil.copytree(folders[1], tmp_path / "killed"))


def test_a_stopped_training_ends_as_if_it_had_not_been(tiny, whole, killed):
    # Steps after the last checkpoint, written to the history, are taken again.
    assert read_history(killed.history)[-1]["step"] == 15
    checkpoint = keras.models.load_model(killed.checkpoints[0])
    start = Start()
    train_generator(CONFIG, tiny, killed.path, callbacks=[start])
    assert start.step == checkpoint.steps_taken == 12
    assert_equal(killed, whole)
    assert not any(checkpoint.exists() for checkpoint in killed.checkpoints)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "model",
    ["conditional-wgan"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in ("gan", "wgan", "progressive-wgan")],
)
def test_ctrl_c_saves_the_step_that_was_taken(model, tiny, tmp_path, monkeypatch):
    save_and_record_at_other_steps(monkeypatch)
    config = replaced(model=model)
    whole = train_generator(config, tiny, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train_generator(config, tiny, tmp_path / "stopped", callbacks=[Press()])
    start = Start()
    stopped = train_generator(config, tiny, tmp_path / "stopped", callbacks=[start])
    assert start.step == 13
    assert_equal(stopped, whole)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("damage", "both", "step"),
    [
        ("flip", True, 0),
        pytest.param("flip", False, 8, marks=pytest.mark.thorough),
        pytest.param("cut", False, 8, marks=pytest.mark.slow),
        pytest.param("remove", False, 8, marks=pytest.mark.slow),
    ],
)
def test_a_damaged_checkpoint_gives_way_to_the_previous(damage, both, step, tiny, whole, killed):
    newest, previous = killed.checkpoints
    content = previous.read_bytes()
    for checkpoint in (newest, previous) if both else (newest,):
        damaged = bytearray(checkpoint.read_bytes())
        middle = len(damaged) // 2
        damaged[middle] ^= 255
        checkpoint.write_bytes(damaged[:middle] if damage == "cut" else damaged)
        if damage == "remove":
            checkpoint.unlink()
    start, progress, lines = Start(newest), Progress(), []
    progress.report = lines.append
    train_generator(CONFIG, tiny, killed.path, callbacks=[start], progress=progress)
    assert start.step == step
    assert start.content == (content if step else None)
    assert sum("damaged" in line for line in lines) == (damage != "remove") + both
    assert lines[-1] == (
        f"resuming at step {step}"
        if step
        else "no whole checkpoint is left, so the training begins anew"
    )
    assert_equal(killed, whole)


def test_what_must_not_be_written_over_is_refused(tiny, tmp_path, whole, killed):
    with pytest.raises(InputError, match="half-finished training with steps=20, not 30"):
        train_generator(replaced(steps=30), tiny, killed.path)
    folder = shutil.copytree(whole.path, tmp_path / "model")
    with pytest.raises(InputError, match="finished training; `fresh`"):
        train_generator(CONFIG, tiny, folder)
    train_generator(replaced(steps=5), tiny, folder, fresh=True)
    assert [row["step"] for row in read_history(folder / "history.csv")] == [2, 3, 4, 5]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    for fresh in (False, True):
        with pytest.raises(InputError, match="not empty"):
            train_generator(CONFIG, tiny, tmp_path / "other", fresh=fresh)
    assert (tmp_path / "other" / "thesis.txt").read_text() == "mine"


def test_a_training_is_not_resumed_with_other_images(tiny, killed):
    images, labels = collect(tiny.train)
    other = data.from_arrays(255 - images, labels, images, labels, tiny.class_names, "tiny")
    with pytest.raises(InputError, match="half-finished training with data="):
        train_generator(CONFIG, other, killed.path)


@pytest.mark.thorough
def test_a_half_finished_training_of_schema_1_is_resumed(tiny, whole, killed):
    text = killed.run_file.read_text().replace('"schema": 2', '"schema": 1')
    killed.run_file.write_text(text.replace("evaluator_steps", "judge_steps"))
    train_generator(CONFIG, tiny, killed.path)
    assert_equal(killed, whole)


@pytest.mark.parametrize("steps", [1, 19, 149])
def test_the_last_milestone_is_the_end(steps):
    milestones = []

    class Record(AtMilestones):
        def at_step(self, step, logs):
            milestones.append(step)

    callback = Record(steps, 10)
    for step in range(1, steps + 1):
        callback.set_model(type("Model", (), {"steps_taken": step})())
        callback.on_train_batch_end(0)
    assert len(milestones) == min(10, steps)
    assert milestones[-1] == steps


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"schema": 2}', '{"schema": 9}', '{"schema": 2, "status": "training"}'],
)
def test_a_damaged_run_file_is_refused(tiny, tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match=r"run\.json"):
        train_generator(CONFIG, tiny, tmp_path)


def test_a_model_learns_all_classes_or_the_one_rare_class(tiny):
    assert fit.learned_class("vae", tiny) is None
    assert fit.learned_class("conditional-wgan", tiny) is None
    assert fit.learned_class("wgan", tiny) == 2
    with pytest.raises(InputError, match=r"middle, bottom.*conditional-wgan, "):
        fit.learned_class("wgan", tiny.reduce({1: 2, 2: 2}))


@pytest.mark.parametrize(
    ("model", "augment", "is_augmented"),
    [("conditional-vae", True, True), ("conditional-vae", False, False), ("vae", True, False)],
)
def test_a_conditional_autoencoder_learns_from_augmented_images(
    tiny, monkeypatch, model, augment, is_augmented
):
    shapes = []

    def record(images, seed):
        shapes.append(images.shape)
        return images

    monkeypatch.setattr(fit.augment, "affine", record)
    config = replaced(model=model, augment=augment, steps=2)
    trained = fit.new_model(config, tiny)
    trained.run_eagerly = True
    fit.fit(trained, config, tiny)
    assert trained.steps_taken == 2
    assert bool(shapes) == is_augmented


def test_autoencoders_are_narrower_for_larger_images():
    preset = GENERATOR_PRESETS["quick"]
    assert preset.of("conditional-vae", (32, 20, 3)).width == preset.width
    assert preset.of("conditional-vae", (20, 48, 1)).width == preset.width // 2
    assert preset.of("conditional-wgan", (48, 48, 1)).width == preset.width
