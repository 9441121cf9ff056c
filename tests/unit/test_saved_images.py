"""A trained generator, and the images that are drawn from it, on disk."""

import csv
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasaug import models
from kerasaug.errors import InputError
from kerasaug.saved import folder, images
from kerasaug.saved.folder import ModelFolder, write_classes
from kerasaug.saved.generator import SavedGenerator
from kerasaug.saved.images import DrawnImages

SHAPE = (8, 9, 1)
CLASS_NAMES = ("bad", "ok/fine")
FIVES = Path(__file__).parents[2] / "saved_models" / "fives"


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
    generator = SavedGenerator(saved)
    generator.class_names = CLASS_NAMES
    return generator


def drawn(generator, count=3, class_id=1, seed=0):
    images = generator.generate(count, class_id, seed)
    return DrawnImages(images, generator.class_name(class_id), class_id, seed)


def rows(folder):
    with (folder / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_bare_saved_model_draws_what_the_model_draws(model, saved):
    generator = SavedGenerator(saved)
    assert generator.unmeasured == set()
    assert generator.image_shape == SHAPE
    np.testing.assert_array_equal(generator.generate(5, 1, seed=7), model.generate(5, 1, seed=7))


def test_more_images_begin_with_the_same_ones(generator):
    few, many = (generator.generate(count, 1, seed=3) for count in (4, 1100))
    # Batches of another size round differently.
    assert np.abs(many[:4].astype(int) - few).max() <= 1


def test_a_bare_saved_model_has_numbers_for_classes(saved):
    generator = SavedGenerator(saved)
    assert (generator.class_index("1"), generator.class_name(1)) == (1, "1")
    with pytest.raises(InputError, match="give an index"):
        generator.class_index("ok")
    with pytest.raises(InputError, match="can draw no image of class 2"):
        generator.generate(1, 2, seed=0)


def test_a_saved_model_says_what_its_classes_are_called(model, tmp_path):
    model.export(tmp_path / "moved")
    write_classes(tmp_path / "moved", ("1", "10"), None)
    generator = SavedGenerator(tmp_path / "moved")
    assert (generator.class_names, generator.makes) == (("1", "10"), None)
    assert generator.class_index("1") == generator.index_of_name("1") == 0
    assert (generator.class_index("10"), generator.class_name(1)) == (1, "10")
    with pytest.raises(InputError, match="there is no class '0'"):
        generator.class_index("0")
    write_classes(tmp_path / "moved", ("1", "10"), "10")
    with pytest.raises(InputError, match="makes only 10"):
        SavedGenerator(tmp_path / "moved").class_index("1")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"class_names": "ab"}',
        '{"class_names": ["a", "a"]}',
        '{"class_names": [1, 2]}',
        '{"class_names": ["a", "b"], "makes": "c"}',
        '{"class_names": ["a", "b"], "makes": ["a"]}',
    ],
)
def test_damaged_names_of_classes_are_refused(model, tmp_path, content):
    model.export(tmp_path / "moved")
    write_classes(tmp_path / "moved", ("1", "10"), None)
    (tmp_path / "moved" / folder.CLASSES).write_text(content)
    with pytest.raises(InputError, match="classes.json is damaged"):
        SavedGenerator(tmp_path / "moved")


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


def test_a_folder_of_schema_1_is_read_under_the_present_names(tmp_path):
    text = (FIVES / "run.json").read_text()
    for old, new in folder.SCHEMA_1_KEYS.items():
        assert f'"{new}"' in text
        text = text.replace(f'"{new}"', f'"{old}"')
    (tmp_path / "run.json").write_text(text.replace('"schema": 2', '"schema": 1'))
    assert ModelFolder(tmp_path).read_run() == ModelFolder(FIVES).read_run()
    # Names of classes are nobody's keys.
    run = json.loads(text.replace('"5": ', '"recognised": '))
    (tmp_path / "run.json").write_text(json.dumps({**run, "schema": 1}))
    run = ModelFolder(tmp_path).read_run()
    assert run["config"]["keep"] == {"recognised": 54}
    assert "recognised" in run["fidelity"]["classes"]


def test_a_folder_gets_files_by_class_and_a_manifest(generator, tmp_path):
    batch = drawn(generator)
    images.write(batch, tmp_path / "new", CLASS_NAMES)
    for number, image in enumerate(batch.images):
        file = tmp_path / "new" / "ok%2Ffine" / f"ok%2Ffine-seed0-{number:06}.png"
        np.testing.assert_array_equal(np.asarray(Image.open(file)), image[..., 0])
    assert rows(tmp_path / "new")[2] == {
        "file": "ok%2Ffine/ok%2Ffine-seed0-000002.png",
        "label": "ok/fine",
        "seed": "0",
        "number": "2",
    }


def test_further_images_are_added_and_none_is_overwritten(generator, tmp_path):
    def write(batch, total):
        images.write(batch, tmp_path, CLASS_NAMES)
        assert len(rows(tmp_path)) == len(list(tmp_path.rglob("*.png"))) == total

    write(drawn(generator), 3)
    write(drawn(generator, 2, seed=1), 5)
    write(drawn(generator, 4, class_id=0), 9)
    write(drawn(generator, 5), 11)
    other = drawn(generator, 5)._replace(images=generator.generate(5, 1, seed=9))
    with pytest.raises(InputError, match="shows something else"):
        images.write(other, tmp_path, CLASS_NAMES)
    assert len(rows(tmp_path)) == len(list(tmp_path.rglob("*.png"))) == 11
    assert not list(tmp_path.glob(".*"))


def test_what_is_in_a_folder_stays(generator, tmp_path):
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "mine").touch()
    images.write(drawn(generator), tmp_path, CLASS_NAMES)
    assert (tmp_path / ".hidden" / "mine").exists()
    (tmp_path / "manifest.csv").write_text("")
    with pytest.raises(InputError, match="no manifest of kerasaug"):
        images.write(drawn(generator, seed=1), tmp_path, CLASS_NAMES)


def test_a_link_to_a_folder_stays_a_link(generator, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "there")
    images.write(drawn(generator), tmp_path / "here", CLASS_NAMES)
    assert (tmp_path / "here").is_symlink()
    assert len(rows(tmp_path / "there")) == 3


LABELS = ["..", ".", "a/../../b", "x\ny", "<b>", "ü" * 20, "nul\0", "x" * 300]


@pytest.mark.parametrize("label", LABELS, ids=range(len(LABELS)))
def test_no_class_name_leads_out_of_the_folder(generator, tmp_path, label):
    batch = drawn(generator, 1)._replace(label=label)
    images.write(batch, tmp_path / "new", None)
    (file,) = (tmp_path / "new").rglob("*.png")
    assert len(file.relative_to(tmp_path / "new").parts) == 2
    assert rows(tmp_path / "new")[0]["label"] == label
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_class_keeps_its_name_where_a_file_may_have_it():
    assert images.file_name("größe (10 %)") == "größe (10 %25)"
    assert images.file_name("..") == "%2E%2E"
    long = [images.file_name("🌹" * 60 + end) for end in "ab"]
    assert max(len(name.encode()) for name in long) < 120
    assert long[0] != long[1]


def test_an_npz_file_is_a_data_set(generator, tmp_path):
    file = tmp_path / "images.npz"
    images.write(drawn(generator, 4), file, CLASS_NAMES)
    with np.load(file) as arrays:
        assert arrays["x"].shape == (4, *SHAPE)
        assert arrays["y"].tolist() == [1] * 4
        assert arrays["class_names"].tolist() == list(CLASS_NAMES)
    with pytest.raises(InputError, match="is there already"):
        images.write(drawn(generator), file, CLASS_NAMES)


def test_a_tfrecord_file_holds_examples(generator, tmp_path):
    batch = drawn(generator)
    images.write(batch, tmp_path / "images.tfrecord", None)
    records = list(tf.data.TFRecordDataset(str(tmp_path / "images.tfrecord")))
    features = {
        "image/encoded": tf.io.FixedLenFeature((), tf.string),
        "image/class/label": tf.io.FixedLenFeature((), tf.int64),
        "image/class/text": tf.io.FixedLenFeature((), tf.string),
    }
    for record, image in zip(records, batch.images, strict=True):
        example = tf.io.parse_single_example(record, features)
        np.testing.assert_array_equal(tf.io.decode_image(example["image/encoded"]), image)
        assert (example["image/class/label"], example["image/class/text"]) == (1, b"ok/fine")
