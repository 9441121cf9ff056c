"""Studies in several processes, on a cluster, and killed: the figures are always the same."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUDY = "--preset smoke --steps 4 --arms none,balanced+affine,conditional-vae:symmetric+affine"

pytestmark = pytest.mark.slow


def start(output, *more):
    command = [sys.executable, ROOT / "bin" / "evaluate", *STUDY.split(), "--output", output, *more]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(list(map(str, command)), **quiet)


def finish(process):
    _, err = process.communicate(timeout=900)
    assert process.returncode == 0, err


def figures(output):
    results = json.loads((output / "results.json").read_text())
    for arm in results["arms"].values():
        for trial in arm["trials"]:
            del trial["seconds"]
    return results


def kill_after(process, seconds):
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    output = tmp_path_factory.mktemp("whole") / "study"
    finish(start(output, "--jobs", 1))
    return figures(output)


def test_the_figures_do_not_depend_on_the_number_of_jobs(whole, tmp_path):
    finish(start(tmp_path / "study", "--jobs", 2))
    assert figures(tmp_path / "study") == whole


def test_a_killed_study_goes_on_and_ends_with_the_same_figures(whole, tmp_path):
    for seconds in (15, 25, 40, 30, 35):
        kill_after(start(tmp_path / "study", "--jobs", 2), seconds)
        # Its workers have seen that it is gone before the next one begins.
        time.sleep(3)
    finish(start(tmp_path / "study", "--jobs", 2))
    assert figures(tmp_path / "study") == whole


def test_ctrl_c_ends_all_processes_and_says_how_to_go_on(tmp_path):
    process = start(tmp_path / "study", "--jobs", 2)
    while not list((tmp_path / "study").glob("generators/*/run.json")):
        assert process.poll() is None
        time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip().splitlines()[-1].startswith("Error: stopped; give the same --output")
    assert "Traceback" not in err


def test_a_cluster_that_loses_a_worker_gives_the_same_figures(whole, tmp_path):
    pytest.importorskip("distributed")
    file = tmp_path / "scheduler.json"
    program = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file)]
    worker += ["--nthreads", "1", "--local-directory", str(tmp_path), "--no-dashboard"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    # One thread per numeric library too, as joblib arranges it for its own processes.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    options = ["--scheduler-file", str(file), "--port", "0", "--no-dashboard"]
    processes = [subprocess.Popen(program + options, **silent)]
    try:
        while not file.exists():
            time.sleep(0.2)
        address = json.loads(file.read_text())["address"]
        processes += [
            subprocess.Popen(worker, start_new_session=True, env=environment, **silent)
            for _ in range(2)
        ]
        study = start(tmp_path / "study", "--scheduler", address)
        while not list((tmp_path / "study").glob("generators/*/generator")):
            assert study.poll() is None, study.communicate()
            time.sleep(0.5)
        os.killpg(processes[1].pid, signal.SIGKILL)
        finish(study)
    finally:
        for process in processes:
            process.kill()
    assert figures(tmp_path / "study") == whole


def test_an_address_without_a_scheduler_gives_one_line(tmp_path):
    study = start(tmp_path / "study", "--scheduler", "tcp://127.0.0.1:9")
    _, err = study.communicate(timeout=120)
    assert study.returncode == 2
    assert err.strip() == "Error: --scheduler tcp://127.0.0.1:9: there is no Dask scheduler"
    assert not (tmp_path / "study").exists()
