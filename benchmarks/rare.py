"""What the benchmarks of single ideas share: their data, images by class, and average precision."""

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kerasaug import data
from kerasaug.cli.data_options import parse_keep
from kerasaug.study import ranking
from kerasaug.study.scores import Predictions
from kerasaug.study.trial import Trained

FOLDS = 5


class Images(NamedTuple):
    """Takes the place of a `Synthesizer`."""

    by_class: list[np.ndarray]

    def latent_perturbation(self) -> list[np.ndarray]:
        """The images by class."""
        return self.by_class


def arguments(description: str) -> argparse.Namespace:
    """Reads which data, which control, and how long it is trained."""
    parser = argparse.ArgumentParser(description=description.split("\n\n")[0])
    parser.add_argument("dataset")
    parser.add_argument("keep", nargs="*", metavar="CLASS=COUNT")
    parser.add_argument("--arm", default="balanced+flip-shift")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--image-size", type=int)
    return parser.parse_args()


def splits_of(options: argparse.Namespace) -> Iterator[tuple[data.ImageDataset, int]]:
    """The imbalanced data with their test images, and a seed."""
    size = options.image_size
    whole = data.load(options.dataset, image_size=size and (size, size))
    keep = parse_keep(tuple(options.keep)) or {}
    if whole.has_own_test:
        yield from ((whole.reduce(keep, seed).cache(), seed) for seed in range(options.seeds))
        return
    pooled = whole.pooled().reduce(keep).cache()
    pooled = pooled.naming_rare(pooled.rare_classes)
    yield from ((pooled.fold(number, FOLDS), 0) for number in range(FOLDS))


def average_precisions(trained: Trained, dataset: data.ImageDataset) -> np.ndarray:
    """Average precision of every class, on test images."""
    labels, logits = trained.predict(dataset.test)
    predictions = [[Predictions(np.arange(len(labels)), labels, logits)]]
    by_class = ranking.by_class(predictions, range(dataset.num_classes))
    return np.array([value.mean for _, value in by_class])
