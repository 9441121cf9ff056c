import dataclasses
import gzip
import struct

import numpy as np
import pytest
import tensorflow as tf

from kerasaug import data
from kerasaug.data.readers import pixel_ranges
from kerasaug.data.readers.class_names import without_unused
from kerasaug.data.streams import collect
from kerasaug.errors import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 9)).astype(np.uint8)
LABELS = np.repeat([3, 7], 10)


def save(tmp_path, **arrays):
    path = tmp_path / "images.npz"
    np.savez(path, **arrays)
    return path


def test_one_split_is_split_in_two(tmp_path):
    dataset = data.load(save(tmp_path, x=IMAGES, y=LABELS))
    assert (dataset.class_names, dataset.image_shape) == (("3", "7"), (8, 9, 1))
    assert (dataset.class_counts, dataset.test_counts) == ([8, 8], [2, 2])
    assert dataset.name == "images"
    images = np.concatenate([collect(dataset.train)[0], collect(dataset.test)[0]])
    assert {image.tobytes() for image in images} == {image.tobytes() for image in IMAGES}


def test_two_splits_stay(tmp_path):
    arrays = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[::2], "y_test": LABELS[::2]}
    dataset = data.load(save(tmp_path, **arrays))
    np.testing.assert_array_equal(collect(dataset.train)[0][..., 0], IMAGES)
    np.testing.assert_array_equal(collect(dataset.test)[1], np.repeat([0, 1], 5))
    (note,) = dataset.notes
    assert "10 training images are test images too" in note.text


def test_arrays_beside_a_test_split_are_the_training_split(tmp_path):
    arrays = {
        "images": IMAGES,
        "labels": LABELS,
        "x_test": 255 - IMAGES[::2],
        "y_test": LABELS[::2],
    }
    dataset = data.load(save(tmp_path, **arrays))
    assert (dataset.class_counts, dataset.test_counts) == ([10, 10], [5, 5])
    with pytest.raises(InputError, match="holds both x and x_train; remove one"):
        data.load(save(tmp_path, **arrays, x_train=IMAGES))


def test_images_that_are_nearly_black_are_told(tmp_path):
    images = (IMAGES > 127).astype(np.uint8)
    dataset = data.load(save(tmp_path, x=images, y=LABELS))
    assert any("the brightest of all pixels is 1 of 255" in note.text for note in dataset.notes)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.array([0, 1], bool), [0, 255]),
        (np.array([0.0, 0.5, 1.0]), [0, 128, 255]),
        (np.array([-1.0, 0.0, 1.0]), [0, 128, 255]),
        (np.array([0, 8, 16], np.float64), [0, 128, 255]),
        (np.array([0, 17, 255], np.int64), [0, 17, 255]),
        (np.array([0, 257, 65535], np.uint16), [0, 1, 255]),
    ],
)
def test_other_numbers_are_scaled_to_bytes(tmp_path, pixels, expected):
    images = np.zeros((20, 8, 8), pixels.dtype)
    images[:, 0, : len(pixels)] = pixels
    images[:, 7, 0] = pixels[-1]
    dataset = data.load(save(tmp_path, x=images, y=LABELS))
    np.testing.assert_array_equal(collect(dataset.train)[0][0, 0, : len(pixels), 0], expected)
    assert any("were brought to 0 to 255" in note.text for note in dataset.notes)


def sharp():
    """Black and white squares as floats in 0 to 1, which a sharp resizing shoots beyond."""
    blocks = np.random.default_rng(1).integers(0, 2, (20, 4, 4, 1)).astype(np.float32)
    return blocks.repeat(6, axis=1).repeat(6, axis=2)


@pytest.mark.parametrize("scale", [1, 255])
@pytest.mark.parametrize("method", ["bilinear", "area", "bicubic", "lanczos3", "mitchellcubic"])
@pytest.mark.parametrize("antialias", [False, True])
def test_what_a_resizing_makes_keeps_its_brightness(tmp_path, scale, method, antialias):
    images = tf.image.resize(sharp() * scale, (17, 17), method, antialias=antialias).numpy()
    read, _ = collect(data.load(save(tmp_path, x=images, y=LABELS), test_split=0.1).train)
    assert abs(read.mean() - sharp().mean() * 255) < 5
    assert (read.min(), read.max()) == (0, 255)


@pytest.mark.parametrize(
    ("lowest", "highest", "expected"),
    [
        (0, np.float32(1.0000002), (0, 1)),
        (-1e-7, 1, (0, 1)),
        (-1.000001, 1.000001, (-1, 1)),
        (0, np.float32(255.00006), (0, 255)),
        (-1e-5, 255, (0, 255)),
        (0, 16.00001, (0, 16)),
        (-0.2, 1.2, (0, 1)),
        (-40, 290, (0, 255)),
        (-2.8, 0.42, None),
        (-0.42, 2.8, None),
        (-1.3, 1.3, None),
        (0, 400, (0, 1023)),
    ],
)
def test_the_range_of_floats_has_tolerance(lowest, highest, expected):
    pixels = np.full(100, (lowest + highest) / 2)
    pixels[:10] = lowest
    pixels[-10:] = highest
    assert pixel_ranges.find([pixels]) == expected


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_pixels_fill_as_many_bits_as_they_need(bits, dtype):
    pixels = np.array([0, 2**bits - 1]).astype(dtype)
    assert pixel_ranges.find([pixels]) == (0, 2**bits - 1)
    assert pixel_ranges.find([pixels]).to_uint8(pixels).tolist() == [0, 255]
    if dtype != np.float32:
        # Whole numbers have no rounding errors.
        assert pixel_ranges.find([pixels + dtype(1)]) != (0, 2**bits - 1)


def test_images_in_which_many_pixels_lie_beyond_are_not_cut():
    pixels = np.linspace(0, 300, 1000)
    assert pixel_ranges.find([pixels]) == (0, 255)
    assert pixel_ranges.find([300 - pixels**4 / 300**3]) == (0, 1023)


def test_pixels_that_are_cut_are_told(tmp_path):
    images = np.zeros((20, 8, 8))
    images[:, 0, 0], images[:, 0, 1] = 1.1, 1
    (note,) = data.load(save(tmp_path, x=images, y=LABELS)).notes[:1]
    assert "from 0 to 1 were" in note.text
    assert "% that lie beyond" in note.text


def test_labels_may_be_texts_or_indices_of_names(tmp_path):
    texts = np.array(["ok", "bad"])[LABELS // 7]
    assert data.load(save(tmp_path, x=IMAGES, y=texts)).class_names == ("bad", "ok")
    numbered = data.load(save(tmp_path, x=IMAGES, y=LABELS // 7, class_names=["ok", "bad"]))
    assert numbered.class_names == ("ok", "bad")
    column = data.load(save(tmp_path, x=IMAGES, y=LABELS[:, None]))
    assert column.class_names == ("3", "7")


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.eye(2)[LABELS // 7], ("0", "1")),
        (np.eye(2, dtype=bool)[LABELS // 7], ("0", "1")),
        (LABELS.astype(np.float32), ("3", "7")),
        (LABELS.astype(np.float64)[:, None], ("3", "7")),
        (np.array([b"bad", "gut \u00fc".encode()])[LABELS // 7], ("bad", "gut \u00fc")),
        (LABELS == 7, ("0", "1")),
    ],
)
def test_labels_of_one_meaning_are_read(tmp_path, labels, names):
    dataset = data.load(save(tmp_path, x=IMAGES, y=labels))
    assert dataset.class_names == names
    read, classes = collect(dataset.train)
    expected = {image.tobytes(): label for image, label in zip(IMAGES, LABELS // 7, strict=True)}
    assert [expected[image.tobytes()] for image in read] == classes.tolist()


@pytest.mark.parametrize(
    "names", ["X Y", "images labels", "Images targets", "arr_0 arr_1", "image label"]
)
def test_one_split_is_known_by_other_names(tmp_path, names):
    x, y = names.split()
    dataset = data.load(save(tmp_path, **{x: IMAGES, y: LABELS}))
    assert (dataset.class_names, dataset.class_counts) == (("3", "7"), [8, 8])


@pytest.mark.parametrize("form", ["{0}_{1}", "{1}_{0}"])
@pytest.mark.parametrize("names", ["images labels", "x y", "X Y"])
def test_two_splits_are_known_by_other_names(tmp_path, form, names):
    content = {}
    for split, part in (("train", slice(None)), ("val", slice(3)), ("test", slice(None, None, 2))):
        for name, array in zip(names.split(), (IMAGES, LABELS), strict=True):
            content[form.format(split, name)] = array[part]
    dataset = data.load(save(tmp_path, **content))
    assert (dataset.class_counts, dataset.test_counts) == ([10, 10], [5, 5])
    (unread,) = [note.items for note in dataset.notes if "arrays that are not read" in note.text]
    assert unread == tuple(form.format("val", name) for name in names.split())


def unused(tmp_path, **more):
    labels = np.repeat([1, 3], 10)
    names = np.array(["none", "a", "no", "b", "not"])
    return data.load(save(tmp_path, x=IMAGES, y=labels, class_names=names, **more))


def test_class_names_that_no_image_has_are_left_out(tmp_path, call, capfd):
    dataset = unused(tmp_path)
    assert dataset.class_names == ("a", "b")
    assert (dataset.class_counts, dataset.test_counts) == ([8, 8], [2, 2])
    # Of classes of one size, the first one that has images.
    assert dataset.rare_classes == [0]
    (names,) = [note.items for note in dataset.notes if "without images left out" in note.text]
    assert names == ("none", "no", "not")
    for stream, labels in ((dataset.train, dataset.train_labels), (dataset.test, [0, 0, 1, 1])):
        images, read = collect(stream)
        np.testing.assert_array_equal(read, labels)
        for image, label in zip(images, read, strict=True):
            assert image.tobytes() in {part.tobytes() for part in IMAGES[10 * label :][:10]}
    assert call("evaluate --describe --dataset", tmp_path / "images.npz") == 0
    out = capfd.readouterr().out
    assert "imbalance  1.0 " in out
    assert "none, no, not" in out


def test_streams_of_such_data_have_the_labels_of_the_others(streamed):
    padded = dataclasses.replace(
        streamed,
        class_names=("none", *streamed.class_names),
        train_labels=streamed.train_labels + 1,
        test_labels=streamed.test_labels + 1,
        records=streamed.records.map(lambda image, label: (image, label + 1)),
        test_records=streamed.test_records.map(lambda image, label: (image, label + 1)),
    )
    dataset = without_unused(padded)
    assert dataset.class_names == streamed.class_names
    np.testing.assert_array_equal(collect(dataset.train)[1], streamed.train_labels)
    np.testing.assert_array_equal(collect(dataset.test)[1], streamed.test_labels)


def test_a_class_that_is_tested_alone_is_one(tmp_path):
    arrays = {"x_train": IMAGES, "y_train": LABELS // 4, "x_test": IMAGES, "y_test": LABELS // 2}
    names = ["one", "two", "three", "four"]
    with pytest.raises(InputError, match="no training image of class four"):
        data.load(save(tmp_path, **arrays, class_names=names))


def test_arrays_with_unused_names_are_those_without():
    dataset = data.from_arrays(IMAGES[..., None], LABELS)
    assert dataset.class_names == ("3", "7")
    assert dataset.rare_classes == [0]


def test_transparent_pixels_are_white(tmp_path):
    images = np.zeros((20, 8, 8, 4), np.uint8)
    images[:, 0, 0, 3] = 255
    shown, _ = collect(data.load(save(tmp_path, x=images, y=LABELS)).train)
    assert shown.shape[3] == 3
    assert (shown[:, 0, 0] == 0).all()
    assert (shown[:, 1:] == 255).all()


def test_copies_are_named_and_stay(tmp_path):
    images = IMAGES.copy()
    images[1], images[12] = images[0], images[19]
    images[2] = images[13]
    dataset = data.load(save(tmp_path, x=images, y=LABELS), test_split=0.1)
    assert sum(dataset.class_counts) + sum(dataset.test_counts) == 20
    texts = {note.text.split(" ", 1)[1] for note in dataset.notes}
    assert texts <= {
        "training images are copies of others; cross-validation takes them once",
        "training images are in two classes",
        "training images are test images too, which flatters the scores; cross-validation takes "
        "them once",
    }
    repeated = sum(len(note.items) for note in dataset.notes)
    assert repeated >= 2


NAN = IMAGES.astype(np.float32)
NAN[3, 2, 1] = np.nan
REFUSED = {
    "an array of Python objects": {"x": np.array([{}] * 20), "y": LABELS},
    "whole numbers or texts": {"x": IMAGES, "y": LABELS / 2},
    "x must not hold NaN": {"x": NAN, "y": LABELS},
    "one label for each of 20 images": {"x": IMAGES, "y": np.arange(21)},
    "both x and images": {"x": IMAGES, "images": IMAGES, "y": LABELS},
    "as numpy.savez\\(path, x=images": {"arr_0": IMAGES, "arr_1": LABELS, "arr_2": IMAGES},
    "Received: \\(20, 3\\)": {"x": IMAGES, "y": np.ones((20, 3))},
    "has 1 class": {"x": IMAGES, "y": np.zeros(20, int)},
    "no test image of class 7": {
        "x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:5], "y_test": LABELS[:5]
    },
    "lacks y": {"x": IMAGES},
    "lacks x_train, y_train": {"x_test": IMAGES, "y_test": LABELS},
    "Received: \\(20, 72\\)": {"x": IMAGES.reshape(20, -1), "y": LABELS},
    "Received: \\(20, 3, 8, 9\\)": {"x": IMAGES[:, None].repeat(3, 1), "y": LABELS},
    "pixels from -5 to": {"x": IMAGES.astype(int) - 5, "y": LABELS},
    "must hold numbers": {"x": IMAGES.astype(str), "y": LABELS},
    "sides must be from 8": {"x": IMAGES[:, :4], "y": LABELS},
    "numbers from 0 to 1": {"x": IMAGES, "y": LABELS, "class_names": ["a", "b"]},
    "one kind, not uint8 and float64": {
        "x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES / 255, "y_test": LABELS
    },
    "numbers from 0 to 0": {
        "x_train": IMAGES, "y_train": LABELS * 0, "x_test": IMAGES, "y_test": LABELS.astype(str),
        "class_names": ["a"],
    },
    "a name twice": {"x": IMAGES, "y": LABELS // 7, "class_names": ["a", "a"]},
    "like the other split": {
        "x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:, :, :8], "y_test": LABELS
    },
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_arrays_that_cannot_be_used_are_refused(tmp_path, words):
    path = save(tmp_path, **REFUSED[words])
    with pytest.raises(InputError, match=words) as raised:
        data.load(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 no zip", b"\x93NUMPY"])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "images.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=str(path)):
        data.load(path)


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder, zipped=False, start="", **arrays):
    for name, array in arrays.items():
        split, kind = name.split("_")
        split = {"train": "train", "test": "t10k"}[split]
        content = idx(array.astype(np.uint8))
        path = folder / f"{start}{split}-{kind}-idx{array.ndim}-ubyte"
        if zipped:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
        else:
            path.write_bytes(content)


@pytest.mark.parametrize("options", [{}, {"zipped": True}, {"start": "emnist-letters-"}])
def test_idx_files_are_read(tmp_path, options):
    splits = {"train_images": IMAGES, "train_labels": LABELS}
    splits |= {"test_images": IMAGES[::2] + 1, "test_labels": LABELS[::2]}
    write_idx(tmp_path, **options, **splits)
    dataset = data.load(tmp_path)
    assert (dataset.class_names, dataset.image_shape) == (("3", "7"), (8, 9, 1))
    np.testing.assert_array_equal(collect(dataset.train)[0][..., 0], IMAGES)
    np.testing.assert_array_equal(collect(dataset.test)[0][..., 0], IMAGES[::2] + 1)


def test_idx_files_without_a_test_split_are_split(tmp_path):
    write_idx(tmp_path, train_images=IMAGES, train_labels=LABELS)
    assert data.load(tmp_path).test_counts == [2, 2]


def test_idx_files_that_cannot_be_used_are_refused(tmp_path):
    write_idx(tmp_path, train_images=IMAGES)
    for spoil, words in (
        (lambda: None, "no file of train labels"),
        (lambda: write_idx(tmp_path, train_labels=LABELS[:5]), "labels \\(5,\\)"),
        (lambda: (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08"), "no IDX file"),
        (lambda: write_idx(tmp_path, zipped=True, train_labels=LABELS), "holds both"),
    ):
        spoil()
        with pytest.raises(InputError, match=words):
            data.load(tmp_path)


def test_arrays_without_a_test_split_are_split():
    dataset = data.from_arrays(IMAGES[..., None], LABELS // 7)
    assert (dataset.class_counts, dataset.test_counts) == ([8, 8], [2, 2])
