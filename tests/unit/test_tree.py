"""What is found in folders as people have them."""

import json

import numpy as np
import pytest
from PIL import Image

from kerasaug import data
from kerasaug.saved.images import MANIFEST, DrawnImages, write


def fill(folder, count, seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng([seed, *folder.as_posix().encode()])
    for number in range(count):
        pixels = random.integers(0, 255, (9, 9)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")


@pytest.fixture
def parts(tmp_path):
    """A folder of two classes: 10 images of `ok`, 5 of `scratched`."""
    fill(tmp_path / "parts" / "ok", 10)
    fill(tmp_path / "parts" / "scratched", 5)
    return tmp_path / "parts"


def items(dataset, text):
    (names,) = [note.items for note in dataset.notes if text in note.text]
    return names


def sizes(dataset):
    """How many images there are of every class, to train and to test."""
    counts = zip(dataset.class_names, dataset.class_counts, dataset.test_counts, strict=True)
    return {name: train + test for name, train, test in counts}


@pytest.mark.parametrize("file", ["run.json", "study.json"])
@pytest.mark.parametrize("place", ["saved_models/parts-vae", "runs", "ok/run", ".hidden/a"])
def test_what_a_run_wrote_is_no_class(parts, file, place):
    fill(parts / place / "samples", 3)
    (parts / place / file).write_text(json.dumps({"schema": 2, "config": {}}))
    dataset = data.load(parts)
    assert sizes(dataset) == {"ok": 10, "scratched": 5}
    assert not any("without images" in note.text for note in dataset.notes)
    if place[0] != ".":
        assert items(dataset, "kerasaug wrote") == (place,)


@pytest.mark.parametrize(
    "content", ["", "[]", '{"schema": 1}', '{"config": 1}', "{" * 9999, "[" * 99999]
)
def test_another_run_json_makes_no_difference(parts, content):
    (parts / "ok" / "run.json").write_text(content)
    assert sizes(data.load(parts)) == {"ok": 10, "scratched": 5}


def draw(folder, count=4):
    images = np.random.default_rng(5).integers(0, 255, (count, 9, 9, 1)).astype(np.uint8)
    write(DrawnImages(images, "ok", 0, 3), folder, None)


def test_generated_images_are_a_class_only_to_who_names_their_folder(parts):
    draw(parts / "generated")
    dataset = data.load(parts)
    assert sizes(dataset) == {"ok": 10, "scratched": 5}
    assert items(dataset, "kerasaug wrote") == ("generated",)
    assert sizes(data.load(parts / "generated", complete=False)) == {"ok": 4}


def test_real_images_beside_generated_ones_are_read(parts):
    draw(parts / "ok")
    dataset = data.load(parts)
    assert sizes(dataset) == {"ok": 10, "scratched": 5}
    assert len(items(dataset, "listed in a manifest.csv of a class folder")) == 4
    (parts / "ok" / MANIFEST).write_bytes(b"file,label,seed,number\n\xff")
    assert sizes(data.load(parts)) == {"ok": 14, "scratched": 5}


def test_folders_of_systems_are_no_classes(parts):
    fill(parts / "__MACOSX" / "ok", 3)
    fill(parts / "ok" / "@eaDir", 3)
    fill(parts / ".ipynb_checkpoints", 3)
    fill(parts / "ok" / ".ipynb_checkpoints", 3)
    assert sizes(data.load(parts)) == {"ok": 10, "scratched": 5}


@pytest.mark.parametrize("command", ["train-gan", "evaluate"])
@pytest.mark.parametrize("output", [None, ".", "ok", "runs/new"])
def test_no_command_takes_an_output_inside_its_data(
    parts, command, output, call, capfd, monkeypatch
):
    monkeypatch.chdir(parts)
    more = () if output is None else ("--output", output)
    assert call(f"{command} --dataset .", *more) == 2
    err = capfd.readouterr().err
    assert err.startswith("Error: --output ")
    assert f"lies in the data, {parts}" in err
    assert {path.name for path in parts.iterdir()} == {"ok", "scratched"}
    # Beside the data is as good a place as any.
    assert call(f"{command} --dataset . --dry-run --output", parts.parent / "parts-run") == 0
