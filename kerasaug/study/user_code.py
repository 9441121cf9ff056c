"""Python files of the user's: found, executed, and their errors shown as theirs."""

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kerasaug.errors import InputError, UserCodeError


def existing(path: Path) -> Path:
    """The whole path of a file; raises `InputError` if there is none."""
    path = path.expanduser()
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    return path.resolve()


def module_file(name: str) -> Path:
    """The file of a module, which may be in the working directory.

    Raises:
        InputError: If there is no such module, or it is no file of Python.
    """
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = importlib.util.find_spec(name)
    except Exception as error:  # The packages that it is in are imported.
        raise InputError(f"there is no module {name}: {error}") from error
    finally:
        sys.path.remove(str(Path.cwd()))
    if found is None or found.origin is None or not found.origin.endswith(".py"):
        raise InputError(f"there is no module {name}, here or among those that are installed")
    return Path(found.origin).resolve()


@contextmanager
def function(path: Path, name: str) -> Iterator[Callable[..., Any]]:
    """Executes a file anew, so that no two callers share what it makes.

    What stands beside the file can be imported in the block.

    Args:
        path: The file.
        name: Of a function in it.

    Raises:
        InputError: If the file has no such function.
        UserCodeError: If the file raises an error.
    """
    with _importable(path) as (root, module_name):
        with errors("the file"):
            module = _execute(path, root, module_name)
        found = getattr(module, name, None)
        if not callable(found):
            raise InputError(f"there is no function {name} in {path}")
        yield found


@contextmanager
def errors(what: str) -> Iterator[None]:
    """Shows an error of the user's code as theirs, with its traceback and without ours.

    Args:
        what: What raises it.

    Raises:
        UserCodeError: If the block raises anything.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        last = " ".join(str(error).split()) or "no message"
        frame = error.__traceback__
        while frame is not None and _is_ours(frame.tb_frame.f_code.co_filename):
            frame = frame.tb_next
        trace = "".join(traceback.format_exception(error.with_traceback(frame)))
        raise UserCodeError(f"{what} raised {type(error).__name__}: {last}", trace) from error


def _is_ours(file: str) -> bool:
    return Path(file).parent == Path(__file__).parent


@contextmanager
def _importable(path: Path) -> Iterator[tuple[Path, str]]:
    """Lets what stands beside a file be imported; gives the root of its package, and its name."""
    root, names = path.parent, [path.stem]
    while (root / "__init__.py").exists():
        root, names = root.parent, [root.name, *names]
    sys.path.insert(0, str(root))
    try:
        yield root, ".".join(names)
    finally:
        sys.path.remove(str(root))


def _execute(path: Path, root: Path, name: str) -> Any:
    if path.parent == root:
        # Under a name of its own, so that a file test.py is not taken for Python's.
        name = f"_classifier_{path.stem}"
        specification = importlib.util.spec_from_file_location(name, path)
        module = sys.modules[name] = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module
    was_there = name in sys.modules
    module = importlib.import_module(name)
    if Path(module.__file__ or "").resolve() != path:
        raise ImportError(f"{name} is another module here, of {module.__file__}")
    return importlib.reload(module) if was_there else module
