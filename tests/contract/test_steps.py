"""What a training does to every registered generative model, and that it can be stopped."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import batches, every_kind, make


def optimizer_states(model):
    names = ("optimizer", "critic_optimizer", "generator_optimizer")
    optimizers = [getattr(model, name, None) for name in names]
    return [v.numpy() for optimizer in optimizers if optimizer for v in optimizer.variables]


def averages(model):
    """What follows the trained variables: averaged networks, and the statistics of latents."""
    networks = [getattr(model, name, None) for name in ("ema_generator", "ema_encoder")]
    weights = [v for network in networks if network for v in network.weights]
    return weights + [v for v in model.non_trainable_variables if "latent_" in v.path]


def train(model, tiny, steps=2, skip=0, eagerly=False):
    # A few steps of a model with many stages end long before its graph is traced.
    model.run_eagerly = eagerly
    stream = batches(tiny).skip(skip)
    return model.fit(stream, steps_per_epoch=steps, shuffle=False, verbose=0).history


def weights(model):
    return [variable.numpy() for variable in model.variables]


def assert_equal(arrays, expected):
    for a, b in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@every_kind
def test_training_moves_every_trained_variable_and_the_average(name, tiny):
    model = make(name)
    before = {v.path: v.numpy() for v in model.trainable_variables}
    averages_before = [v.numpy() for v in averages(model)]
    steps = 6 if model.grows else 1
    history = train(model, tiny, steps)
    assert model.steps_taken == steps
    assert set(history) == set(model.loss_names)
    assert np.isfinite([value for values in history.values() for value in values]).all()
    still = [v.path for v in model.trainable_variables if np.array_equal(before[v.path], v.numpy())]
    assert not still
    pairs = zip(averages_before, averages(model), strict=True)
    assert all(not np.array_equal(a, b) for a, b in pairs)
    assert bool(averages_before) == (name != "conditional-vae")


@every_kind
def test_an_odd_batch_trains(name, tiny):
    model = make(name)
    for size in (1, 2, 7):
        # The means that are logged are those of this batch alone.
        model.reset_metrics()
        logs = model.train_step(next(iter(tiny.batches(size))))
        assert all(np.isfinite(float(value)) for value in logs.values()), size


@every_kind
@pytest.mark.parametrize("eagerly", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_saved_model_goes_on_as_if_it_had_not_been(name, tiny, tmp_path, eagerly):
    """A model that grows is stopped in the middle of a fade."""
    uninterrupted, stopped = make(name), make(name)
    for model in (uninterrupted, stopped):
        model.step.assign(2 if model.grows else 0)
    train(uninterrupted, tiny, steps=3, eagerly=eagerly)
    train(stopped, tiny, steps=1, eagerly=eagerly)
    stopped.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_equal(weights(loaded), weights(stopped))
    train(loaded, tiny, steps=2, skip=1, eagerly=eagerly)
    assert_equal(weights(loaded), weights(uninterrupted))
    assert_equal(optimizer_states(loaded), optimizer_states(uninterrupted))


@every_kind
def test_training_in_bfloat16_keeps_images_and_losses_in_float32(name, tiny):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = make(name)
    history = train(model, tiny, eagerly=True)
    assert np.isfinite([v for values in history.values() for v in values]).all()
    assert all(v.dtype == "float32" for v in model.trainable_variables)
    assert model.decode(tf.zeros((1, 4)), tf.constant([0])).dtype == tf.float32
