import csv
import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasaug import balancing, data, drawn_images, models
from kerasaug.data.streams import collect
from kerasaug.drawn_images import Drawn
from kerasaug.errors import InputError
from kerasaug.saved_generator import SavedGenerator

SHAPE = (8, 9, 1)


@pytest.fixture(scope="module")
def model():
    return models.WGAN(SHAPE, 2, width=4, latent_dim=3, seed=0)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "generator"
    model.export(path)
    return path


@pytest.fixture
def generator(saved):
    found = SavedGenerator(saved)
    found.class_names = ("bad", "ok/fine")
    return found


def drawn(generator, count=3, class_id=1, seed=0):
    images = generator.generate(count, class_id, seed)
    return Drawn(images, generator.class_name(class_id), class_id, seed)


def rows(folder):
    with (folder / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_bare_saved_model_draws_what_the_model_draws(model, saved):
    found = SavedGenerator(saved)
    assert found.unmeasured == set()
    assert found.image_shape == SHAPE
    np.testing.assert_array_equal(found.generate(5, 1, seed=7), model.generate(5, 1, seed=7))


def test_more_images_begin_with_the_same_ones(generator):
    few, many = (generator.generate(count, 1, seed=3) for count in (4, 1100))
    # Batches of another size round differently.
    assert np.abs(many[:4].astype(int) - few).max() <= 1


def test_a_bare_saved_model_has_numbers_for_classes(saved):
    found = SavedGenerator(saved)
    assert (found.class_index("1"), found.class_name(1)) == (1, "1")
    with pytest.raises(InputError, match="give an index"):
        found.class_index("ok")
    with pytest.raises(InputError, match="can draw no image of class 2"):
        found.generate(1, 2, seed=0)


def test_what_is_no_generator_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "saved_model.pb").write_bytes(b"nonsense")
    inputs = keras.Input((3,))
    keras.Model(inputs, keras.layers.Dense(1)(inputs)).export(tmp_path / "other", verbose=False)
    for name, words in (
        ("empty", "no finished training"),
        ("missing", "no finished training"),
        ("broken", "no SavedModel of kerasaug"),
        ("other", "no SavedModel of kerasaug"),
    ):
        with pytest.raises(InputError, match=words):
            SavedGenerator(tmp_path / name)


def test_a_folder_gets_files_by_class_and_a_manifest(generator, tmp_path):
    given = drawn(generator)
    drawn_images.write(given, tmp_path / "new", generator.class_names)
    place = tmp_path / "new" / "ok%2Ffine"
    for number, image in enumerate(given.images):
        file = place / f"ok%2Ffine-seed0-{number:06}.png"
        np.testing.assert_array_equal(np.asarray(Image.open(file)), image[..., 0])
    assert rows(tmp_path / "new")[2] == {
        "file": "ok%2Ffine/ok%2Ffine-seed0-000002.png",
        "label": "ok/fine",
        "seed": "0",
        "number": "2",
    }


def test_further_images_are_added_and_none_is_overwritten(generator, tmp_path):
    drawn_images.write(drawn(generator), tmp_path, generator.class_names)
    drawn_images.write(drawn(generator, 2, seed=1), tmp_path, generator.class_names)
    drawn_images.write(drawn(generator, 4, class_id=0), tmp_path, generator.class_names)
    assert len(rows(tmp_path)) == len(list(tmp_path.rglob("*.png"))) == 9
    drawn_images.write(drawn(generator, 5), tmp_path, generator.class_names)
    assert len(rows(tmp_path)) == len(list(tmp_path.rglob("*.png"))) == 11
    other = drawn(generator, 5)._replace(images=generator.generate(5, 1, seed=9))
    with pytest.raises(InputError, match="shows something else"):
        drawn_images.write(other, tmp_path, generator.class_names)
    assert len(rows(tmp_path)) == len(list(tmp_path.rglob("*.png"))) == 11
    assert not list(tmp_path.glob(".*"))


def test_what_is_in_a_folder_stays(generator, tmp_path):
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "mine").touch()
    drawn_images.write(drawn(generator), tmp_path, generator.class_names)
    assert (tmp_path / ".hidden" / "mine").exists()
    (tmp_path / "manifest.csv").write_text("")
    with pytest.raises(InputError, match="no manifest of ours"):
        drawn_images.write(drawn(generator, seed=1), tmp_path, generator.class_names)


def test_a_link_to_a_folder_stays_a_link(generator, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "there")
    drawn_images.write(drawn(generator), tmp_path / "here", generator.class_names)
    assert (tmp_path / "here").is_symlink()
    assert len(rows(tmp_path / "there")) == 3


LABELS = ["..", ".", "a/../../b", "x\ny", "<b>", "ü" * 20, "nul\0", "x" * 300]


@pytest.mark.parametrize("label", LABELS, ids=range(len(LABELS)))
def test_no_class_name_leads_out_of_the_folder(generator, tmp_path, label):
    images = generator.generate(1, 0, 0)
    drawn_images.write(Drawn(images, label, 0, 0), tmp_path / "new", None)
    (file,) = (tmp_path / "new").rglob("*.png")
    assert len(file.relative_to(tmp_path / "new").parts) == 2
    assert rows(tmp_path / "new")[0]["label"] == label
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_an_npz_file_is_a_data_set(generator, tmp_path):
    file = tmp_path / "images.npz"
    drawn_images.write(drawn(generator, 4), file, generator.class_names)
    with np.load(file) as found:
        assert found["x"].shape == (4, *SHAPE)
        assert found["y"].tolist() == [1] * 4
        assert found["class_names"].tolist() == ["bad", "ok/fine"]
    with pytest.raises(InputError, match="is there already"):
        drawn_images.write(drawn(generator), file, generator.class_names)


def test_a_class_keeps_its_name_where_a_file_may_have_it():
    assert drawn_images.file_name("größe (10 %)") == "größe (10 %25)"
    assert drawn_images.file_name("..") == "%2E%2E"
    long = [drawn_images.file_name("🌹" * 60 + end) for end in "ab"]
    assert max(len(name.encode()) for name in long) < 120
    assert long[0] != long[1]


def test_a_tfrecord_file_holds_examples(generator, tmp_path):
    given = drawn(generator)
    drawn_images.write(given, tmp_path / "images.tfrecord", None)
    records = list(tf.data.TFRecordDataset(str(tmp_path / "images.tfrecord")))
    features = {
        "image/encoded": tf.io.FixedLenFeature((), tf.string),
        "image/class/label": tf.io.FixedLenFeature((), tf.int64),
        "image/class/text": tf.io.FixedLenFeature((), tf.string),
    }
    for record, image in zip(records, given.images, strict=True):
        found = tf.io.parse_single_example(record, features)
        np.testing.assert_array_equal(tf.io.decode_image(found["image/encoded"]), image)
        assert (found["image/class/label"], found["image/class/text"]) == (1, b"ok/fine")


@pytest.fixture
def parts(tmp_path):
    """`bad` with 3 images and `ok` with 7, and a file that is no image."""
    random = np.random.default_rng(0)
    for name, count in (("bad", 3), ("ok", 7)):
        (tmp_path / "parts" / name / "deeper").mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 255, SHAPE[:2]).astype(np.uint8)
            place = tmp_path / "parts" / name / ("deeper" if number == 0 else "")
            Image.fromarray(pixels).save(place / f"{number}.png")
    (tmp_path / "parts" / "ok" / "text.png").write_text("hello")
    return tmp_path / "parts"


def listing(folder):
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("originals", ["symlink", "copy"])
def test_a_folder_is_filled_up_and_left_as_it_is(generator, parts, tmp_path, originals):
    generator.class_names = ("bad", "ok")
    before = listing(parts)
    plan = balancing.Plan(generator, parts)
    assert plan.missing == {"bad": 4}
    plan.write(tmp_path / "new", seed=5, originals=originals)
    assert listing(parts) == before
    new = tmp_path / "new"
    assert len(list((new / "bad").rglob("*.png"))) == len(list((new / "ok").rglob("*.png"))) == 7
    assert (new / "ok" / "1.png").is_symlink() == (originals == "symlink")
    assert (new / "bad" / "deeper" / "0.png").read_bytes() == (
        parts / "bad" / "deeper" / "0.png"
    ).read_bytes()
    images = generator.generate(4, 0, seed=5)
    for row, image in zip(rows(new), images, strict=True):
        assert (row["label"], row["seed"]) == ("bad", "5")
        np.testing.assert_array_equal(np.asarray(Image.open(new / row["file"])), image[..., 0])


def test_a_filled_folder_loads_here_and_with_keras(generator, parts, tmp_path):
    generator.class_names = ("bad", "ok")
    balancing.Plan(generator, parts).write(tmp_path / "new")
    found = data.load(tmp_path / "new")
    assert found.class_counts == [6, 6]
    assert len(collect(found.train)[0]) == 12
    theirs = keras.utils.image_dataset_from_directory(
        tmp_path / "new", image_size=SHAPE[:2], color_mode="grayscale", verbose=False
    )
    assert theirs.class_names == ["bad", "ok"]
    assert sum(len(labels) for _, labels in theirs) == 14


def test_a_filled_folder_can_be_filled_up_further(generator, parts, tmp_path):
    generator.class_names = ("bad", "ok")
    balancing.Plan(generator, parts).write(tmp_path / "new")
    plan = balancing.Plan(generator, tmp_path / "new", to=9)
    assert plan.missing == {"bad": 2, "ok": 2}
    plan.write(tmp_path / "newer")
    found = data.load(tmp_path / "newer", test_split=0.1)
    assert np.add(found.class_counts, found.test_counts).tolist() == [9, 9]
    assert [row["number"] for row in rows(tmp_path / "newer")] == list("012345") + ["0", "1"]
    assert any("some of these were generated" in note.text for note in found.notes)


def test_a_class_is_found_by_its_name_and_not_by_its_number(generator, parts, tmp_path):
    generator.class_names = ("ok", "bad")
    (parts / "bad").rename(parts / "0")
    with pytest.raises(InputError, match="knows no class '0'"):
        balancing.Plan(generator, parts)
    generator.class_names = None
    with pytest.raises(InputError, match="without names"):
        balancing.Plan(generator, parts)


def test_images_that_differ_by_more_than_what_they_show_are_told(generator, parts, tmp_path):
    generator.class_names = ("bad", "ok")
    Image.new("L", (20, 20)).save(parts / "ok" / "large.png")
    (note,) = balancing.Plan(generator, parts).notes[-1:]
    assert "1 of 11 that are there have another size" in note.text
    Image.new("RGB", (20, 20), (9, 0, 0)).save(parts / "ok" / "large.png")
    with pytest.raises(InputError, match="its images are colour, those of the generator grey"):
        balancing.Plan(generator, parts)


def test_of_two_splits_only_the_training_split_grows(generator, parts, tmp_path):
    generator.class_names = ("bad", "ok")
    (tmp_path / "splits").mkdir()
    parts.rename(tmp_path / "splits" / "train")
    for name in ("bad", "ok"):
        (tmp_path / "splits" / "test" / name).mkdir(parents=True)
        Image.new("L", (9, 8), len(name)).save(tmp_path / "splits" / "test" / name / "0.png")
    balancing.Plan(generator, tmp_path / "splits").write(tmp_path / "new")
    assert data.load(tmp_path / "new").class_counts == [7, 7]
    assert data.load(tmp_path / "new").test_counts == (1, 1)


def test_what_cannot_be_filled_up_is_refused_and_nothing_written(generator, parts, tmp_path):
    (tmp_path / "full").mkdir()
    for output, words in (
        (tmp_path / "full", "nothing is overwritten"),
        (parts / "new", "is not changed"),
    ):
        with pytest.raises(InputError, match=words):
            balancing.Plan(generator, parts).write(output)
    with pytest.raises(InputError, match="knows no class 'ok'"):
        balancing.Plan(generator, parts, to=8)
    generator.class_names, generator.makes = ("bad", "ok"), "ok"
    with pytest.raises(InputError, match="makes ok alone"):
        balancing.Plan(generator, parts)
    assert not (tmp_path / "new").exists()
    assert sorted(os.listdir(parts)) == ["bad", "ok"]
