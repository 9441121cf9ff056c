"""Both commands on data of several kinds, shapes and numbers of classes."""

import json
import os

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits


def stripes(folder, count, seed, size, suffix):
    """Noisy pictures of stripes, whose width tells the class."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(count):
        rows = (np.arange(size[0]) + random.integers(9)) // (seed + 2) % 2
        pixels = np.broadcast_to(rows.reshape(-1, 1, 1), (*size[:2], size[2])) * 150.0
        pixels = (pixels + random.integers(0, 100, size)).astype(np.uint8)
        image = Image.fromarray(pixels[..., 0] if size[2] == 1 else pixels)
        image.save(folder / f"{number:03}.{suffix}")


def grey(folder):
    for seed, (name, count) in enumerate({"good": 100, "bad": 12}.items()):
        stripes(folder / "grey" / name, count, seed, (25, 25, 1), "png")
    return folder / "grey"


def coloured(folder):
    for seed, (name, count) in enumerate({"a": 300, "b": 300, "c": 20}.items()):
        stripes(folder / "coloured" / name, count, seed, (64, 64, 3), "jpg")
    return folder / "coloured"


def digits(folder):
    images, labels = load_digits().images, load_digits().target
    stays = (labels != 3) | (np.cumsum(labels == 3) <= 10)
    np.savez(folder / "digits.npz", x=images[stays], y=labels[stays])
    return folder / "digits.npz"


def clothes(_):
    return "fashion_mnist"


SOURCES = {
    grey: ((25, 25, 1), ["bad"]),
    coloured: ((64, 64, 3), ["c"]),
    digits: ((8, 8, 1), ["3"]),
    clothes: ((28, 28, 1), ["T-shirt/top"]),
}
# `quick` takes an hour for all of them on two cores; KERASAUG_PRESET=quick asks for it.
PRESET = os.environ.get("KERASAUG_PRESET", "smoke")


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_both_commands_run_on_it_as_it_is(source, script, tmp_path):
    path, (shape, rare) = source(tmp_path), SOURCES[source]
    study, model = tmp_path / "study", tmp_path / "model"
    done = script("evaluate", "--dataset", path, "--preset", PRESET, "--output", study)
    assert done.returncode == 0, done.stderr
    data = json.loads((study / "results.json").read_text())["data"]
    assert tuple(data["image_shape"]) == shape
    assert [data["class_names"][class_id] for class_id in data["rare_classes"]] == rare
    print(done.stdout)
    done = script("train-gan", "--dataset", path, "--preset", "smoke", "--output", model)
    assert done.returncode == 0, done.stderr
    assert (model / "generator" / "saved_model.pb").exists()
