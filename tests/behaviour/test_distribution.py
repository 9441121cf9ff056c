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

ROOT = Path(__file__).parents[2]
LINE = (
    f"--dataset {ROOT / 'tests' / 'digits'} --model conditional-wgan --preset smoke "
    "--batch-size 8 --precision float32 --steps"
)
DIFFERENCES = {3: 1e-7, 20: 5e-3}
"""Mean over a weight's values by steps, at a learning rate of 5e-4. Rounding alone, until Adam
divides a gradient that is 0 but for rounding by its own size: docs/performance.md."""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start(steps, output, own=((), ())):
    """Starts a training in two processes, the chief first, each with options of its own."""
    line = [*LINE.split(), str(steps), "--output", str(output), "--strategy", "multi-worker"]
    command = [sys.executable, str(ROOT / "bin" / "train-gan"), *line]
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
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


@pytest.mark.parametrize("steps", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_two_workers_end_with_the_weights_of_one_process(steps, tmp_path, call):
    assert call(f"train-gan {LINE} {steps} --output", tmp_path / "alone") == 0
    together = start(steps, tmp_path / "together")
    errors = [each.communicate()[1] for each in together]
    assert [each.returncode for each in together] == [0, 0], errors
    (ours, taken), (theirs, _) = weights(tmp_path / "together"), weights(tmp_path / "alone")
    assert taken == steps
    differences = [np.abs(a - b).mean() for a, b in zip(ours, theirs, strict=True) if a.size > 1]
    print(f"largest mean difference of a weight: {max(differences):.2g}")
    assert max(differences) < DIFFERENCES[steps]
    rows = [read_history(ModelFolder(tmp_path / name).history) for name in ("together", "alone")]
    assert len(rows[0]) == len(rows[1]) == steps
    for mine, other in zip(*(each[: min(DIFFERENCES)] for each in rows), strict=True):
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
