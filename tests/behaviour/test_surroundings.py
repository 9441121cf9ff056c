"""The commands where names, homes, terminals and Keras' settings are not as usual."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerasaug.runtime import check_keras

ROOT = Path(__file__).parents[2]
FIVES = ROOT / "saved_models" / "fives"
ACCENT = "caf\u00e9"
ODD_NAMES = (
    *("two words", "[draft] {2}", "back\\slash", "100%41", "#1", "quo'te\"s", "st*r?", "a=b,c:d"),
    *(ACCENT, unicodedata.normalize("NFD", ACCENT), "~", "-dash", "$HOME", "\u5199\u771f"),
)
SHORT = ("--preset", "smoke", "--steps", "2", "--precision", "float32")


def fill(folder, count, seed):
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        pixels = random.integers(0, 120, (8, 8)) + 100 * (seed % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")


@pytest.fixture
def parts(tmp_path):
    """Two classes of 8x8 images, 20 `ok` and 6 `scratched`."""
    fill(tmp_path / "parts" / "ok", 20, seed=0)
    fill(tmp_path / "parts" / "scratched", 6, seed=1)
    return tmp_path / "parts"


@pytest.fixture
def odd(tmp_path):
    """A folder below one of every odd name."""
    folder = tmp_path.joinpath("odd", *ODD_NAMES)
    folder.mkdir(parents=True)
    return folder


@pytest.mark.thorough
def test_every_path_that_the_system_can_write_works(call, parts, odd, capfd):
    data = Path(shutil.move(parts, odd / "parts [1]"))
    gan, drawn = odd / "gan", odd / "drawn"
    assert call("train-gan --dataset", data, "--output", gan, *SHORT) == 0, capfd.readouterr()
    assert call("generate", gan, "--label", "scratched", "--count", 2, "--output", drawn) == 0
    assert len(list((drawn / "scratched").glob("*.png"))) == 2
    assert call("generate", gan, "--label", "scratched", "--output", data / "more") == 2
    assert call("generate", gan, "--balance", data, "--output", odd / "balanced") == 0
    assert len(list((odd / "balanced" / "scratched").iterdir())) == 20


@pytest.mark.slow
def test_a_study_works_in_every_path_that_the_system_can_write(call, parts, odd, capfd):
    data, study = shutil.move(parts, odd / "parts [1]"), odd / "study"
    line = ("evaluate --folds 2 --arms none,conditional-wgan --dataset", data, "--output", study)
    assert call(*line, *SHORT, "--jobs", 2) == 0, capfd.readouterr()
    assert (study / "report.html").exists()


def test_a_tilde_is_the_home(call, parts, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert call(f"generate {FIVES} --label 5 --count 1 --output ~/five") == 0
    assert (tmp_path / "five" / "5").is_dir()
    assert call("evaluate --dataset ~/parts --describe") == 0


def test_an_accent_that_is_written_in_two_ways_is_one_class(call, tmp_path, capfd):
    """Macs write the accent behind its letter."""
    decomposed = unicodedata.normalize("NFD", ACCENT)
    for seed, name in enumerate((ACCENT, decomposed, "tea")):
        fill(tmp_path / "drinks" / name, 9, seed)
    for name in (ACCENT, decomposed):
        assert call("evaluate --describe --rare", name, "--dataset", tmp_path / "drinks") == 0
        out = capfd.readouterr().out
        assert f"rare       {ACCENT}\n" in out
        assert f"{ACCENT}      18 " in out
        assert "differ in how an accent is encoded are one class" in out


@pytest.mark.thorough
@pytest.mark.parametrize("home", ["/proc", "/nowhere", "read-only"])
def test_a_folder_needs_no_home(home, parts, script, tmp_path):
    if home == "read-only":
        home = tmp_path / "home"
        home.mkdir(mode=0o555)
    without = ("KERAS_HOME", "TFDS_DATA_DIR", "XDG_CACHE_HOME", "MPLCONFIGDIR")
    environment = {key: value for key, value in os.environ.items() if key not in without}
    done = script(
        *("evaluate", "--dataset", "parts", "--describe"),
        cwd=tmp_path,
        env={**environment, "HOME": str(home), "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert "scratched       6" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("name", "value"), [("backend", "jax"), ("image_data_format", "channels_first")]
)
def test_a_setting_of_keras_that_does_not_work_gives_one_line(name, value, script, tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps({name: value}))
    environment = {**os.environ, "KERAS_HOME": str(tmp_path)}
    environment.pop("KERAS_BACKEND", None)
    done = script("evaluate", "--describe", env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {name} of Keras must be ")
    assert f"{tmp_path}/keras.json" in done.stderr
    assert done.stderr.endswith(f"Received: {value}\n")
    assert done.stderr.count("\n") == 1


def test_the_environment_chooses_keras_backend_before_its_file(monkeypatch, tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "jax"}))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    check_keras()
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(ValueError, match="KERAS_BACKEND sets it. Received: torch"):
        check_keras()


def test_the_library_says_so_too():
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-c", "import kerasaug; kerasaug.data"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert "backend of Keras must be tensorflow" in done.stderr.splitlines()[-1]


@pytest.mark.thorough
@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252"])
def test_a_terminal_without_all_letters_shows_others(encoding, script, tmp_path):
    for name in ("\u5199\u771f", ACCENT):
        fill(tmp_path / "parts" / name, 6, seed=len(name))
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, ROOT / "bin" / "evaluate", "--describe", "--dataset", "parts"]
    done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode(encoding, errors="replace").splitlines()
    assert any(line.split()[1:2] == ["6"] and line.endswith("rare") for line in lines)


@pytest.mark.thorough
def test_sigterm_ends_with_a_checkpoint_as_ctrl_c_does(parts, tmp_path):
    """Slurm and Docker send it before they kill."""
    command = [sys.executable, ROOT / "bin" / "train-gan", "--dataset", parts, "--output", "gan"]
    command += ["--preset", "smoke", "--steps", "20000", "--precision", "float32"]
    process = subprocess.Popen(
        list(map(str, command)), cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("gan/history.csv")) and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.decode().splitlines()[-1].startswith("Error: stopped; the same command")
    assert (tmp_path / "gan" / "checkpoint.keras").exists()
    assert json.loads((tmp_path / "gan" / "run.json").read_text())["status"] == "training"
