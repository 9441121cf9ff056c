"""Folders of class folders, filled up with generated images."""

import csv
import os

import keras
import numpy as np
import pytest
from PIL import Image

from kerasaug import data, models
from kerasaug.data.readers import image_files
from kerasaug.data.streams import collect
from kerasaug.errors import InputError
from kerasaug.saved.balance import Plan
from kerasaug.saved.generator import SavedGenerator

HEIGHT, WIDTH = 8, 9


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "generator"
    models.WGAN((HEIGHT, WIDTH, 1), 2, width=4, latent_dim=3, seed=0).export(path)
    return path


@pytest.fixture
def generator(saved):
    generator = SavedGenerator(saved)
    generator.class_names = ("bad", "ok")
    return generator


@pytest.fixture
def parts(tmp_path):
    """`bad` with 3 images and `ok` with 7, and a file that is no image."""
    random = np.random.default_rng(0)
    for name, count in (("bad", 3), ("ok", 7)):
        (tmp_path / "parts" / name / "deeper").mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 255, (HEIGHT, WIDTH)).astype(np.uint8)
            folder = tmp_path / "parts" / name / ("deeper" if number == 0 else "")
            Image.fromarray(pixels).save(folder / f"{number}.png")
    (tmp_path / "parts" / "ok" / "text.png").write_text("hello")
    return tmp_path / "parts"


def rows(folder):
    with (folder / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def listing(folder):
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("originals", ["symlink", "copy"])
def test_a_folder_is_filled_up_and_left_as_it_is(generator, parts, tmp_path, originals):
    before = listing(parts)
    plan = Plan(generator, parts)
    assert plan.missing == {"bad": 4}
    new = tmp_path / "new"
    plan.write(new, seed=5, originals=originals)
    assert listing(parts) == before
    assert len(list((new / "bad").rglob("*.png"))) == len(list((new / "ok").rglob("*.png"))) == 7
    assert (new / "ok" / "1.png").is_symlink() == (originals == "symlink")
    copied, original = (folder / "bad" / "deeper" / "0.png" for folder in (new, parts))
    assert copied.read_bytes() == original.read_bytes()
    for row, image in zip(rows(new), generator.generate(4, 0, seed=5), strict=True):
        assert (row["label"], row["seed"]) == ("bad", "5")
        np.testing.assert_array_equal(np.asarray(Image.open(new / row["file"])), image[..., 0])


def test_originals_can_be_brought_to_the_size_of_generated_images(generator, parts, tmp_path):
    large = np.full((4 * HEIGHT, 2 * WIDTH), 90, np.uint8)
    for name in ("large.jpg", "large.bmp"):
        Image.fromarray(large + len(name) * (name == "large.bmp")).save(parts / "ok" / name)
    plan = Plan(generator, parts)
    assert any("unless `originals` is resized" in note.text for note in plan.notes)
    plan.write(tmp_path / "new", originals="resized")
    files = list((tmp_path / "new").rglob("*.png"))
    assert len(files) == 2 * 9
    assert {"large.png", "large-2.png"} <= {file.name for file in files}
    for file in files:
        with Image.open(file) as image:
            assert image.size == (WIDTH, HEIGHT)
    written, original = (folder / "ok" / "1.png" for folder in (tmp_path / "new", parts))
    np.testing.assert_array_equal(image_files.read(written)[0], image_files.read(original)[0])


@pytest.mark.parametrize("around", [None, "images"])
def test_a_filled_folder_loads_here_and_with_keras(around, generator, parts, tmp_path):
    if around:
        (tmp_path / "all").mkdir()
        parts.rename(tmp_path / "all" / around)
        parts = tmp_path / "all"
    Plan(generator, parts).write(tmp_path / "new")
    dataset = data.load(tmp_path / "new")
    assert dataset.class_counts == [6, 6]
    assert len(collect(dataset.train)[0]) == 12
    batches = keras.utils.image_dataset_from_directory(
        tmp_path / "new", image_size=(HEIGHT, WIDTH), color_mode="grayscale", verbose=False
    )
    assert batches.class_names == ["bad", "ok"]
    assert sum(len(labels) for _, labels in batches) == 14


def test_a_filled_folder_can_be_filled_up_further(generator, parts, tmp_path):
    Plan(generator, parts).write(tmp_path / "new")
    plan = Plan(generator, tmp_path / "new", to=9)
    assert plan.missing == {"bad": 2, "ok": 2}
    plan.write(tmp_path / "newer")
    dataset = data.load(tmp_path / "newer", test_split=0.1)
    assert np.add(dataset.class_counts, dataset.test_counts).tolist() == [9, 9]
    assert [row["number"] for row in rows(tmp_path / "newer")] == list("012345") + ["0", "1"]
    assert any("some of these were generated" in note.text for note in dataset.notes)


def test_a_class_is_identified_by_its_name_and_not_by_its_number(generator, parts):
    generator.class_names = ("ok", "bad")
    (parts / "bad").rename(parts / "0")
    with pytest.raises(InputError, match="knows no class '0'"):
        Plan(generator, parts)
    generator.class_names = None
    with pytest.raises(InputError, match="without names"):
        Plan(generator, parts)


def test_images_that_differ_by_more_than_what_they_show_are_reported(generator, parts):
    Image.new("L", (20, 20)).save(parts / "ok" / "large.png")
    assert "1 of 11 that are there have another size" in Plan(generator, parts).notes[-1].text
    Image.new("RGB", (20, 20), (9, 0, 0)).save(parts / "ok" / "large.png")
    with pytest.raises(InputError, match="its images are colour, those of the generator grey"):
        Plan(generator, parts)


def test_of_two_splits_only_the_training_split_grows(generator, parts, tmp_path):
    (tmp_path / "splits").mkdir()
    parts.rename(tmp_path / "splits" / "train")
    for name in ("bad", "ok"):
        (tmp_path / "splits" / "test" / name).mkdir(parents=True)
        image = Image.new("L", (WIDTH, HEIGHT), len(name))
        image.save(tmp_path / "splits" / "test" / name / "0.png")
    Plan(generator, tmp_path / "splits").write(tmp_path / "new")
    dataset = data.load(tmp_path / "new")
    assert (dataset.class_counts, dataset.test_counts) == ([7, 7], [1, 1])


def test_what_cannot_be_filled_up_is_refused_and_nothing_written(generator, parts, tmp_path):
    (tmp_path / "full").mkdir()
    for output, words in (
        (tmp_path / "full", "nothing is overwritten"),
        (parts / "new", "is not changed"),
    ):
        with pytest.raises(InputError, match=words):
            Plan(generator, parts).write(output)
    generator.class_names = ("bad", "ok/fine")
    with pytest.raises(InputError, match="knows no class 'ok'"):
        Plan(generator, parts, to=8)
    generator.class_names, generator.makes = ("bad", "ok"), "ok"
    with pytest.raises(InputError, match="makes only ok"):
        Plan(generator, parts)
    assert not (tmp_path / "new").exists()
    assert sorted(os.listdir(parts)) == ["bad", "ok"]
