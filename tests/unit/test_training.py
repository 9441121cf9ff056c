import dataclasses
import json
import os
import shutil
import signal

import keras
import numpy as np
import pytest

from kerasaug import data, fitting, training
from kerasaug.callbacks import AtMilestones, read_history
from kerasaug.data.streams import collect
from kerasaug.errors import InputError
from kerasaug.models import registry

SMALL = {"batch_size": 4, "width": 4, "learning_rate": 1e-3, "precision": "float32"}
CONFIG = fitting.GeneratorConfig(model="conditional-wgan", dataset="tiny", steps=20, **SMALL)


class Kill(keras.callbacks.Callback):
    """Dies in the middle of a training, with a row of the history from after a checkpoint."""

    def on_train_batch_end(self, batch, logs=None):
        if self.model.steps_taken == 15:
            raise KeyboardInterrupt


class Recorded(keras.callbacks.Callback):
    checkpoint = None

    def on_train_begin(self, logs=None):
        self.first = self.model.steps_taken
        if self.checkpoint is not None:
            self.held = self.checkpoint.read_bytes() if self.first else None


def saved_and_told_at_other_steps(patch):
    """Every fourth step is saved, and the history has a row for every fifth."""
    patch.setattr(training, "CHECKPOINTS", 5)
    patch.setattr(training, "HISTORY_ROWS", 4)


def replaced(**changes):
    return dataclasses.replace(CONFIG, **changes)


def test_a_folder_holds_what_was_promised(tiny, tmp_path):
    folder = training.train_generator(CONFIG, tiny, tmp_path / "model")
    run = json.loads(folder.run_file.read_text())
    assert run["status"] == "finished"
    assert run["config"]["steps"] == 20
    assert run["dataset"]["class_counts"] == [40, 40, 12]
    assert len(read_history(folder.history)) == 20
    assert len(list(folder.samples.iterdir())) == training.SAMPLE_GRIDS
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
def runs(tiny, tmp_path_factory):
    """A training that nothing stopped, and one that was killed past its third checkpoint."""
    place = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        saved_and_told_at_other_steps(patch)
        whole = training.train_generator(CONFIG, tiny, place / "whole")
        with pytest.raises(KeyboardInterrupt):
            training.train_generator(CONFIG, tiny, place / "killed", callbacks=[Kill()])
    return whole, place / "killed"


@pytest.fixture
def whole(runs):
    return runs[0]


@pytest.fixture
def killed(runs, tmp_path, monkeypatch):
    saved_and_told_at_other_steps(monkeypatch)
    return training.ModelFolder(shutil.copytree(runs[1], tmp_path / "killed"))


def test_a_stopped_training_ends_as_if_it_had_not_been(tiny, whole, killed):
    # Steps after the last checkpoint, written to the history, are done again.
    assert read_history(killed.history)[-1]["step"] == 15
    checkpoint = keras.models.load_model(killed.checkpoint)
    recorded = Recorded()
    training.train_generator(CONFIG, tiny, killed.path, callbacks=[recorded])
    assert recorded.first == checkpoint.steps_taken == 12
    equal(killed, whole)
    assert read_history(killed.history) == read_history(whole.history)
    assert not any(checkpoint.exists() for checkpoint in killed.checkpoints)


class Press(keras.callbacks.Callback):
    """Presses Ctrl-C in the middle of a training, between two rows of the history."""

    def on_train_batch_begin(self, batch, logs=None):
        if self.model.steps_taken == 12:
            os.kill(os.getpid(), signal.SIGINT)


def equal(ours, theirs):
    ours, theirs = (keras.models.load_model(folder.model) for folder in (ours, theirs))
    for a, b in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


@pytest.mark.parametrize(
    "model",
    ["conditional-vae"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in ("gan", "wgan", "progressive-wgan")],
)
def test_ctrl_c_saves_the_step_that_was_taken(model, tiny, tmp_path, monkeypatch):
    saved_and_told_at_other_steps(monkeypatch)
    config = replaced(model=model)
    whole = training.train_generator(config, tiny, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        training.train_generator(config, tiny, tmp_path / "stopped", callbacks=[Press()])
    recorded = Recorded()
    stopped = training.train_generator(config, tiny, tmp_path / "stopped", callbacks=[recorded])
    assert recorded.first == 13
    equal(stopped, whole)
    # To the last digit: a row of the history is a mean over steps before and after.
    assert read_history(stopped.history) == read_history(whole.history)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("damage", "both", "first"),
    [
        ("turned", False, 8),
        ("turned", True, 0),
        pytest.param("cut", False, 8, marks=pytest.mark.slow),
        pytest.param("missing", False, 8, marks=pytest.mark.slow),
    ],
)
def test_a_damaged_checkpoint_gives_way_to_the_one_before(damage, both, first, tiny, whole, killed):
    before = killed.checkpoints[1].read_bytes()
    for checkpoint in killed.checkpoints if both else killed.checkpoints[:1]:
        content = bytearray(checkpoint.read_bytes())
        content[len(content) // 2] ^= 255
        damaged = {"cut": content[: len(content) // 2], "turned": content}
        checkpoint.write_bytes(damaged[damage]) if damage in damaged else checkpoint.unlink()
    recorded, told = Recorded(), []
    recorded.checkpoint = killed.checkpoint
    training.train_generator(CONFIG, tiny, killed.path, callbacks=[recorded], tell=told.append)
    assert recorded.first == first
    assert recorded.held == (before if first else None)
    assert len([line for line in told if "damaged" in line]) == (damage != "missing") + both
    assert told[-1] == (
        f"going on from step {first}"
        if first
        else "no whole checkpoint is left, so the training begins anew"
    )
    equal(killed, whole)
    assert read_history(killed.history) == read_history(whole.history)


def test_what_must_not_be_written_over_is_refused(tiny, tmp_path, whole, killed):
    with pytest.raises(InputError, match="half-finished training with steps=20, not 30"):
        training.train_generator(replaced(steps=30), tiny, killed.path)
    folder = shutil.copytree(whole.path, tmp_path / "model")
    with pytest.raises(InputError, match="finished training; use --fresh"):
        training.train_generator(CONFIG, tiny, folder)
    training.train_generator(replaced(steps=5), tiny, folder, fresh=True)
    assert [row["step"] for row in read_history(folder / "history.csv")] == [2, 3, 4, 5]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    for fresh in (False, True):
        with pytest.raises(InputError, match="not empty"):
            training.train_generator(CONFIG, tiny, tmp_path / "other", fresh=fresh)
    assert (tmp_path / "other" / "thesis.txt").read_text() == "mine"


def test_a_training_does_not_go_on_with_other_images(tiny, killed):
    images, labels = collect(tiny.train)
    other = data.from_arrays(255 - images, labels, images, labels, tiny.class_names, "tiny")
    with pytest.raises(InputError, match="half-finished training with data="):
        training.train_generator(CONFIG, other, killed.path)


@pytest.mark.parametrize("steps", [1, 19, 149])
def test_the_last_milestone_is_the_end(steps):
    class Seen(AtMilestones):
        seen = []

        def at_step(self, step, logs):
            self.seen.append(step)

    callback = Seen(steps, 10)
    callback.seen = []
    for step in range(1, steps + 1):
        callback.set_model(type("Model", (), {"steps_taken": step})())
        callback.on_train_batch_end(0)
    assert len(callback.seen) == min(10, steps)
    assert callback.seen[-1] == steps


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"schema": 1}', '{"schema": 9}', '{"schema": 1, "status": "training"}'],
)
def test_a_damaged_run_file_is_refused(tiny, tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match=r"run\.json"):
        training.train_generator(CONFIG, tiny, tmp_path)


def test_a_model_learns_all_classes_or_the_one_rare_class(tiny):
    assert fitting.learned_class("vae", tiny) is None
    assert fitting.learned_class("conditional-wgan", tiny) is None
    assert fitting.learned_class("wgan", tiny) == 2
    with pytest.raises(InputError, match=r"middle, bottom.*conditional-wgan, "):
        fitting.learned_class("wgan", tiny.reduce({1: 2, 2: 2}))


@pytest.mark.parametrize(
    ("model", "wanted", "changed"),
    [("conditional-vae", True, True), ("conditional-vae", False, False), ("vae", True, False)],
)
def test_a_conditional_autoencoder_learns_from_changed_images(
    tiny, tmp_path, monkeypatch, model, wanted, changed
):
    seen = []

    def record(images, seed):
        seen.append(images.shape)
        return images

    monkeypatch.setattr(fitting.augment, "affine", record)
    config = replaced(model=model, augment=wanted, steps=2)
    training.train_generator(config, tiny, tmp_path / "model")
    assert bool(seen) == changed
