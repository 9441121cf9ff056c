"""What may import what: data flows down the list of rooms, imports point up it."""

import ast
import re
from pathlib import Path

import pytest

from kerasaug.cli import evaluate, generate, train_gan

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "kerasaug"
ROOMS = {
    "errors": "",
    "limits": "",
    "wording": "",
    "runtime": "errors",
    "files": "errors",
    "images": "",
    "progress": "wording",
    "plots": "files wording",
    "data": "errors limits wording files images progress",
    "models": "errors limits files images",
    "saved": "errors files images wording runtime data models",
    "quality": "images runtime progress data models",
    "training": "errors files images plots progress runtime data models saved quality",
    "study": (
        "errors files images plots progress runtime wording data models saved quality training"
    ),
    "oversampler": "runtime data models training",
    "cli": "errors limits progress runtime wording data models saved quality training study",
}
"""Every room and module of the root, and what it may import."""
MODULES = sorted(PACKAGE.rglob("*.py"))
OLD_WORDS = re.compile(
    r"in the eyes of|\bjudge|\bteacher|stand-ins?\b|likeness|ingredient|carried over"
    r"|pieces? of work|against nothing|what costs nothing|no evidence that|recognised|yardstick"
    r"|what lies where|differences of codes|accepted is|there are but",
    re.IGNORECASE,
)
"""Of release 0.1, for what has another name now."""


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(path) for path in MODULES}


def imports(path):
    """The modules of this package that a module imports, also inside functions; not for types."""
    tree = ast.parse(path.read_text())
    types = [
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for child in ast.walk(node)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node not in types and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in NAMES else node.module
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


GRAPH = {
    name_of(path): {module for module in imports(path) if module in NAMES} - {"kerasaug"}
    for path in MODULES
}


def room(module):
    return module.split(".")[1]


@pytest.mark.parametrize("module", sorted(NAMES - {"kerasaug"}))
def test_imports_point_up_the_list(module):
    allowed = {room(module), *ROOMS[room(module)].split()}
    assert {room(other) for other in GRAPH[module]} <= allowed


def test_the_list_has_no_way_down_and_every_room():
    order = list(ROOMS)
    for name, allowed in ROOMS.items():
        assert all(order.index(other) < order.index(name) for other in allowed.split())
    assert {room(module) for module in NAMES - {"kerasaug"}} == set(ROOMS)
    assert len(list(PACKAGE.glob("*.py"))) <= 11, "ten modules at the root, and __init__"


def test_no_modules_import_each_other_in_a_circle():
    done, path = set(), []

    def visit(module):
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            path.append(module)
            for other in sorted(GRAPH[module]):
                visit(other)
            path.pop()
            done.add(module)

    for module in sorted(NAMES):
        visit(module)


def test_data_and_models_know_nothing_of_each_other():
    assert "models" not in ROOMS["data"].split()
    assert "data" not in ROOMS["models"].split()


def test_only_commands_and_the_progress_bar_print_or_exit():
    for path in MODULES:
        called = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        # A worker hands its result over on its standard output.
        assert "print" not in called or path.stem == "worker", path
        assert "sys.exit" not in path.read_text() or path.parent.stem == "cli", path


def test_the_library_names_arguments_and_never_flags():
    commands = (evaluate.evaluate, generate.generate, train_gan.train_gan)
    flags = {flag for command in commands for param in command.params for flag in param.opts}
    for path in MODULES:
        if path.parent.stem != "cli":
            assert not flags & set(re.findall(r"--[a-z][a-z-]+", path.read_text())), path


def test_the_tour_names_every_module_and_what_it_names_exists():
    text = (ROOT / "docs" / "architecture.md").read_text()
    tree = text.split("```text")[1].split("```")[0]
    named = {name for name in re.findall(r"\b(\w+)\.py\b", tree)}
    assert named == {path.stem for path in PACKAGE.rglob("*.py")} - {"__init__"}
    for title in ("## The path of a batch", "## The path of a generator's configuration"):
        tour = text.split(title)[1].split("\n## ")[0]
        functions = set(re.findall(r"`(\w+)\.(\w+)`", tour))
        assert len(functions) > 15, title
        known = set()
        for path in PACKAGE.rglob("*.py"):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef | ast.FunctionDef):
                    known.add((path.stem, node.name))
                    known |= {(node.name, item.name) for item in node.body if hasattr(item, "name")}
        assert functions - known == set()


def test_no_page_and_no_module_has_a_word_of_the_old_dialect():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *PACKAGE.rglob("*.j2")]
    for path in [*pages, *MODULES, *(ROOT / "bin").iterdir()]:
        # It reads the files of release 0.1, whose fields have the old names.
        if path != PACKAGE / "saved" / "folder.py":
            assert not OLD_WORDS.findall(path.read_text()), path
