"""One model that several processes train: the same weights, one writer, and a worker that dies."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kerasaug.errors import InputError
from kerasaug.models import registry
from kerasaug.runtime import make_reproducible
from kerasaug.saved.folder import ModelFolder
from kerasaug.training import distribution
from kerasaug.training.callbacks import read_history
from kerasaug.training.config import GENERATOR_PRESETS

ROOT = Path(__file__).parents[2]
LINE = (
    f"--dataset {ROOT / 'tests' / 'digits'} --model conditional-wgan --preset smoke "
    "--batch-size 8 --precision float32 --steps"
)
STEPS = 3
TRAIN_WITH_SGD = """
import runpy, sys
from kerasaug.runtime import quiet_tensorflow
quiet_tensorflow()
import keras
keras.optimizers.Adam = lambda learning_rate, **betas: keras.optimizers.SGD(learning_rate)
# The chief would measure the images afterwards, which takes as long as the training.
from kerasaug.quality.evaluator import Evaluator
Evaluator.measure = lambda *arguments: {"evaluator_accuracy": None, "classes": {}}
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Adam divides every gradient by its own size, also those that are 0 but for rounding. So rounding,
which depends on the processor, would make differences as large as the learning rate."""
LARGEST_SHARE = 1e-3
"""Largest difference by rounding, over the distance that the weights have moved. Other random
numbers, or a share of the batch that is used twice, make differences as large as that distance."""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for connection in sockets:
            connection.bind(("127.0.0.1", 0))
        return [connection.getsockname()[1] for connection in sockets]


def start(steps, output, options=((), ()), strategy="multi-worker", python=()):
    """Starts a training in a process for each of `options`, the chief first."""
    line = [*LINE.split(), str(steps), "--output", str(output), "--strategy", strategy]
    command = [sys.executable, *python, str(ROOT / "bin" / "train-gan"), *line]
    addresses = [f"127.0.0.1:{port}" for port in free_ports(len(options))]
    processes = []
    for index, further in enumerate(options):
        task = {"type": "worker", "index": index}
        cluster = {"cluster": {"worker": addresses}, "task": task}
        environment = {**os.environ, "TF_CONFIG": json.dumps(cluster)}
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen([*command, *further], env=environment, **pipes))
    return processes


def weights(output):
    model = registry.load("conditional-wgan", ModelFolder(output).model)
    return model.get_weights(), model.steps_taken


@pytest.mark.slow
def test_two_workers_end_with_the_weights_of_one_process(tmp_path):
    python = ("-c", TRAIN_WITH_SGD)
    alone = start(STEPS, tmp_path / "alone", [()], strategy="none", python=python)
    together = start(STEPS, tmp_path / "together", python=python)
    for process in alone + together:
        _, error = process.communicate()
        assert process.returncode == 0, error
    (distributed, steps), (expected, _) = (weights(tmp_path / n) for n in ("together", "alone"))
    assert steps == STEPS
    make_reproducible(0)
    width = GENERATOR_PRESETS["smoke"].width
    untrained = registry.create("conditional-wgan", (28, 28, 1), num_classes=2, width=width)
    moved = 0
    for value, other, first in zip(distributed, expected, untrained.get_weights(), strict=True):
        distance = np.linalg.norm(other - first)
        moved += distance > 0
        assert np.linalg.norm(value - other) <= LARGEST_SHARE * distance
    assert moved > 10
    rows, others = (read_history(tmp_path / n / "history.csv") for n in ("together", "alone"))
    assert len(rows) == len(others) == STEPS
    for row, other in zip(rows, others, strict=True):
        assert row == pytest.approx(other, rel=1e-4)


@pytest.mark.thorough
def test_workers_with_different_options_are_refused(tmp_path):
    for process in start(3, tmp_path / "model", [("--seed", "0"), ("--seed", "1")]):
        _, error = process.communicate()
        assert process.returncode == 2
        assert "the workers have different options" in error
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_a_killed_worker_is_reported_and_the_training_resumed(tmp_path):
    chief, worker = start(300, tmp_path / "model")
    checkpoint, _ = ModelFolder(tmp_path / "model").checkpoints
    while not checkpoint.exists():
        assert chief.poll() is None, chief.communicate()[1]
        time.sleep(0.1)
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    _, error = chief.communicate(timeout=120)
    assert chief.returncode == 1
    *progress, last = error.strip().splitlines()
    assert last.startswith("Error: another worker of this training is gone")
    assert all("%  " in line for line in progress)
    together = start(300, tmp_path / "model")
    errors = [process.communicate()[1] for process in together]
    assert [process.returncode for process in together] == [0, 0], errors
    assert weights(tmp_path / "model")[1] == 300


@pytest.mark.parametrize(
    ("options", "environment", "words"),
    [
        ("--strategy multi-worker", {}, "TF_CONFIG must be JSON"),
        ("--strategy multi-worker", {"TF_CONFIG": "{"}, "TF_CONFIG must be JSON"),
        ("--strategy mirrored --model progressive-wgan", {}, "must be one of gan, wgan"),
    ],
)
def test_what_cannot_be_distributed_is_refused(
    options, environment, words, tmp_path, call, monkeypatch, capfd
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert call(f"train-gan {options} --output", tmp_path / "model") == 2
    error = capfd.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "model").exists()


WORKER = {"type": "worker", "index": 0}


@pytest.mark.parametrize(
    "config",
    [
        {"cluster": None, "task": WORKER},
        {"cluster": [], "task": WORKER},
        {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}},
        {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker"}},
        {"cluster": {"worker": "a:1"}, "task": WORKER},
        {"cluster": {"worker": ["a:1"]}, "task": 3},
        {"cluster": {"worker": ["a:1"]}, "task": {"type": "evaluator", "index": 0}},
        {"cluster": {"worker": ["a:1"], "chief": ["b:1"]}, "task": WORKER},
        [],
    ],
)
def test_a_cluster_that_is_none_is_refused(config, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(InputError, match="TF_CONFIG must be JSON"):
        distribution.strategy("multi-worker")
