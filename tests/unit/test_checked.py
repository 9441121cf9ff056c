"""What is kept of the files of a folder from one run to the next."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


def test_a_damaged_cache_is_made_anew(parts, cache, decoded):
    first = read(parts)
    files = list(cache.rglob("output.pkl"))
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:20])
    assert read(parts) == first
    assert len(decoded) == 6


def test_without_a_place_for_a_cache_files_are_read(parts, cache, decoded):
    cache.write_text("no folder")
    assert read(parts) == read(parts)
    assert len(decoded) == 6
