"""What every registered generative model must do."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.models import MODELS, AdversarialModel, create
from kerasaug.models.registry import model_class
from kerasaug.runtime import make_reproducible

pytestmark = pytest.mark.parametrize("name", MODELS)
SHAPE = (8, 8, 1)
CLASSES = 3


def make(name, image_shape=SHAPE, **options):
    make_reproducible(0)
    small = {"width": 4, "latent_dim": 4}
    if model_class(name).grows:
        # Its graph holds every stage: one critic step each keeps it small. A phase is long enough
        # to stop in the middle of a fade, and short enough to reach the last stage.
        small |= {"n_critic": 1, "phase_steps": 2}
    elif issubclass(model_class(name), AdversarialModel):
        small |= {"n_critic": 2}
    model = create(name, image_shape, CLASSES, **{**small, **options})
    model.compile_for_training(1e-3)
    return model


def optimizer_states(model):
    names = ("optimizer", "critic_optimizer", "generator_optimizer")
    optimizers = [getattr(model, name, None) for name in names]
    return [v.numpy() for optimizer in optimizers if optimizer for v in optimizer.variables]


def averages(model):
    """What follows the trained variables: averaged networks, and the statistics of latents."""
    networks = [getattr(model, name, None) for name in ("ema_generator", "ema_encoder")]
    weights = [v for network in networks if network for v in network.weights]
    return weights + [v for v in model.non_trainable_variables if "latent_" in v.path]


def batches(tiny, size=12):
    return tiny.batches(size, balanced=True, seed=0)


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


@pytest.mark.parametrize(
    "image_shape", [(8, 8, 1), (28, 28, 1), (25, 13, 3), (128, 128, 3)], ids=str
)
def test_images_have_the_shape_type_and_range_asked_for(name, image_shape):
    model = make(name, image_shape)
    images = model.generate(5, class_id=1, seed=0)
    assert images.shape == (5, *image_shape)
    assert images.dtype == np.uint8
    decoded = model.decode(tf.random.stateless_normal((3, 4), [0, 0]), tf.constant([0, 1, 2]))
    assert decoded.shape == (3, *image_shape)
    assert decoded.dtype == tf.float32
    assert float(tf.reduce_max(tf.abs(decoded))) <= 1.0


def test_the_finest_networks_hold_every_variable(name):
    """A variable that they do not hold would be neither saved nor trained."""
    model = make(name, (16, 16, 1))
    known = {id(v) for v in model.variables}
    for stage in getattr(model, "_stages", []):
        for network, finest in zip(stage, (model.critic, model.generator), strict=True):
            assert {id(v) for v in network.variables} <= known
            trained = {id(v) for v in finest.trainable_variables}
            assert {id(v) for v in network.trainable_variables} <= trained


def test_same_seed_same_images(name):
    model = make(name)
    np.testing.assert_array_equal(model.generate(6, 1, seed=3), model.generate(6, 1, seed=3))
    assert not np.array_equal(model.generate(6, 1, seed=3), model.generate(6, 1, seed=4))


def test_the_class_changes_the_images_of_a_model_that_learns_them_all(name, tiny):
    model = make(name)
    model.train_step(next(iter(batches(tiny))))
    equal = np.array_equal(model.generate(6, 0, seed=0), model.generate(6, 2, seed=0))
    assert equal == (not MODELS[name].all_classes)


def test_arguments_out_of_range_are_refused(name):
    model = make(name)
    with pytest.raises(InputError, match="count"):
        model.generate(0)
    if MODELS[name].all_classes:
        for class_id in (-1, CLASSES):
            with pytest.raises(InputError, match="class_id"):
                model.generate(1, class_id)
    with pytest.raises(InputError, match="image_shape"):
        make(name, (7, 8, 1))


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


@pytest.mark.parametrize("size", [1, 2, 7])
def test_an_odd_batch_trains(name, tiny, size):
    model = make(name)
    images, labels = next(iter(tiny.batches(size)))
    logs = model.train_step((images, labels))
    assert all(np.isfinite(float(value)) for value in logs.values())


def test_config_round_trip(name):
    model = make(name, seed=5)
    copy = type(model).from_config(model.get_config())
    assert copy.get_config() == model.get_config()
    assert [v.shape for v in copy.variables] == [v.shape for v in model.variables]


@pytest.mark.parametrize("eagerly", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_saved_model_goes_on_as_if_it_had_not_been(name, tiny, tmp_path, eagerly):
    """For a model that grows, step 3 is in the middle of a fade."""
    uninterrupted = make(name)
    train(uninterrupted, tiny, steps=5, eagerly=eagerly)
    stopped = make(name)
    train(stopped, tiny, steps=3, eagerly=eagerly)
    stopped.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_equal(weights(loaded), weights(stopped))
    train(loaded, tiny, steps=2, skip=3, eagerly=eagerly)
    assert_equal(weights(loaded), weights(uninterrupted))
    assert_equal(optimizer_states(loaded), optimizer_states(uninterrupted))


PLAIN = """
    import os, sys
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.modules["kerasaug"] = sys.modules["keras"] = None  # importing them fails
    import numpy as np, tensorflow as tf
    for folder in map(str.strip, sys.stdin):
        model = tf.saved_model.load(folder + "/generator")
        serve = model.signatures["serving_default"]
        draw = lambda seed: serve(
            labels=tf.fill((5,), 2), seed=tf.constant([seed, 0]))["images"].numpy()
        latents = np.load(folder + "/in.npz")["latents"]
        decoded = model.decode(latents, tf.constant([0, 1, 2]))
        np.savez(folder + "/out.npz", nine=draw(9), again=draw(9), ten=draw(10), decoded=decoded)
        print("drawn", flush=True)
"""


@pytest.fixture(scope="module")
def plain_tensorflow(tmp_path_factory):
    """A process without this package and without Keras, that draws from folders."""
    command = [sys.executable, "-c", textwrap.dedent(PLAIN)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path_factory.mktemp("cwd"), **pipes) as process:

        def draw(folder):
            print(folder, file=process.stdin, flush=True)
            assert process.stdout.readline() == "drawn\n"
            return np.load(folder / "out.npz")

        yield draw
        process.stdin.close()


def test_the_export_runs_without_this_package(name, tmp_path, plain_tensorflow):
    model = make(name)
    model.step.assign(3)
    model.export(tmp_path / "generator")
    expected = model.generate(5, class_id=2, seed=9)
    latents = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    np.savez(tmp_path / "in.npz", latents=latents)
    out = plain_tensorflow(tmp_path)
    assert out["nine"].dtype == np.uint8
    np.testing.assert_array_equal(out["nine"], expected)
    np.testing.assert_array_equal(out["again"], expected)
    assert not np.array_equal(out["ten"], expected)
    decoded = model.decode(tf.constant(latents), tf.constant([0, 1, 2]))
    np.testing.assert_allclose(out["decoded"], decoded, atol=1e-5)


def test_training_in_bfloat16_keeps_images_and_losses_in_float32(name, tiny):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = make(name)
    history = train(model, tiny, eagerly=True)
    assert np.isfinite([v for values in history.values() for v in values]).all()
    assert all(v.dtype == "float32" for v in model.trainable_variables)
    assert model.decode(tf.zeros((1, 4)), tf.constant([0])).dtype == tf.float32
