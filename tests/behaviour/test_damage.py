"""What is done to a run from outside: killed, its disk full, its folder taken or removed."""

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasaug.files import atomic, locked
from kerasaug.models import registry
from kerasaug.saved.folder import ModelFolder
from kerasaug.training.callbacks import AtMilestones, read_history
from kerasaug.training.config import GeneratorConfig
from kerasaug.training.run import train_generator

ROOT = Path(__file__).parents[2]
DIGITS, FIVES = ROOT / "tests" / "digits", ROOT / "saved_models" / "fives"
SMALL = {"batch_size": 4, "width": 4, "learning_rate": 1e-3, "precision": "float32"}
CONFIG = GeneratorConfig(model="vae", dataset="tiny", steps=12, **SMALL)


@contextlib.contextmanager
def largest_file(size):
    """As a full disk: no longer file can be written."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.name != "run.json"
    }


def assert_same_training(path, expected):
    """Bitwise the same weights, optimizers, averages and history."""
    folders = ModelFolder(path), ModelFolder(expected)
    name = folders[1].read_run()["config"]["model"]
    models = [registry.load(name, folder.model) for folder in folders]
    for a, b in zip(*(model.variables for model in models), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)
    for name in ("optimizer", "critic_optimizer", "generator_optimizer"):
        states = [getattr(getattr(model, name, None), "variables", []) for model in models]
        for a, b in zip(*states, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)
    histories = [read_history(folder.history) for folder in folders]
    assert histories[0] == histories[1]
    assert not any(path.exists() for folder in folders for path in folder.checkpoints)
    images = [folder.load_generator().generate(20, class_id=0, seed=1) for folder in folders]
    np.testing.assert_array_equal(*images)


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    return train_generator(CONFIG, tiny, tmp_path_factory.mktemp("whole") / "model").path


@pytest.mark.thorough
@pytest.mark.parametrize("size", [500, pytest.param(20_000, marks=pytest.mark.slow), 70_000])
def test_a_full_disk_keeps_what_was_there_and_the_training_goes_on(size, tiny, tmp_path, whole):
    folder = ModelFolder(tmp_path / "model")
    largest = max(len(content) for content in contents(whole).values())
    assert size < largest
    with pytest.raises(OSError, match="File too large"), largest_file(size):
        train_generator(CONFIG, tiny, folder.path)
    for path in (folder.history, folder.run_file, *folder.checkpoints, folder.model):
        if path.suffix == ".keras" and path.exists():
            keras.models.load_model(path)
        elif path == folder.run_file and path.exists():
            assert json.loads(path.read_text())["status"] == "training"
    assert not list(tmp_path.rglob(".*"))
    train_generator(CONFIG, tiny, folder.path)
    assert_same_training(folder.path, whole)


def test_a_folder_that_is_removed_ends_the_training_and_is_not_made_anew(tiny, tmp_path):
    class Remove(AtMilestones):
        def at_step(self, step, logs):
            shutil.rmtree(tmp_path / "model")

    with pytest.raises(OSError, match="removed while this run wrote into it"):
        train_generator(CONFIG, tiny, tmp_path / "model", callbacks=[Remove(12, 2)])
    assert not (tmp_path / "model").exists()


def test_a_folder_that_is_removed_is_not_made_anew_by_one_write(tmp_path):
    folder = tmp_path / "model"
    with pytest.raises(FileNotFoundError, match="removed while"), locked(folder):
        shutil.rmtree(folder)
        with atomic(folder / "samples" / "a.png"):
            pass
    assert not folder.exists()


LINES = {
    "train-gan": f"train-gan --dataset {DIGITS} --model vae --preset smoke --output",
    "evaluate": f"evaluate --dataset {DIGITS} --preset smoke --seeds 1 --steps 2 --jobs 1 "
    "--arms none --output",
    "generate": f"generate {FIVES} --label 5 --count 3000 --output",
}


def assert_one_line(capfd, words):
    err = capfd.readouterr().err
    assert err.startswith("Error: ")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["train-gan", "evaluate"])
def test_a_folder_in_use_is_left_alone(name, call, capfd, tmp_path):
    with locked(tmp_path / "out"):
        assert call(LINES[name], tmp_path / "out") == 2
        assert_one_line(capfd, f"out is in use by process {os.getpid()} on ")
        assert os.listdir(tmp_path / "out") == [".lock"]


@pytest.mark.parametrize("name", LINES)
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_refused(name, call, capfd, tmp_path):
    tmp_path.chmod(0o500)
    assert call(LINES[name], tmp_path / "out") == 2
    assert_one_line(capfd, f"{tmp_path} cannot be written to")


@pytest.mark.parametrize("name", LINES)
def test_where_no_folder_can_be_made_one_line_says_so(name, call, capfd):
    line = LINES[name].replace("--count 3000", "--count 3")
    assert call(line, "/proc/kerasaug/out") in (1, 2)
    assert_one_line(capfd, "/proc/kerasaug")


@pytest.mark.slow
@pytest.mark.parametrize("size", [300, 3_000, 30_000, 300_000])
@pytest.mark.parametrize("name", LINES)
def test_a_command_on_a_full_disk_says_so_and_goes_on(name, size, script, tmp_path):
    command = [*LINES[name].split(), tmp_path / ("out.npz" if name == "generate" else "out")]
    limit = (size, resource.RLIM_INFINITY)
    full = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)}
    process = script(*command, **full)
    assert process.returncode == 1, process.stderr
    assert "File too large" in process.stderr
    last = process.stderr.strip().splitlines()[-1]
    # Where a single trial could not be written, the study says how to try it again.
    assert "goes on" in last or "tries them again" in last
    assert "Traceback" not in process.stderr
    process = script(*command)
    assert process.returncode == 0, process.stderr


@pytest.mark.slow
def test_a_second_ctrl_c_ends_a_training_at_once(tmp_path):
    process = start(tmp_path / "out", "conditional-wgan", 5000, subprocess.PIPE)
    wait_for_step(process, tmp_path / "out")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip().splitlines()[-1].startswith("Error: stopped; the same command goes on")
    assert "Traceback" not in err
    assert not (tmp_path / "out" / "generator").exists()


def start(output, model, steps, stderr=subprocess.DEVNULL):
    options = f"--dataset {DIGITS} --model {model} --preset smoke --steps {steps} --output {output}"
    command = [sys.executable, str(ROOT / "bin" / "train-gan"), *options.split()]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, text=True)


def wait_for_step(process, output):
    while not (output / "history.csv").exists():
        assert process.poll() is None
        time.sleep(0.05)


def drafts(output):
    """Of checkpoints that are being written, or were when a process was killed."""
    return set(output.glob(".checkpoint*"))


KILLS = 20


@pytest.mark.slow
@pytest.mark.parametrize("model", ["conditional-wgan", "conditional-vae", "progressive-wgan"])
def test_twenty_kills_leave_the_weights_of_none(model, tmp_path):
    """SIGKILL at random moments, every fourth of them in the middle of a checkpoint's write."""
    steps = 400
    process = start(tmp_path / "whole", model, steps)
    began = time.monotonic()
    wait_for_step(process, tmp_path / "whole")
    first = time.monotonic()
    assert process.wait() == 0
    seconds = time.monotonic() - first
    chance = random.Random(0)
    kills = inside = 0
    while kills < KILLS:
        earlier = drafts(tmp_path / "killed")
        process = start(tmp_path / "killed", model, steps)
        # From before the first step to as far as brings the training to its end in time.
        wait = chance.uniform(0.5, first - began + 2 * seconds / KILLS)
        until = time.monotonic() + wait
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        if kills % 4 == 0:
            while process.poll() is None and not drafts(tmp_path / "killed") - earlier:
                time.sleep(0.0002)
        if process.poll() is not None:
            # It ended before the kill, and ended well.
            assert process.returncode == 0
            break
        process.kill()
        process.wait()
        inside += bool(drafts(tmp_path / "killed") - earlier)
        kills += 1
    # The last kill may have come when all was written.
    if ModelFolder(tmp_path / "killed").read_run()["status"] != "finished":
        assert start(tmp_path / "killed", model, steps).wait() == 0
    print(f"{model}: {kills} kills survived, {inside} of them in the middle of a save")
    assert_same_training(tmp_path / "killed", tmp_path / "whole")
    assert kills > KILLS / 2
