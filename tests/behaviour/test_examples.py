"""The programs of `examples/`, run as their first lines say, with a shorter preset."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = {
    "student.py": (["smoke"], "student-smoke", "gan:4500"),
    "engineer.py": (
        [str(ROOT / "tests" / "digits"), "smoke"],
        "engineer-digits-smoke",
        "classifier.keras was trained",
    ),
    "researcher.py": (["smoke"], "researcher-smoke", "my-gan"),
}


def test_every_example_has_a_test():
    programs = {path.name for path in (ROOT / "examples").glob("*.py")}
    # What engineer.py trains is none.
    assert programs - {"my_classifier.py"} == set(EXAMPLES)


def test_a_model_of_ones_own_takes_less_than_40_lines():
    lines = (ROOT / "examples" / "researcher.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) < 40


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name, tmp_path):
    arguments, study, words = EXAMPLES[name]
    command = [sys.executable, str(ROOT / "examples" / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout
    assert (tmp_path / "runs" / study / "report.html").exists()
