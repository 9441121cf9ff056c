"""What is kept of the files of a folder from one run to the next."""

import errno
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerasaug import files
from kerasaug.data.readers import checked, image_files
from kerasaug.data.readers.checked import File, Unusable


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def parts(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    for number in range(3):
        paint(folder / f"{number}.png", 40 * number)
    return folder


def paint(path, grey):
    Image.fromarray(np.full((9, 9), grey, np.uint8)).save(path)


def read(folder):
    pairs = [(str(path), "ok") for path in sorted(folder.iterdir())]
    results, _, _ = checked.read_all(folder, {"train": pairs})
    return results["train"]


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that are decoded from now on."""
    names, decode = [], image_files.read

    def watched(path, filled):
        names.append(Path(path).name)
        return decode(path, filled)

    monkeypatch.setattr(image_files, "read", watched)
    return names


def test_unchanged_files_are_decoded_once(parts, decoded):
    first = read(parts)
    assert sorted(decoded) == ["0.png", "1.png", "2.png"]
    assert read(parts) == first
    assert len(decoded) == 3
    assert [set(file.thumbnail) for file in first] == [{0}, {40}, {80}]


def test_a_changed_file_is_read_anew(parts):
    before = read(parts)
    status = (parts / "1.png").stat()
    paint(parts / "1.png", 41)
    assert (parts / "1.png").stat().st_size == status.st_size
    os.utime(parts / "1.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    after = read(parts)
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]


def test_what_cannot_be_read_is_tried_again(parts, monkeypatch):
    def fail(path, filled):
        raise image_files.UnreadableImage("the disk is away")

    with monkeypatch.context() as patch:
        patch.setattr(image_files, "read", fail)
        assert {type(result) for result in read(parts)} == {Unusable}
    assert {type(result) for result in read(parts)} == {File}


def test_files_that_were_read_are_kept_beside_one_that_was_not(parts, decoded):
    (parts / "cut.png").write_bytes((parts / "2.png").read_bytes()[:40])
    first = read(parts)
    decoded.clear()
    assert read(parts) == first
    assert decoded == ["cut.png"]


def test_a_damaged_cache_is_made_anew(parts, cache, decoded):
    first = read(parts)
    (file,) = cache.rglob("*.pickle")
    for damaged in (file.read_bytes()[:20], b"", pickle.dumps(len)[:-3]):
        decoded.clear()
        file.write_bytes(damaged)
        assert read(parts) == first
        assert len(decoded) == 3


def test_other_code_reads_anew(parts, decoded, monkeypatch):
    first = read(parts)
    monkeypatch.setattr(checked, "READING", checked.READING[1:])
    assert read(parts) == first
    assert len(decoded) == 6


@pytest.mark.parametrize("place", ["", "kerasaug"])
def test_without_a_place_for_a_cache_files_are_read(place, parts, cache, decoded):
    (cache / place).parent.mkdir(exist_ok=True)
    (cache / place).write_text("no folder")
    assert read(parts) == read(parts)
    assert len(decoded) == 6


def test_a_full_disk_keeps_nothing(parts, cache, decoded, monkeypatch):
    def fail(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "atomic", fail)
    assert read(parts) == read(parts)
    assert len(decoded) == 6


def test_the_oldest_is_removed_first(cache, monkeypatch):
    monkeypatch.setattr(files, "LARGEST_CACHE", 250)
    for number in range(3):
        files.remembered(number, lambda: b"x" * 100)
        newest = max(cache.rglob("*.pickle"), key=lambda file: file.stat().st_mtime_ns)
        os.utime(newest, ns=(number, number))
    calls = []
    for number in (2, 1, 0):
        files.remembered(number, lambda number=number: calls.append(number))
    assert calls == [0]
    files.remembered("large", lambda: b"x" * 300)
    files.remembered("large", lambda: calls.append("large"))
    assert calls == [0, "large"]


def test_where_there_is_no_home_nothing_is_kept(parts, decoded, monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert read(parts) == read(parts)
    assert len(decoded) == 6
    assert sorted(tmp_path.iterdir()) == before


def test_what_a_killed_run_left_is_removed(cache):
    draft = cache / "kerasaug" / f".abandoned{files.DRAFT_SUFFIX}"
    draft.mkdir(parents=True)
    files.remembered("facts", lambda: "result")
    assert not draft.exists()
