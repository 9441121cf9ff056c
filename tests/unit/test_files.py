import errno
import json
import os
import shutil
import subprocess
import sys

import pytest

from kerasaug.errors import InputError
from kerasaug.files import atomic, link, locked, read_json, write_json


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"good": 1})
    with pytest.raises(RuntimeError), atomic(path) as draft:
        draft.write_text("half")
        raise RuntimeError
    assert json.loads(path.read_text()) == {"good": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


def test_a_folder_replaces_a_folder(tmp_path):
    path = tmp_path / "model"
    for name in ("old", "new"):
        with atomic(path) as draft:
            draft.mkdir()
            (draft / name).write_text(name)
    assert [entry.name for entry in path.iterdir()] == ["new"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").write_text("old")

    def fails(self, target):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), atomic(path) as draft:
        draft.mkdir()
        monkeypatch.setattr(type(draft), "replace", fails)
    assert (path / "old").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_a_folder_may_have_any_name(tmp_path):
    for name in ("replaced", "replaced-replaced"):
        for content in ("old", "new"):
            with atomic(tmp_path / name) as draft:
                draft.mkdir()
                (draft / content).touch()
        assert os.listdir(tmp_path / name) == ["new"]


def test_nan_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "result.json", float("nan"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "[1]"])
def test_damaged_json_is_refused(content, tmp_path):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match="run.json is damaged: it is not "):
        read_json(tmp_path / "run.json")


LOCK_UNTIL_INPUT_ENDS = """
import pathlib, sys
from kerasaug.files import locked
with locked(pathlib.Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def lock_in_another_process(folder):
    command = [sys.executable, "-c", LOCK_UNTIL_INPUT_ENDS, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    return process


def test_a_folder_in_use_is_refused_until_its_owner_is_gone(tmp_path):
    owner = lock_in_another_process(tmp_path)
    with pytest.raises(InputError, match=rf"in use by process {owner.pid} on "):
        locked(tmp_path).__enter__()
    owner.kill()
    owner.communicate()
    # The file that a killed run leaves behind locks nobody out.
    assert os.listdir(tmp_path) == [".lock"]
    with pytest.raises(RuntimeError), locked(tmp_path / "deep" / "new"):
        raise RuntimeError
    assert os.listdir(tmp_path) == [".lock"]
    with locked(tmp_path):
        assert f"process {os.getpid()} " in (tmp_path / ".lock").read_text()
    assert os.listdir(tmp_path) == []


def test_drafts_of_dead_processes_are_removed(tmp_path):
    die_in_a_write = (
        "import os, sys; from kerasaug.files import atomic\nwith atomic(sys.argv[1]): os._exit(9)"
    )
    for path in (tmp_path / "a.txt", tmp_path / "deep" / "b"):
        subprocess.run([sys.executable, "-c", die_in_a_write, str(path)])
    (tmp_path / ".hidden").mkdir()
    assert len(list(tmp_path.rglob(".*.kerasaug"))) == 2
    with atomic(tmp_path / "deep" / "c.txt") as draft:
        draft.write_text("whole")
        with locked(tmp_path):
            # That of a process that lives stays.
            assert len(list(tmp_path.rglob(".*.kerasaug"))) == 1
    assert sorted(os.listdir(tmp_path)) == [".hidden", "deep"]
    assert os.listdir(tmp_path / "deep") == ["c.txt"]


def test_a_folder_that_another_run_has_locked_since_is_left_to_it(tmp_path):
    folder = tmp_path / "model"
    with locked(folder):
        folder.rename(tmp_path / "away")
        other = lock_in_another_process(folder)
        with pytest.raises(FileNotFoundError, match="removed while"), atomic(folder / "a.txt"):
            pass
    assert os.listdir(folder) == [".lock"]
    with pytest.raises(InputError, match=rf"process {other.pid} "):
        locked(folder).__enter__()
    other.communicate()


def test_where_there_are_no_links_a_copy_is_whole_or_not_there(tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_bytes(bytes(5000))
    link(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == bytes(5000)
    with pytest.raises(FileExistsError):
        link(tmp_path / "a", tmp_path / "b")
    monkeypatch.setattr(shutil, "copyfileobj", refuse)
    with pytest.raises(PermissionError):
        link(tmp_path / "a", tmp_path / "c")
    assert not (tmp_path / "c").exists()
