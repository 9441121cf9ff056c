"""Imports point down the floors, never up."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "kerasaug"
FLOORS = [
    ["errors"],
    ["files", "graphs", "images", "limits", "precision", "quiet", "reproducibility", "wording"],
    ["plots"],
    ["data", "models", "exported"],
    ["presets", "callbacks", "health", "latent_map", "model_folder", "drawn_images", "provenance"],
    ["checkpoints", "distribution"],
    ["fitting", "saved_generator"],
    ["training"],
    ["study", "oversampler", "balancing"],
    ["cli"],
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
MODULES = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in FLOOR]


def home(parts):
    return parts[1] if len(parts) > 1 else parts[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    own = home(path.relative_to(ROOT).with_suffix("").parts)
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("kerasaug"):
            names = [alias.name for alias in node.names] if node.module == "kerasaug" else [""]
            imported |= {home([*node.module.split("."), *filter(None, [name])]) for name in names}
        if isinstance(node, ast.Import):
            imported |= {home(a.name.split(".")) for a in node.names if "kerasaug" in a.name}
    for other in imported - {own, "kerasaug"}:
        assert FLOOR[other] < FLOOR[own], f"{path.name} imports {other}"


def test_every_module_has_a_floor():
    known = {
        path.stem
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert known - {"__init__"} == set(FLOOR)


def test_the_tour_names_every_module_and_what_it_names_exists():
    text = (ROOT / "docs" / "architecture.md").read_text()
    tree = text.split("```text")[1].split("```")[0]
    told = {name for name in re.findall(r"\b(\w+)\.py\b", tree)}
    assert told == {path.stem for path in PACKAGE.rglob("*.py")} - {"__init__"}
    tour = text.split("## The path of a batch")[1].split("## ")[0]
    named = set(re.findall(r"`(\w+)\.(\w+)`", tour))
    assert len(named) > 40
    known = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                known.add((path.stem, node.name))
                known |= {(node.name, each.name) for each in node.body if hasattr(each, "name")}
    assert named - known == set()
