import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from kerasaug import data
from kerasaug.data.readers import arrays, near_duplicates
from kerasaug.data.readers.near_duplicates import notes_of_pairs

RARE = np.arange(40) < 10
NAMES = tuple(f"{number}.png" for number in range(40))


def scenes(count=40, side=16, channels=1, seed=0):
    """Images of smooth random hills, each another."""
    hills = np.random.default_rng(seed).integers(0, 256, (count, 4, 4)).astype(np.uint8)
    resized = [Image.fromarray(few).resize((side, side), Image.Resampling.BICUBIC) for few in hills]
    return np.stack([np.repeat(np.asarray(image)[..., None], channels, 2) for image in resized])


def pairs(images, is_rare):
    thumbnails = np.stack([near_duplicates.thumbnail(image) for image in images])
    return near_duplicates.pairs(thumbnails, is_rare)


def compressed(image):
    file = io.BytesIO()
    Image.fromarray(image[..., 0]).save(file, "JPEG", quality=50)
    return np.asarray(Image.open(file))[..., None]


def smaller(image):
    less = Image.fromarray(image[..., 0]).resize((13, 13), Image.Resampling.BILINEAR)
    return np.asarray(less.resize(image.shape[:2], Image.Resampling.BILINEAR))[..., None]


def shifted(image):
    return np.pad(image, ((0, 0), (1, 0), (0, 0)), mode="edge")[:, :-1]


def darker(image):
    return (0.8 * image).astype(np.uint8)


def turned(image):
    grey = Image.fromarray(image[..., 0])
    return np.asarray(grey.rotate(3, Image.Resampling.BILINEAR, fillcolor=128))[..., None]


@pytest.mark.parametrize("change", [compressed, smaller, darker, turned])
def test_a_changed_copy_is_reported(change):
    images = scenes()
    images[30] = change(images[3])
    assert pairs(images, RARE) == [(3, 30)]


def test_a_shifted_copy_of_a_larger_image_is_reported():
    images = scenes(side=48)
    images[30] = shifted(images[3])
    assert pairs(images, RARE) == [(3, 30)]


@pytest.mark.parametrize("side", [8, 11, 16, 28])
@pytest.mark.parametrize("channels", [1, 3])
def test_other_images_are_not_reported(side, channels):
    images = scenes(side=side, channels=channels)
    assert pairs(images, RARE) == []
    images[30] = images[3] // 2
    assert pairs(images, RARE) == [(3, 30)]


def test_images_that_are_no_squares_are_compared():
    images = scenes(side=24)[:, :9]
    images[30] = images[3] // 2
    assert pairs(images, RARE) == [(3, 30)]


def test_copies_among_other_classes_do_not_matter():
    images = scenes()
    images[30] = darker(images[20])
    assert pairs(images, RARE) == []
    assert pairs(images, np.arange(40) >= 30) == [(20, 30)]


def test_flat_images_are_not_alike():
    noise = np.random.default_rng(0).integers(0, 3, (40, 16, 16, 1))
    images = (np.arange(40)[:, None, None, None] * 5 + noise).astype(np.uint8)
    images[:5] = 0
    assert pairs(images, RARE) == []


def test_one_scene_in_all_images_makes_no_pairs():
    noise = np.random.default_rng(0).normal(0, 12, (40, 16, 16, 1))
    images = (scenes(1)[0] * 0.6 + 50 + noise).clip(0, 255).astype(np.uint8)
    assert pairs(images, RARE) == []
    images[30] = darker(images[3])
    assert pairs(images, RARE) == [(3, 30)]


def test_the_most_alike_come_first_and_several_of_one_thing_are_all_paired():
    images = scenes()
    images[3], images[30] = darker(images[1]), turned(images[1])
    assert pairs(images, RARE)[0] == (1, 3)
    assert sorted(pairs(images, RARE)) == [(1, 3), (1, 30), (3, 30)]


def test_very_few_images_make_no_error():
    assert pairs(scenes(2), np.array([True, False])) == []


def hills(images):
    """A data set of forty images, of which the first two are rare."""
    labels = (np.arange(40) < 2).astype(np.int32)
    return arrays.from_arrays(images, labels, images, labels)


@pytest.fixture
def dataset():
    """Of its images, 1 and 30 are alike."""
    images = scenes()
    images[30] = darker(images[1])
    return hills(images)


def test_a_note_names_the_pairs(dataset):
    (note,) = notes_of_pairs(dataset)
    assert note.text.startswith("1 image of rare classes almost like another")
    assert note.items == ("image 1 (1) ~ image 30 (0)",)
    (note,) = notes_of_pairs(dataclasses.replace(dataset, names=NAMES))
    assert note.items == ("1.png ~ 30.png",)


def test_a_stream_says_the_same_as_memory(dataset):
    streamed = dataclasses.replace(dataset, records=dataset.train, in_memory=None)
    assert notes_of_pairs(streamed) == notes_of_pairs(dataset)


def test_names_are_those_of_the_unreduced_split(dataset):
    reduced = dataset.reduce({"0": 37})
    assert reduced.indices[30 - 1] == 30
    (note,) = notes_of_pairs(dataclasses.replace(reduced, names=NAMES))
    assert note.items == ("1.png ~ 30.png",)


def test_without_pairs_there_is_no_note():
    assert notes_of_pairs(hills(scenes())) == []


@pytest.mark.parametrize("keep", [{}, {"ok": 15}])
def test_thumbnails_of_files_are_those_of_the_images(keep, tmp_path):
    images = scenes(60)
    images[47] = darker(images[41])
    for number, image in enumerate(images):
        split = "test" if number % 40 >= 30 or number > 52 else "train"
        folder = tmp_path / split / ("bad" if number >= 40 else "ok")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{number}.png")
    Image.fromarray(darker(images[42])[..., 0]).save(tmp_path / "test" / "bad" / "again.png")
    dataset = data.load(tmp_path).pooled().reduce(keep).naming_rare(["bad"])
    (note,) = notes_of_pairs(dataset)
    assert sorted(map(sorted, (item.split(" ~ ") for item in note.items))) == [
        ["test/bad/again.png", "train/bad/42.png"],
        ["train/bad/41.png", "train/bad/47.png"],
    ]
    assert notes_of_pairs(dataclasses.replace(dataset, thumbnails=None)) == [note]
