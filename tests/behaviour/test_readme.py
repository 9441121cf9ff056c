"""What the README shows is what works."""

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from kerasaug.cli import evaluate, generate, train_gan
from kerasaug.models.registry import MODELS
from kerasaug.study.arms import ALIASES, FORMS, MIXTURES, MODIFIERS
from kerasaug.study.config import STUDY_PRESETS
from kerasaug.training.config import GENERATOR_PRESETS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.mark.thorough
def test_the_python_example_runs(monkeypatch, tmp_path, eagerly):
    example = README.split("<!-- python example -->\n```python\n")[1].split("```")[0]
    shorter = {
        "steps_per_epoch=500": "steps_per_epoch=2",
        "batches(64 *": "batches(4 *",
        "generate(4500": "generate(45",
    }
    for long, short in shorter.items():
        assert long in example
        example = example.replace(long, short)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["fives"].shape == (45, 28, 28, 1)
    assert (tmp_path / "fives/saved_model.pb").exists()


@pytest.mark.thorough
def test_the_story_of_a_folder_runs(monkeypatch, tmp_path, eagerly):
    story = README.split("<!-- folder story -->\n```bash\n")[1].split("```")[0]
    shutil.copytree(ROOT / "tests" / "digits", tmp_path / "parts")
    monkeypatch.chdir(tmp_path)
    preset = GENERATOR_PRESETS["smoke"]._replace(evaluator_steps=2)
    monkeypatch.setitem(GENERATOR_PRESETS, "smoke", preset)
    mains = {"evaluate": evaluate.main, "train-gan": train_gan.main, "generate": generate.main}
    smoke = ["--preset", "smoke", "--steps", "2"]
    # In this process, where trainings run eagerly.
    few = ["--arms", "none,balanced+affine", "--folds", "2", "--jobs", "1"]
    shorter = {"evaluate": [*smoke, *few], "train-gan": smoke, "generate": []}
    for line in story.splitlines():
        command, *arguments = shlex.split(line.partition("#")[0].removeprefix(".venv/bin/python "))
        name = command.removeprefix("bin/")
        monkeypatch.setattr(sys, "argv", [name, *arguments, *shorter[name]])
        mains[name]()
    assert (tmp_path / "parts-study" / "report.html").exists()
    counts = [len(list((tmp_path / "parts-balanced" / c).iterdir())) for c in ("three", "five")]
    assert counts == [60, 60]


def test_the_table_has_every_arm():
    page = (ROOT / "docs" / "arms.md").read_text()
    cells = " ".join(re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE))
    assert set(re.findall(r"`([a-z-]+)", cells)) == {*MIXTURES, *MODELS}
    assert set(re.findall(r"`\+([a-z-]+)", cells)) == set(MODIFIERS)
    assert set(re.findall(r"`MODEL:([a-z-]+)`", cells)) == set(FORMS)
    assert all(f"`:{old}`" in page or f"`+{old}`" in page for old in ALIASES)


def test_the_readme_is_short_and_names_every_model():
    assert len(README.splitlines()) <= 150
    assert all(f"`{name}`" in README for name in MODELS)


def test_every_linked_file_and_section_exists():
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md"), ROOT / "saved_models/README.md"]:
        for target, anchor in re.findall(r"\]\((?!http)([^)#]+)#?([^)]*)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
            if anchor:
                titles = re.findall(r"^#+ (.*)", (page.parent / target).read_text(), re.MULTILINE)
                slugs = [re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in titles]
                assert anchor in slugs, f"{page.name}: {target}#{anchor}"


def test_the_table_has_the_arms_of_the_quick_study():
    rows = README.split("──\n")[1].split("\n\n")[0].splitlines()
    assert [row.split()[0] for row in rows] == STUDY_PRESETS["quick"].comparisons[
        "holdout"
    ].arms.split(",")


def test_the_tables_of_the_studies_are_those_of_their_results():
    page = (ROOT / "docs" / "study.md").read_text()
    rebuilt = runpy.run_path(str(ROOT / "docs" / "results" / "rebuild.py"))["rebuilt"]
    assert page.count("<!-- table: ") > 0
    assert rebuilt(page) == page
    emptied = re.sub(r"\n\|.*", "", page)
    filled = rebuilt(emptied)
    assert re.sub(r"\n\|.*", "", filled) == emptied
    assert filled.count("\n| `balanced+affine` |") == page.count("\n| `balanced+affine` |") > 0


def test_the_images_that_a_control_needs_are_read_off_its_curve():
    needed = runpy.run_path(str(ROOT / "docs" / "results" / "rebuild.py"))["images_needed"]
    curve = {count: {"mean": mean} for count, mean in ((10, 0.8), (20, 0.9), (80, 0.96))}
    assert needed(curve, 0.7) == 0
    assert needed(curve, 0.9) == pytest.approx(20)
    # Half of the way from 20 to 80, counted in doublings.
    assert needed(curve, 0.93) == pytest.approx(40)
    assert needed(curve, 0.97) == float("inf")


def test_no_figure_is_left_out():
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        assert "@@" not in page.read_text(), page.name
