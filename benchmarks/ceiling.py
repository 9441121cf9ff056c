"""What a generator could bring at best: one that has seen every image of every class.

Its images fill half of every batch, beside the few real images of a rare class. If that classifier
falls behind one with five times the real images, no generator of the kind that has seen the few
alone can be worth as many. Two rows need no generator: 60 and 300 real images; a third has other
real images in the place of the generated ones.

    python benchmarks/ceiling.py FOLDER [--dataset fashion_mnist] [--rare Shirt] [--seeds 2]
        [--models conditional-vae,conditional-wgan,flow]
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kerasaug.runtime import limit_threads, quiet_tensorflow

quiet_tensorflow()

import keras
import numpy as np

from kerasaug import data
from kerasaug.models.registry import MODELS, Entry
from kerasaug.study import ranking, trial
from kerasaug.study.arms import parse
from kerasaug.study.config import SMALL_CNN, Recipe
from kerasaug.study.scores import Predictions
from kerasaug.training import fit
from kerasaug.training.config import GENERATOR_PRESETS, GeneratorConfig

MODELS["flow"] = Entry("flow:Flow", all_classes=True, description="rectified flow")
FLOW = {"steps": 3000, "learning_rate": 2e-3}
CONTROL = "balanced+flip-shift"
HALF_SYNTHETIC = "conditional-vae:latent-perturbation+flip-shift"
"""The arm whose batches are half synthetic, of whatever images; its model is not used."""
STEPS, BATCH_SIZE = 1000, 256
FEW, MORE, DRAWN = 60, 300, 600


class Images(NamedTuple):
    """Takes the place of a `Synthesizer`."""

    by_class: list[np.ndarray]

    def latent_perturbation(self) -> list[np.ndarray]:
        """The images by class."""
        return self.by_class


def main() -> None:
    """Prints average precision of the rare class and mean average precision, by row."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, help="where generated images are kept")
    parser.add_argument("--dataset", default="fashion_mnist")
    parser.add_argument("--rare", default="Shirt")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--models", default="conditional-vae,conditional-wgan,flow")
    options = parser.parse_args()
    limit_threads()
    keras.config.set_dtype_policy("float32")
    full = data.load(options.dataset).cache()
    images = {
        f"{FEW}, and {DRAWN} of each class by {model}": generated(full, model, options.folder)
        for model in options.models.split(",")
    }
    print("| real images | average precision | mean over classes |\n|---|---|---|")
    few: dict[str, int] = {options.rare: FEW}
    rows = {f"{FEW}": (few, None), f"{MORE}": ({options.rare: MORE}, None)}
    rows[f"{FEW}, and {DRAWN} real ones of each class"] = (few, list(real(full)))
    rows |= {name: (few, added) for name, added in images.items()}
    for name, (keep, added) in rows.items():
        values = np.array(
            [average_precisions(full, keep, added, seed) for seed in range(options.seeds)]
        )
        rare = values[:, full.class_names.index(options.rare)]
        each = ", ".join(f"{value:.3f}" for value in rare)
        print(f"| {name} | {rare.mean():.3f} ({each}) | {values.mean():.3f} |", flush=True)


def generated(full: data.ImageDataset, model: str, folder: Path) -> list[np.ndarray]:
    """Images of every class, of a generator that has seen all of them; made once."""
    file = folder / f"{full.name}-{model}.npy".replace("/", "_")
    if not file.exists():
        preset = GENERATOR_PRESETS["quick"].of(model)
        preset = preset._replace(**FLOW) if model == "flow" else preset
        config = GeneratorConfig(
            model=model, dataset=full.name, precision="float32", augment=False, **preset._asdict()
        )
        network = fit.new_model(config, full)
        fit.fit(network, config, full)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(file, [network.generate(DRAWN, c) for c in range(full.num_classes)])
    return list(np.load(file))


def real(full: data.ImageDataset) -> Iterator[np.ndarray]:
    """As many real images of every class."""
    for class_id in range(full.num_classes):
        images = full.class_images(class_id)
        yield images[np.random.default_rng(0).permutation(len(images))[:DRAWN]]


def average_precisions(
    full: data.ImageDataset, keep: dict[str, int], added: list[np.ndarray] | None, seed: int
) -> list[float]:
    """Trains a classifier; returns the average precision of every class."""
    dataset = full.reduce(keep, seed).cache()
    arm = parse(CONTROL if added is None else HALF_SYNTHETIC)
    inputs = trial.TrialInputs(dataset, synthesizer=added and Images(added))
    trained = trial.train(arm, inputs, Recipe(SMALL_CNN, STEPS, BATCH_SIZE, epochs=1), seed)
    labels, logits = trained.predict(dataset.test)
    predictions = [[Predictions(np.arange(len(labels)), labels, logits)]]
    return [value.mean for _, value in ranking.by_class(predictions, range(full.num_classes))]


if __name__ == "__main__":
    main()
