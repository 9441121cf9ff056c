"""Files and folders that appear complete or not at all."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import pickle
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kerasaug.errors import InputError

LOCK, DRAFT_SUFFIX = ".lock", ".kerasaug"
LARGEST_CACHE = 200 * 2**20
DISK_ERRORS = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_locks: dict[Path, os.stat_result] = {}
"""The folders that this process has locked, with the status of their lock files."""


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path, which is moved to `path` once the block has ended well.

    If the block raises, or the process dies, `path` is left as it was; only a folder that replaces
    a folder is away for the instant between two renames. A process that is killed leaves a hidden
    folder beside `path`, which nobody reads, and which the next run that has the folder `locked`
    removes.

    Args:
        path: The file or folder to write; its parent folder is created.

    Yields:
        Where the block writes it: the same file name in a fresh folder on the same file system.

    Raises:
        OSError: If it cannot be written, or if a folder around it that this process has `locked`
            was removed since: it would be made anew with nothing but this in it.
    """
    path = Path(path)
    for folder in _locks.keys() & set(path.absolute().parents):
        if not _is_locked(folder):
            raise FileNotFoundError(errno.ENOENT, "removed while this run wrote into it", folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name[:100]}-"
    draft_folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=DRAFT_SUFFIX, dir=path.parent))
    descriptor = os.open(draft_folder, os.O_RDONLY)
    try:
        # Shows `locked` that this process lives.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        draft = draft_folder / path.name
        with _as_os_errors():
            yield draft
        _flush_to_disk(draft)
        if draft.is_dir() and path.exists():
            _swap(draft, path, draft_folder / f"{path.name}-replaced")
        else:
            draft.replace(path)
    finally:
        shutil.rmtree(draft_folder, ignore_errors=True)
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other runs out of a folder while the block lasts.

    The system releases the lock of a process that ends, however it ends. On a file system without
    locks there is none. Drafts that killed processes left in the folder are removed.

    Args:
        folder: Is created, and removed again if nothing was put into it.

    Raises:
        InputError: If another run has locked it.
    """
    folder = folder.absolute()
    with contextlib.ExitStack() as stack:
        for parent in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
            parent.mkdir(exist_ok=True)
            stack.callback(_remove_if_empty, parent)
        while True:
            file = stack.enter_context((folder / LOCK).open("a+", encoding="utf-8"))
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
                if os.path.samestat(os.fstat(file.fileno()), os.stat(folder / LOCK)):
                    break
        _locks[folder] = os.fstat(file.fileno())
        stack.callback(_unlock, folder)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        for draft_folder in list(folder.rglob(f".*{DRAFT_SUFFIX}")):
            _remove_if_abandoned(draft_folder)
        yield


def link(source: Path, target: Path) -> None:
    """Gives a file a second name, or copies it where the file system has no links.

    Args:
        source: A file.
        target: On the same file system; an existing file is never replaced.

    Raises:
        FileExistsError: If `target` exists.
    """
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        with source.open("rb") as reader, target.open("xb") as writer:
            try:
                shutil.copyfileobj(reader, writer)
                writer.flush()
            except OSError:
                target.unlink()
                raise


def is_empty(folder: Path) -> bool:
    """Whether an existing folder holds nothing but hidden files."""
    return all(entry.name.startswith(".") for entry in folder.iterdir())


def read_json(path: Path) -> dict[str, Any]:
    """Reads a dictionary that `write_json` wrote.

    Raises:
        InputError: If the file is something else, or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: it is not JSON") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged: it is not a JSON object")
    return content


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Writes indented JSON, complete or not at all.

    Args:
        path: The file to write.
        content: What `json.dumps` takes, without NaN and infinity.
    """
    with atomic(path) as draft:
        draft.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


@contextlib.contextmanager
def _as_os_errors():
    """Raises TensorFlow's errors of writing as Python's, which only their text tells apart."""
    try:
        yield
    except Exception as error:
        for number in DISK_ERRORS:
            if not isinstance(error, OSError) and f"; {os.strerror(number)}" in str(error):
                raise OSError(number, os.strerror(number)) from error
        raise


def _swap(draft, path, aside):
    # A folder cannot be renamed onto a full one, so the old one steps aside first.
    path.rename(aside)
    try:
        draft.replace(path)
    except OSError:
        aside.rename(path)
        raise


def _flush_to_disk(path):
    for file in [path] if path.is_file() else path.rglob("*"):
        if file.is_file() and not file.is_symlink():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())


def _is_locked(folder):
    with contextlib.suppress(OSError):
        return os.path.samestat(os.stat(folder / LOCK), _locks[folder])
    return False


def _unlock(folder):
    if _is_locked(folder):
        (folder / LOCK).unlink(missing_ok=True)
    del _locks[folder]


def _remove_if_abandoned(draft_folder):
    """A process that still writes into the folder has a lock on it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(draft_folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(draft_folder, ignore_errors=True)
        finally:
            os.close(descriptor)


def _remove_if_empty(folder):
    with contextlib.suppress(OSError):
        folder.rmdir()


def as_json(value: Any) -> Any:
    """What JSON makes of a value: of tuples lists, of paths texts."""
    return json.loads(json.dumps(value, default=os.fspath))


def remembered(facts: Any, make: Callable[[], Any]) -> Any:
    """What `make` returned for the same facts in an earlier run, or returns now.

    It is kept in the user's folder for caches, with what was kept last, at most 200 MB in all, and
    not at all where that folder cannot be written.

    Args:
        facts: All that the result depends on, among it the code; values whose `repr` tells them
            apart.
        make: Its result can be pickled.
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    key = hashlib.sha256(repr(facts).encode(errors="surrogateescape")).hexdigest()
    file = Path(home, "kerasaug", f"{key}.pickle")
    if not file.is_absolute():  # There is no home.
        return make()
    # Damage makes many kinds of errors, and none of them is worse than an empty cache.
    with contextlib.suppress(Exception):
        return pickle.loads(file.read_bytes())
    result = make()
    content = pickle.dumps(result)
    if len(content) <= LARGEST_CACHE:
        with contextlib.suppress(OSError):
            with atomic(file) as draft:
                draft.write_bytes(content)
            _remove_oldest(file.parent)
    return result


def _remove_oldest(folder: Path) -> None:
    for draft in folder.glob(f".*{DRAFT_SUFFIX}"):
        _remove_if_abandoned(draft)
    newest_first = sorted(folder.glob("*.pickle"), key=lambda file: -file.stat().st_mtime_ns)
    total = 0
    for file in newest_first:
        total += file.stat().st_size
        if total > LARGEST_CACHE:
            file.unlink(missing_ok=True)
