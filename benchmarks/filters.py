"""Which generated images to keep: those a classifier is sure of, or those near a class's mean?

Trains `conditional-vae` on the imbalanced data. A quarter of every batch are its images of all
classes (the arm MODEL:class-balanced), kept by one filter or another; features and confidence are
those of the control, which saw the same images. Prints average precision of the rare classes.

    python benchmarks/filters.py fashion_mnist Shirt=60 [--arm balanced+flip-shift]
        [--steps 1000] [--seeds 3] [--image-size 48]

arXiv 2605.01468 reports that a filter by distance to class means helps, and one by confidence not.
"""

import dataclasses
from typing import NamedTuple

from kerasaug.runtime import limit_threads, quiet_tensorflow

quiet_tensorflow()

import keras
import numpy as np
from rare import arguments, average_precisions, splits_of

from kerasaug import data
from kerasaug.data.streams import collect
from kerasaug.errors import TrainingFailed
from kerasaug.images import as_float, in_chunks
from kerasaug.models.encoding import EncodingModel
from kerasaug.study import trial
from kerasaug.study.arms import parse
from kerasaug.study.config import SMALL_CNN, Recipe
from kerasaug.study.synthesis import Synthesizer
from kerasaug.training import fit
from kerasaug.training.config import GENERATOR_PRESETS, GeneratorConfig

MODEL = "conditional-vae"
POOL = 2500
"""Images of each class that are kept, at most."""
FILTERS = ("confidence", "prototypes")


class Folder(NamedTuple):
    """Takes the place of the folder of a trained generator."""

    model: EncodingModel

    def load_encoder(self) -> EncodingModel:
        """The model."""
        return self.model


class Filtered(Synthesizer):
    """A synthesizer with a filter of its own."""

    network: keras.Model
    prototypes: np.ndarray
    filters: tuple[str, ...]

    def _confirmed(self, images, class_id):
        logits, features = in_chunks(lambda chunk: self.network(as_float(chunk)), images)
        kept = np.ones(len(images), bool)
        if "confidence" in self.filters:
            probabilities = np.asarray(keras.ops.softmax(logits))
            kept &= (probabilities.argmax(axis=1) == class_id) & (probabilities[:, class_id] >= 0.5)
        if "prototypes" in self.filters:
            distances = ((features[:, None] - self.prototypes) ** 2).sum(axis=2)
            kept &= distances.argmin(axis=1) == class_id
        return kept


def main() -> None:
    """The entry point."""
    options = arguments(__doc__)
    limit_threads()
    keras.config.set_dtype_policy("float32")
    recipe = Recipe(SMALL_CNN, options.steps, batch_size=256, epochs=1)
    results: dict[str, list[float]] = {}
    for dataset, seed in splits_of(options):
        for name, value, kept in measure(dataset, options.arm, recipe, seed):
            results.setdefault(name, []).append(value)
            print(f"{name:30} {value:.4f} {kept}", flush=True)
    print("| kept by | average precision |\n|---|---|")
    for name, values in results.items():
        each = ", ".join(f"{value:.3f}" for value in values)
        print(f"| {name} | {np.mean(values):.3f} ({each}) |")


def measure(dataset: data.ImageDataset, control: str, recipe: Recipe, seed: int):
    """Yields a filter's name, average precision, and the share of images that it kept."""
    arm = parse(control)
    trained = trial.train(arm, trial.TrialInputs(dataset), recipe, seed)
    yield "the control", of_rare(trained, dataset), ""
    (classifier,) = trained.members
    network = classifier.model
    features = network.get_layer("features").output
    folder = Folder(generator(dataset, seed))
    both = keras.Model(network.input, [network.output, features])
    images, labels = collect(dataset.train)
    _, features = in_chunks(lambda chunk: both(as_float(chunk)), images)
    means = [features[labels == class_id].mean(axis=0) for class_id in range(dataset.num_classes)]
    balanced = dataclasses.replace(parse(f"{MODEL}:class-balanced"), modifiers=arm.modifiers)
    for filters in ((), FILTERS[:1], FILTERS[1:], FILTERS):
        synthesizer = Filtered(dataset, folder, POOL, seed)
        synthesizer.network, synthesizer.prototypes = both, np.stack(means)
        synthesizer.filters = filters
        name = " and ".join(filters) or "no filter"
        try:
            result = trial.train(
                balanced, trial.TrialInputs(dataset, synthesizer=synthesizer), recipe, seed
            )
        except TrainingFailed as error:
            yield name, np.nan, str(error)
        else:
            shares = synthesizer.acceptance_rates.items()
            kept = ", ".join(f"{share:.0%} of {class_name}" for class_name, share in shares)
            yield name, of_rare(result, dataset), kept


def generator(dataset: data.ImageDataset, seed: int) -> EncodingModel:
    """Trains the model as the quick study does."""
    config = GeneratorConfig(
        model=MODEL,
        dataset=dataset.name,
        precision="float32",
        seed=seed,
        **GENERATOR_PRESETS["quick"].of(MODEL, dataset.image_shape)._asdict(),
    )
    model = fit.new_model(config, dataset)
    fit.fit(model, config, dataset)
    return model


def of_rare(trained: trial.Trained, dataset: data.ImageDataset) -> float:
    """Average precision, the mean over rare classes."""
    return float(average_precisions(trained, dataset)[dataset.rare_classes].mean())


if __name__ == "__main__":
    main()
