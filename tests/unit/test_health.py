"""Trainings that go wrong: what is said, and what is kept."""

import dataclasses
import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasaug import fitting, health, training
from kerasaug.errors import TrainingFailed
from kerasaug.models import MODELS, create, registry
from kerasaug.models.gan import GAN

SMALL = {"batch_size": 4, "width": 4, "learning_rate": 1e-3, "precision": "float32"}
CONFIG = fitting.GeneratorConfig(model="gan", dataset="tiny", steps=10, **SMALL)


def train(dataset, folder, told=None, **changes):
    config = dataclasses.replace(CONFIG, **changes)
    tell = (lambda line: None) if told is None else told.append
    return training.train_generator(config, dataset, folder, tell=tell)


def kept(folder):
    """The steps of the checkpoint, all of whose numbers are finite; None if there is none."""
    checkpoint = training.ModelFolder(folder).checkpoint
    if not checkpoint.exists():
        return None
    model = keras.models.load_model(checkpoint)
    assert all(np.isfinite(variable.numpy()).all() for variable in model.variables)
    return model.steps_taken


def test_a_gradient_that_is_not_finite_makes_its_loss_no_number():
    model = create("conditional-vae", (8, 8, 1), 3, width=4)
    model.compile_for_training(1e-3)
    variable = model.trainable_variables[0]
    losses = {}
    for root, point in (("at zero", 0.0), ("elsewhere", 1.0)):
        variable.assign(tf.fill(variable.shape, point))
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sqrt(variable))
        assert math.isfinite(loss)
        losses[root] = float(model._descend(keras.optimizers.SGD(0.1), tape, loss, [variable]))
    assert math.isnan(losses["at zero"])
    assert math.isfinite(losses["elsewhere"])


@pytest.mark.parametrize(
    ("model", "name"),
    [("gan", "critic_loss"), ("gan", "generator_loss"), ("conditional-vae", "loss")],
)
def test_a_loss_that_is_no_number_stops_the_training_by_name(
    model, name, tiny, tmp_path, monkeypatch
):
    """The gradient of step 7 is not finite; the losses are."""
    taken = type(create(model, (8, 8, 1), 3, width=4))
    inner = taken._descend

    def descend(self, optimizer, tape, loss, variables):
        found = inner(self, optimizer, tape, loss, variables)
        hit = name == "loss" or optimizer is getattr(self, name.replace("loss", "optimizer"))
        return tf.where(hit & (self.step == 6), math.nan, found)

    monkeypatch.setattr(taken, "_descend", descend)
    with pytest.raises(TrainingFailed, match=rf"^{name} or its gradient .* at step 7; .*kept"):
        train(tiny, tmp_path / "model", model=model)
    assert kept(tmp_path / "model") == 6


FAST = ("wgan", "conditional-vae")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in MODELS],
)
def test_a_learning_rate_of_a_thousand_is_told(name, tiny, tmp_path):
    told, failed = [], None
    try:
        train(tiny, tmp_path, told, model=name, learning_rate=1e3)
    except TrainingFailed as error:
        failed = str(error)
        kept(tmp_path)
    assert failed or any("Warning: the mean critic_loss is" in line for line in told)
    assert not failed or "lower learning rate" in failed


class Collapsing(GAN):
    def decode(self, latents, labels):
        return 0.0 * super().decode(latents, labels)


class Exploding(GAN):
    def critic_losses(self, critic, *rest):
        losses = super().critic_losses(critic, *rest)
        spike = 1e6 * tf.cast(self.step == 3, tf.float32)
        return {**losses, "critic_loss": losses["critic_loss"] + spike}


@pytest.mark.parametrize(
    ("bad", "kind", "words"),
    [
        (Collapsing, "collapsed generator", "differ by 0.00 grey levels at step 1"),
        (Exploding, "exploded critic", "at step 4: the critic explodes"),
    ],
)
def test_what_goes_wrong_is_told_once_and_kept(bad, kind, words, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_class", lambda name: bad)
    folder, told = training.ModelFolder(tmp_path / "model"), []
    train(tiny, folder.path, told, steps=5)
    (line,) = told
    assert words in line
    assert folder.read_run()["warnings"] == {kind: line.removeprefix("Warning: ")}


def test_a_warning_outlives_a_stop(tiny, tmp_path, monkeypatch):
    """It was given before the checkpoint; the training that goes on does not see its cause."""
    folder = training.ModelFolder(tmp_path)

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.steps_taken == 5:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(health, "EXPLODED", -math.inf)
        with pytest.raises(KeyboardInterrupt):
            training.train_generator(CONFIG, tiny, tmp_path, callbacks=[Stop()])
    told = []
    train(tiny, tmp_path, told)
    assert told == ["going on from step 5"]
    assert list(json.loads(folder.run_file.read_text())["warnings"]) == ["exploded critic"]


def test_images_of_a_model_that_works_raise_no_warning(tiny, tmp_path):
    told = []
    train(tiny, tmp_path, told, model="conditional-vae", steps=10)
    assert told == []


def test_diversity_is_the_mean_deviation_of_a_pixel():
    images = np.zeros((2, 4, 3, 3, 1), np.uint8)
    images[1, :2] = 255
    np.testing.assert_allclose(health.diversity(images), [0.0, 127.5])
