"""Trainings that go wrong: what is reported, and what stays on disk."""

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasaug.errors import TrainingFailed
from kerasaug.models import MODELS, create, registry
from kerasaug.models.gan import GAN
from kerasaug.progress import Progress
from kerasaug.saved.folder import ModelFolder
from kerasaug.training import health
from kerasaug.training.config import GeneratorConfig
from kerasaug.training.run import train_generator

pytestmark = pytest.mark.usefixtures("eagerly")

SMALL = {"batch_size": 4, "width": 4, "learning_rate": 1e-3, "precision": "float32"}
CONFIG = GeneratorConfig(model="gan", dataset="tiny", steps=10, **SMALL)


def train(dataset, folder, **changes):
    """Trains a model; returns the lines that are reported."""
    progress, lines = Progress(), []
    progress.report = lines.append
    train_generator(dataclasses.replace(CONFIG, **changes), dataset, folder, progress=progress)
    return lines


def steps_of_checkpoint(folder):
    """The steps of the checkpoint, all of whose numbers are finite; None if there is none."""
    checkpoint, _ = ModelFolder(folder).checkpoints
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
    for point in (0.0, 1.0):
        variable.assign(tf.fill(variable.shape, point))
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sqrt(variable))
        assert math.isfinite(loss)
        losses[point] = float(model._descend(keras.optimizers.SGD(0.1), tape, loss, [variable]))
    assert math.isnan(losses[0.0])
    assert math.isfinite(losses[1.0])


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gan", "critic_loss"),
        pytest.param("gan", "generator_loss", marks=pytest.mark.thorough),
        ("conditional-vae", "loss"),
    ],
)
def test_a_loss_that_is_no_number_stops_the_training_by_name(
    model, name, tiny, tmp_path, monkeypatch
):
    """The gradient of step 7 is not finite; the losses are."""
    model_class = type(create(model, (8, 8, 1), 3, width=4))
    original = model_class._descend

    def descend(self, optimizer, tape, loss, variables):
        loss = original(self, optimizer, tape, loss, variables)
        is_named = name == "loss" or optimizer is getattr(self, name.replace("loss", "optimizer"))
        return tf.where(is_named & (self.step == 6), math.nan, loss)

    monkeypatch.setattr(model_class, "_descend", descend)
    with pytest.raises(TrainingFailed, match=rf"^{name} or its gradient .* at step 7; .*kept"):
        train(tiny, tmp_path / "model", model=model)
    assert steps_of_checkpoint(tmp_path / "model") == 6


MARKS = {"conditional-vae": (), "wgan": pytest.mark.thorough}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=MARKS.get(name, pytest.mark.slow)) for name in MODELS],
)
def test_a_learning_rate_of_a_thousand_is_reported(name, tiny, tmp_path):
    try:
        lines = train(tiny, tmp_path, model=name, learning_rate=1e3)
    except TrainingFailed as error:
        assert "lower learning rate" in str(error)
        steps_of_checkpoint(tmp_path)
    else:
        assert any("Warning: the mean critic_loss is" in line for line in lines)


class Collapsing(GAN):
    def decode(self, latents, labels):
        return 0.0 * super().decode(latents, labels)


class Exploding(GAN):
    def critic_losses(self, critic, *rest):
        losses = super().critic_losses(critic, *rest)
        spike = 1e6 * tf.cast(self.step == 3, tf.float32)
        return {**losses, "critic_loss": losses["critic_loss"] + spike}


@pytest.mark.parametrize(
    ("model_class", "kind", "words"),
    [
        (Collapsing, "collapsed generator", "differ by 0.00 grey levels at step 1"),
        (Exploding, "exploded critic", "at step 4: the critic explodes"),
    ],
)
def test_trouble_is_reported_once_and_recorded(
    model_class, kind, words, tiny, tmp_path, monkeypatch
):
    monkeypatch.setattr(registry, "model_class", lambda name: model_class)
    (line,) = train(tiny, tmp_path / "model", steps=5)
    assert words in line
    run = ModelFolder(tmp_path / "model").read_run()
    assert run["warnings"] == {kind: line.removeprefix("Warning: ")}


@pytest.mark.thorough
def test_a_warning_outlives_a_stop(tiny, tmp_path, monkeypatch):
    """Its cause lies before the checkpoint, and is not met again."""

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.steps_taken == 5:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(health, "LARGEST_CRITIC_LOSS", -math.inf)
        with pytest.raises(KeyboardInterrupt):
            train_generator(CONFIG, tiny, tmp_path, callbacks=[Stop()])
    assert train(tiny, tmp_path) == ["resuming at step 5"]
    assert list(ModelFolder(tmp_path).read_run()["warnings"]) == ["exploded critic"]


@pytest.mark.thorough
def test_images_of_a_model_that_works_raise_no_warning(tiny, tmp_path):
    assert train(tiny, tmp_path, model="conditional-vae", steps=10) == []


def test_diversity_is_the_mean_deviation_of_a_pixel():
    images = np.zeros((2, 4, 3, 3, 1), np.uint8)
    images[1, :2] = 255
    np.testing.assert_allclose(health.diversity(images), [0.0, 127.5])
