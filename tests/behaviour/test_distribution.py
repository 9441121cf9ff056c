"""One model that several processes train: the same weights, one writer, and a worker that dies."""

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

from kerasaug import distribution
from kerasaug.callbacks import read_history
from kerasaug.errors import InputError
from kerasaug.model_folder import ModelFolder
from kerasaug.models import registry
from kerasaug.presets import GENERATOR_PRESETS
from kerasaug.reproducibility import make_reproducible

ROOT = Path(__file__).parents[2]
LINE = (
    f"--dataset {ROOT / 'tests' / 'digits'} --model conditional-wgan --preset smoke "
    "--batch-size 8 --precision float32 --steps"
)
STEPS = 3
TRAIN_WITH_SGD = """
import runpy, sys
from kerasaug.quiet import quiet_tensorflow
quiet_tensorflow()
import keras
keras.optimizers.Adam = lambda learning_rate, **betas: keras.optimizers.SGD(learning_rate)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Adam divides every gradient by its own size, also those that are 0 but for rounding, and so makes
differences as large as the learning rate of rounding alone, which depends on the processor."""
LARGEST_SHARE = 1e-3
"""Of the distance that a weight has moved, that rounding may make. Another draw of random numbers,
or a share of the batch that is seen twice, makes differences as large as that distance."""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start(steps, output, own=((), ()), strategy="multi-worker", python=()):
    """Starts a training in as many processes as there are `own` options, the chief first."""
    line = [*LINE.split(), str(steps), "--output", str(output), "--strategy", strategy]
    command = [sys.executable, *python, str(ROOT / "bin" / "train-gan"), *line]
    addresses = [f"127.0.0.1:{port}" for port in free_ports(len(own))]
    started = []
    for index, options in enumerate(own):
        task = {"type": "worker", "index": index}
        cluster = {"cluster": {"worker": addresses}, "task": task}
        started.append(
            subprocess.Popen(
                [*command, *options],
                env={**os.environ, "TF_CONFIG": json.dumps(cluster)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return started


def weights(output):
    model = registry.load("conditional-wgan", ModelFolder(output).model)
    return model.get_weights(), model.steps_taken


def test_two_workers_end_with_the_weights_of_one_process(tmp_path):
    python = ("-c", TRAIN_WITH_SGD)
    alone = start(STEPS, tmp_path / "alone", own=((),), strategy="none", python=python)
    together = start(STEPS, tmp_path / "together", python=python)
    for process in alone + together:
        _, error = process.communicate()
        assert process.returncode == 0, error
    (ours, taken), (theirs, _) = weights(tmp_path / "together"), weights(tmp_path / "alone")
    assert taken == STEPS
    make_reproducible(0)
    width = GENERATOR_PRESETS["smoke"].width
    untrained = registry.create("conditional-wgan", (28, 28, 1), num_classes=2, width=width)
    moved = 0
    for a, b, start_value in zip(ours, theirs, untrained.get_weights(), strict=True):
        distance = np.linalg.norm(b - start_value)
        moved += distance > 0
        assert np.linalg.norm(a - b) <= LARGEST_SHARE * distance
    assert moved > 10
    rows = [read_history(ModelFolder(tmp_path / name).history) for name in ("together", "alone")]
    assert len(rows[0]) == len(rows[1]) == STEPS
    for mine, other in zip(*rows, strict=True):
        assert mine == pytest.approx(other, rel=1e-4)


def test_workers_with_different_options_are_refused(tmp_path):
    own = (("--seed", "0"), ("--seed", "1"))
    for process in start(3, tmp_path / "model", own):
        _, error = process.communicate()
        assert process.returncode == 2
        assert "the workers have different options" in error
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_a_killed_worker_is_reported_and_the_training_goes_on(tmp_path):
    chief, worker = start(300, tmp_path / "model")
    checkpoint = ModelFolder(tmp_path / "model").checkpoint
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
    errors = [each.communicate()[1] for each in together]
    assert [each.returncode for each in together] == [0, 0], errors
    assert weights(tmp_path / "model")[1] == 300


@pytest.mark.parametrize(
    ("more", "environment", "words"),
    [
        ("--strategy multi-worker", {}, "TF_CONFIG must be JSON"),
        ("--strategy multi-worker", {"TF_CONFIG": "{"}, "TF_CONFIG must be JSON"),
        ("--strategy mirrored --model progressive-wgan", {}, "accepted with --model gan, wgan"),
    ],
)
def test_what_cannot_be_distributed_is_refused(
    more, environment, words, tmp_path, call, monkeypatch, capfd
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert call(f"train-gan {more} --output", tmp_path / "model") == 2
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
