"""Files that appear whole or not at all."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerasaug.errors import InputError

LOCK, WORKSHOP = ".lock", ".kerasaug"
DISK_ERRORS = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_ours: dict[Path, os.stat_result] = {}
"""The folders that this process has locked, and their lock files."""


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary path beside `path` and moves it there once the block has ended well.

    The block writes a file or a folder at the path it is given. If it raises, or the process dies,
    whatever stood at `path` before is left as it was; only a folder that replaces a folder is away
    for the instant between two renames. A process that is killed leaves a hidden folder beside
    `path`, which nobody reads, and which the next run that has the folder `locked` removes.

    Args:
        path: Where the file or folder is to stand; its parent folder is created.

    Yields:
        A path in a fresh folder on the same file system, with the same file name.

    Raises:
        OSError: If it cannot be written; or if a folder around it, which this process has `locked`,
            was removed since, and would be made anew with nothing in it but this.
    """
    path = Path(path)
    for folder in _ours.keys() & set(path.absolute().parents):
        if not _is_held(folder):
            raise FileNotFoundError(errno.ENOENT, "removed while this run wrote into it", folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    workshop = Path(
        tempfile.mkdtemp(prefix=f".{path.name[:100]}-", suffix=WORKSHOP, dir=path.parent)
    )
    held = os.open(workshop, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        draft = workshop / path.name
        with _as_os_errors():
            yield draft
        _flush_to_disk(draft)
        if draft.is_dir() and path.exists():
            _swap(draft, path, workshop / "replaced")
        else:
            draft.replace(path)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
        os.close(held)


@contextlib.contextmanager
def _as_os_errors():
    """Raises TensorFlow's errors of writing as Python's own; only their text tells them."""
    try:
        yield
    except Exception as error:
        for number in DISK_ERRORS:
            if not isinstance(error, OSError) and f"; {os.strerror(number)}" in str(error):
                raise OSError(number, os.strerror(number)) from error
        raise


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other runs out of a folder while the block lasts.

    The system lets go of the lock of a process that ends, however it ends. Where the file system
    knows no locks, there is none.

    Args:
        folder: Is created; and removed again if nothing was put into it.

    Raises:
        InputError: If another run is in it.
    """
    folder = folder.absolute()
    path = folder / LOCK
    with contextlib.ExitStack() as stack:
        for place in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            place.mkdir(exist_ok=True)
            stack.callback(_remove_if_empty, place)
        while True:
            file = stack.enter_context(path.open("a+", encoding="utf-8"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                owner = file.read() or "another process"
                raise InputError(f"{folder} is in use by {owner}; wait, or end it") from error
            except OSError:
                pass
            # The run before may have removed the file between the two calls.
            with contextlib.suppress(FileNotFoundError):
                if os.path.sameopenfile(file.fileno(), stack.enter_context(path.open()).fileno()):
                    break
        _ours[folder] = os.fstat(file.fileno())
        stack.callback(_let_go, folder)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        for workshop in list(folder.rglob(f".*{WORKSHOP}")):
            _remove_if_left(workshop)
        yield


def link(source: Path, target: Path) -> None:
    """Gives a file a second name, or where the file system has no such, copies it.

    Args:
        source: A file.
        target: On the same file system; what stands there is never replaced.

    Raises:
        FileExistsError: If something does.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        with source.open("rb") as theirs, target.open("xb") as ours:
            try:
                shutil.copyfileobj(theirs, ours)
                ours.flush()
            except OSError:
                target.unlink()
                raise


def _is_held(folder):
    with contextlib.suppress(OSError):
        return os.path.samestat(os.stat(folder / LOCK), _ours[folder])
    return False


def _let_go(folder):
    if _is_held(folder):
        (folder / LOCK).unlink(missing_ok=True)
    del _ours[folder]


def _remove_if_left(workshop):
    """Removes the draft of a process that is gone; one that still writes it holds a lock on it."""
    with contextlib.suppress(OSError):
        held = os.open(workshop, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(workshop, ignore_errors=True)
        finally:
            os.close(held)


def _remove_if_empty(folder):
    with contextlib.suppress(OSError):
        folder.rmdir()


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing but hidden files.

    Args:
        folder: An existing folder.
    """
    return all(entry.name.startswith(".") for entry in folder.iterdir())


def read_json(path: Path) -> dict[str, Any]:
    """Reads what `write_json` wrote of a dictionary.

    Args:
        path: An existing file.

    Raises:
        InputError: If it is something else, or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: it is not JSON") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged: it holds something else")
    return content


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Writes `content` as indented JSON, whole or not at all.

    Args:
        path: The file to write.
        content: What `json.dumps` accepts; NaN and infinity are refused.
    """
    with atomic(path) as draft:
        draft.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _swap(draft: Path, path: Path, aside: Path) -> None:
    # A folder cannot be renamed onto a full one, so the old one steps aside first.
    path.rename(aside)
    try:
        draft.replace(path)
    except OSError:
        aside.rename(path)
        raise


def _flush_to_disk(path: Path) -> None:
    files = [path] if path.is_file() else path.rglob("*")
    for file in files:
        if file.is_symlink() or not file.is_file():
            continue
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
