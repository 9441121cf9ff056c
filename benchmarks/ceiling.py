"""What a generator could bring at best: one that has seen every image of every class.

Its images fill half of every batch, beside the few real images of a rare class. If that classifier
falls behind one with five times the real images, no generator of the kind that has seen the few
alone can be worth as many. Two rows need no generator: 60 and 300 real images; a third has other
real images in the place of the generated ones.

    python benchmarks/ceiling.py FOLDER [--dataset fashion_mnist] [--rare Shirt] [--seeds 2]
        [--models conditional-vae,conditional-wgan,flow]
"""

import argparse
import functools
from collections.abc import Callable
from pathlib import Path

from kerasaug.runtime import limit_threads, quiet_tensorflow

quiet_tensorflow()

import keras
import numpy as np
import tensorflow as tf
from flow import Flow
from rare import Images, average_precisions

from kerasaug import data
from kerasaug.images import in_chunks, to_float, to_uint8
from kerasaug.models import registry
from kerasaug.models.generative import GenerativeModel
from kerasaug.study import trial
from kerasaug.study.arms import parse
from kerasaug.study.config import SMALL_CNN, Recipe
from kerasaug.training import fit
from kerasaug.training.config import GENERATOR_PRESETS, GeneratorConfig

registry.MODELS["flow"] = registry.Entry("flow:Flow", True, "rectified flow")
FLOW = {"steps": 3000, "learning_rate": 2e-3}
CONTROL = "balanced+flip-shift"
HALF_SYNTHETIC = "conditional-vae:latent-perturbation+flip-shift"
"""The arm whose batches are half synthetic, of whatever images; its model is not used."""
STEPS, BATCH_SIZE = 1000, 256
FEW, MORE, DRAWN = 60, 300, 600
STARTS = (0.5, 0.75)
"""Shares of an image from which a flow varies it."""


def main() -> None:
    """Prints average precision of the rare class and mean average precision, by row."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, help="where trained generators are kept")
    parser.add_argument("--dataset", default="fashion_mnist")
    parser.add_argument("--rare", default="Shirt")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--models", default="conditional-vae,conditional-wgan,flow")
    options = parser.parse_args()
    limit_threads()
    keras.config.set_dtype_policy("float32")
    full = data.load(options.dataset).cache()
    networks = {model: trained(full, model, options.folder) for model in options.models.split(",")}
    print("| real images | average precision | mean over classes |\n|---|---|---|")
    rows: dict[str, tuple[int, Callable[[data.ImageDataset], list[np.ndarray]] | None]] = {
        f"{FEW}": (FEW, None),
        f"{MORE}": (MORE, None),
        f"{FEW}, and {DRAWN} real ones of each class": (FEW, lambda _: some(full)),
    }
    for model, network in networks.items():
        images = drawn(network)
        rows[f"{FEW}, and {DRAWN} of each class by {model}"] = (FEW, lambda _, i=images: i)
        for start in STARTS if model == "flow" else ():
            vary = functools.partial(varied, network, start)
            rows[f"{FEW}, varied by {model} from {1 - start:.0%} noise"] = (FEW, vary)
        if model == "flow":
            change = functools.partial(bridged, network)
            rows[f"{FEW}, and {DRAWN} of each class from images of others by {model}"] = FEW, change
    for name, (count, add) in rows.items():
        few = [full.reduce({options.rare: count}, seed).cache() for seed in range(options.seeds)]
        values = np.array(
            [ranked(dataset, add and add(dataset), seed) for seed, dataset in enumerate(few)]
        )
        rare = values[:, full.class_names.index(options.rare)]
        each = ", ".join(f"{value:.3f}" for value in rare)
        print(f"| {name} | {rare.mean():.3f} ({each}) | {values.mean():.3f} |", flush=True)


def trained(full: data.ImageDataset, model: str, folder: Path) -> GenerativeModel:
    """A generator that has seen all images of all classes; trained once."""
    file = folder / f"{full.name}-{model}.keras"
    if not file.exists():
        preset = GENERATOR_PRESETS["quick"].of(model, full.image_shape)
        preset = preset._replace(**FLOW) if model == "flow" else preset
        config = GeneratorConfig(
            model=model, dataset=full.name, precision="float32", augment=False, **preset._asdict()
        )
        network = fit.new_model(config, full)
        fit.fit(network, config, full)
        folder.mkdir(parents=True, exist_ok=True)
        network.save(file)
    return registry.load(model, file)


def drawn(network: GenerativeModel) -> list[np.ndarray]:
    """Images of every class."""
    return [network.generate(DRAWN, class_id) for class_id in range(network.num_classes)]


def varied(network: Flow, start: float, dataset: data.ImageDataset) -> list[np.ndarray]:
    """Variations of training images of every class."""

    @tf.function
    def vary(images, labels, noise):
        return to_uint8(network.vary(to_float(images), labels, noise, start))

    random = np.random.default_rng(0)
    by_class = []
    for class_id, images in enumerate(some(dataset)):
        images = images[np.arange(DRAWN) % len(images)]
        noise = random.normal(size=images.shape).astype(np.float32)
        by_class.append(in_chunks(vary, images, np.full(DRAWN, class_id, np.int32), noise))
    return by_class


def bridged(network: Flow, dataset: data.ImageDataset) -> list[np.ndarray]:
    """Training images of other classes, turned into those of every class."""

    @tf.function
    def bridge(images, labels, new_labels):
        return to_uint8(network.bridge(to_float(images), labels, new_labels))

    random = np.random.default_rng(0)
    real, by_class = some(dataset), []
    for class_id in range(dataset.num_classes):
        images = np.concatenate([real[c] for c in range(len(real)) if c != class_id])
        labels = np.concatenate(
            [np.full(len(real[c]), c) for c in range(len(real)) if c != class_id]
        )
        chosen = random.permutation(len(images))[:DRAWN]
        new_labels = np.full(len(chosen), class_id, np.int32)
        by_class.append(
            in_chunks(bridge, images[chosen], labels[chosen].astype(np.int32), new_labels)
        )
    return by_class


def some(dataset: data.ImageDataset) -> list[np.ndarray]:
    """Real images of every class, no more than are drawn."""
    by_class = map(dataset.class_images, range(dataset.num_classes))
    random = np.random.default_rng(0)
    return [images[random.permutation(len(images))[:DRAWN]] for images in by_class]


def ranked(dataset: data.ImageDataset, added: list[np.ndarray] | None, seed: int) -> np.ndarray:
    """Trains a classifier; returns the average precision of every class."""
    arm = parse(CONTROL if added is None else HALF_SYNTHETIC)
    inputs = trial.TrialInputs(dataset, synthesizer=added and Images(added))
    result = trial.train(arm, inputs, Recipe(SMALL_CNN, STEPS, BATCH_SIZE, epochs=1), seed)
    return average_precisions(result, dataset)


if __name__ == "__main__":
    main()
