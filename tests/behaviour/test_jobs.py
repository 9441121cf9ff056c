"""Studies in several processes, on a cluster, and killed: the results are always the same."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# No label filter: it confirms no image of so short a training, and then its arm fails.
ARMS = "none,balanced+affine+logit-adjusted,conditional-vae:latent-perturbation+affine"
STUDY = f"--preset smoke --steps 4 --arms {ARMS}"

pytestmark = pytest.mark.slow


def start(output, *more):
    command = [sys.executable, ROOT / "bin" / "evaluate", *STUDY.split(), "--output", output, *more]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(list(map(str, command)), **quiet)


def finish(process):
    _, err = process.communicate(timeout=900)
    assert process.returncode == 0, err


def read_results(output):
    """Reads `results.json` without how long trials took."""
    results = json.loads((output / "results.json").read_text())
    for arm in results["arms"].values():
        for training in arm["trainings"]:
            del training["seconds"]
    return results


def wait_for(process, folder, pattern):
    """Waits until a study has left a file; it must not have ended before."""
    while not list(folder.glob(pattern)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    output = tmp_path_factory.mktemp("whole") / "study"
    finish(start(output, "--jobs", 1))
    return read_results(output)


def test_results_do_not_depend_on_the_number_of_jobs(whole, tmp_path):
    finish(start(tmp_path / "study", "--jobs", 2))
    assert read_results(tmp_path / "study") == whole


def test_a_killed_study_is_resumed_with_the_same_results(whole, tmp_path):
    moments = ("study.json", "generators/*/run.json", "generators/*-seed1/generator")
    moments += ("generators/latent-map/run.json", "trials/*.csv", "trials/*.json")
    for number, moment in enumerate(moments):
        process = start(tmp_path / "study", "--jobs", 2)
        wait_for(process, tmp_path / "study", moment)
        time.sleep(number / 10)
        assert process.poll() is None
        process.kill()
        process.communicate(timeout=30)
        # Its workers have seen that it is gone before the next one begins.
        time.sleep(2)
    finish(start(tmp_path / "study", "--jobs", 2))
    assert read_results(tmp_path / "study") == whole


def test_ctrl_c_ends_all_processes_and_says_how_to_go_on(tmp_path):
    process = start(tmp_path / "study", "--jobs", 2)
    wait_for(process, tmp_path / "study", "generators/*/run.json")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    last = err.strip().splitlines()[-1]
    assert last.startswith("Error: stopped; ")
    assert last.endswith(f"--output {tmp_path / 'study'} goes on")
    assert "Traceback" not in err


def test_a_cluster_that_loses_a_worker_ends_with_the_same_results(whole, tmp_path):
    pytest.importorskip("distributed")
    file = tmp_path / "scheduler.json"
    program = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file)]
    worker += ["--nthreads", "1", "--local-directory", str(tmp_path), "--no-dashboard"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options = ["--scheduler-file", str(file), "--port", "0", "--no-dashboard"]
    processes = [subprocess.Popen(program + options, **silent)]
    try:
        while not file.exists():
            assert processes[0].poll() is None
            time.sleep(0.2)
        address = json.loads(file.read_text())["address"]
        processes += [subprocess.Popen(worker, start_new_session=True, **silent) for _ in range(2)]
        study = start(tmp_path / "study", "--scheduler", address)
        wait_for(study, tmp_path / "study", "generators/*/generator")
        os.killpg(processes[1].pid, signal.SIGKILL)
        finish(study)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert read_results(tmp_path / "study") == whole


def test_an_address_without_a_scheduler_gives_one_line(tmp_path):
    study = start(tmp_path / "study", "--scheduler", "tcp://127.0.0.1:9")
    _, err = study.communicate(timeout=120)
    assert study.returncode == 2
    assert err.strip() == "Error: --scheduler tcp://127.0.0.1:9: there is no Dask scheduler"
    assert not (tmp_path / "study").exists()
