import dataclasses
import functools
import importlib
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerasaug.runtime import limit_threads, quiet_tensorflow

quiet_tensorflow()
# As studies do: several processes test at a time, and threads of small operations only wait.
limit_threads()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from kerasaug import data  # noqa: E402
from kerasaug.data.readers import tfds  # noqa: E402

# Graphs of a few steps take longer to optimise than to run; commands in processes of their own do.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})

SIDE = 8
COUNTS = (40, 40, 12)


def squares(counts, seed):
    """Noisy 8x8 images; the position of a bright square tells the class."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    images = generator.integers(0, 60, (len(labels), SIDE, SIDE, 1))
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 3, 2 * label : 2 * label + 3] += 180
    order = generator.permutation(len(labels))
    return images[order].astype(np.uint8), labels[order]


@pytest.fixture(scope="session")
def tiny():
    """Three classes of 8x8 images, 40, 40 and 12 for training, 20 each for testing."""
    train, test = squares(COUNTS, seed=1), squares((20, 20, 20), seed=2)
    return data.from_arrays(*train, *test, class_names=("top", "middle", "bottom"), name="tiny")


@pytest.fixture(scope="session")
def streamed(tiny):
    """The same images as `tiny`, read as they are needed, as those of files are."""
    images, labels = tiny.in_memory.images, tiny.train_labels
    records = tf.data.Dataset.from_tensor_slices((images, labels))
    return dataclasses.replace(tiny, records=records, in_memory=None)


@pytest.fixture(autouse=True, scope="session")
def mnist_is_read_once():
    """Many tests read it, which takes three seconds each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfds, "read", functools.cache(tfds.read))
        yield


@pytest.fixture(autouse=True, scope="session")
def no_earlier_run_left_a_cache(tmp_path_factory):
    """The folder for caches is empty when the tests begin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_is_heard():
    """Also where a shell runs pytest in the background, for which it has Ctrl-C ignored."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def float32_policy():
    keras.config.set_dtype_policy("float32")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module")
def eagerly():
    """Trainings of a few steps, which are done long before their graph is traced."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fit", "predict"):
            method = getattr(keras.Model, name)

            def call(model, *arguments, method=method, **options):
                model.run_eagerly = True
                return method(model, *arguments, **options)

            patch.setattr(keras.Model, name, call)
        yield


@pytest.fixture
def call(monkeypatch):
    """Runs a command in this process; returns its exit code."""

    def run(line, *more):
        name, *arguments = line.split()
        monkeypatch.setattr(sys, "argv", [name, *arguments, *map(str, more)])
        module = importlib.import_module(f"kerasaug.cli.{name.replace('-', '_')}")
        try:
            module.main()
        except SystemExit as exit:
            return exit.code
        return 0

    return run


@pytest.fixture(scope="session")
def script():
    """Runs a command of `bin/` in a process of its own."""

    def run(name, *arguments, **options):
        path = Path(__file__).parents[1] / "bin" / name
        command = [sys.executable, str(path), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, **options)

    return run
