"""A study and a training in a Jupyter kernel: a bar, an interrupted cell, the same cell again."""

import re
import time

import pytest

pytestmark = pytest.mark.slow
SETUP = """
import numpy as np
import kerasaug as ka
ka.quiet_tensorflow()
random = np.random.default_rng(0)
images = random.integers(0, 255, (60, 8, 8, 1)).astype(np.uint8)
np.savez("data.npz", x=images, y=np.repeat([0, 1], [50, 10]))
data = ka.data.load("data.npz")
"""
STUDY = """
config = ka.study.StudyConfig.from_preset(
    "smoke", "data.npz", {}, protocol="cross-validation", folds=2, steps=200, latent_map=False,
    arms="none,balanced,balanced+affine", precision="float32",
)
results = ka.study.Study(config, data, "study").run(jobs=JOBS)
print("RANKED", list(results["arms"]))
"""
TRAINING = """
from kerasaug.training.config import GENERATOR_PRESETS, GeneratorConfig
from kerasaug.training.run import train_generator
preset = GENERATOR_PRESETS["smoke"]._replace(steps=300)
config = GeneratorConfig(model="wgan", dataset="data.npz", precision="float32", **preset._asdict())
print("FOLDER", train_generator(config, data, "gan").path)
"""


@pytest.fixture
def kernel(tmp_path):
    """A kernel that runs in a fresh folder."""
    manager = pytest.importorskip("jupyter_client.manager")
    pytest.importorskip("ipykernel")
    kernels = manager.KernelManager(kernel_name="python3")
    kernels.start_kernel(cwd=str(tmp_path))
    client = kernels.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield kernels, client
    client.stop_channels()
    kernels.shutdown_kernel(now=True)


def run(kernel, code, interrupt_at=None):
    """Runs a cell, interrupted once its output matches; its output, and the error that ended it."""
    kernels, client = kernel
    message = client.execute(code)
    output, error, deadline = "", None, time.monotonic() + 300
    while time.monotonic() < deadline:
        reply = client.get_iopub_msg(timeout=120)
        if reply["parent_header"].get("msg_id") != message:
            continue
        content = reply["content"]
        if reply["msg_type"] == "stream":
            output += content["text"]
            if interrupt_at is not None and re.search(interrupt_at, output):
                kernels.interrupt_kernel()
                interrupt_at = None
        elif reply["msg_type"] == "error":
            error = content["ename"]
        elif reply["msg_type"] == "status" and content["execution_state"] == "idle":
            return output, error
    raise TimeoutError(output)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_study_shows_a_bar_stops_and_goes_on(jobs, kernel, tmp_path):
    assert run(kernel, SETUP)[1] is None
    code = STUDY.replace("JOBS", str(jobs))
    output, error = run(kernel, code, interrupt_at="none, .*none, ")
    assert error == "KeyboardInterrupt"
    assert "\r" in output
    assert re.search(r"\d+% .* left ", re.sub(r"\x1b\[.*?[@-~]", "", output))
    before = {file: file.stat().st_mtime for file in (tmp_path / "study").rglob("*.npz")}
    assert not (tmp_path / "study" / "results.json").exists()
    time.sleep(5)
    # Nobody works on.
    assert set((tmp_path / "study").rglob("*.npz")) == set(before)
    output, error = run(kernel, code)
    assert error is None, output
    assert "RANKED ['none', 'balanced', 'balanced+affine']" in output
    assert all(file.stat().st_mtime == when for file, when in before.items())


def test_a_training_shows_a_bar_stops_and_goes_on(kernel, tmp_path):
    assert run(kernel, SETUP)[1] is None
    output, error = run(kernel, TRAINING, interrupt_at="wgan .*loss")
    assert error == "KeyboardInterrupt"
    assert (tmp_path / "gan" / "checkpoint.keras").exists()
    output, error = run(kernel, TRAINING)
    assert error is None, output
    assert re.search(r"\r.*100%", output)
    assert "FOLDER gan" in output
