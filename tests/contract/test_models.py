"""What every registered generative model must do."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf
from small_models import CLASSES, batches, every_kind, every_model, make

from kerasaug.errors import InputError
from kerasaug.models import MODELS


@every_kind
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


@every_model
def test_the_finest_networks_hold_every_variable(name):
    """A variable that they do not hold would be neither saved nor trained."""
    model = make(name, (16, 16, 1))
    known = {id(v) for v in model.variables}
    for stage in getattr(model, "_stages", []):
        for network, finest in zip(stage, (model.critic, model.generator), strict=True):
            assert {id(v) for v in network.variables} <= known
            trained = {id(v) for v in finest.trainable_variables}
            assert {id(v) for v in network.trainable_variables} <= trained


@every_model
def test_same_seed_same_images(name):
    model = make(name)
    np.testing.assert_array_equal(model.generate(6, 1, seed=3), model.generate(6, 1, seed=3))
    assert not np.array_equal(model.generate(6, 1, seed=3), model.generate(6, 1, seed=4))


@every_model
def test_the_class_changes_the_images_of_a_model_that_learns_them_all(name, tiny):
    model = make(name)
    model.train_step(next(iter(batches(tiny))))
    equal = np.array_equal(model.generate(6, 0, seed=0), model.generate(6, 2, seed=0))
    assert equal == (not MODELS[name].all_classes)


@every_model
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


@every_model
def test_config_round_trip(name):
    model = make(name, seed=5)
    copy = type(model).from_config(model.get_config())
    assert copy.get_config() == model.get_config()
    assert [v.shape for v in copy.variables] == [v.shape for v in model.variables]


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


@every_model
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
