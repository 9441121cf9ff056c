"""Average precision, and how it depends on every test image."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kerasaug.study.scores import Predictions


class Estimate(NamedTuple):
    """A score that is an average over test images, by repetition and fold.

    Attributes:
        cells: float array (repetitions, folds); the score of a repetition is the sum over its
            folds.
        influences: float array (repetitions, images), by how much more weight on a test image
            changes the score of a repetition.
        labels: int array (images,), the class of every test image; -1 for those not tested.
    """

    cells: np.ndarray
    influences: np.ndarray
    labels: np.ndarray

    @property
    def mean(self) -> float:
        """The score, averaged over repetitions."""
        return float(self.cells.sum(axis=1).mean())

    def at(self, repetitions: Sequence[int]) -> "Estimate":
        """The same for some repetitions, by their position."""
        chosen = list(repetitions)
        return self._replace(cells=self.cells[chosen], influences=self.influences[chosen])


def combined(estimates: Sequence[Estimate], factors: Sequence[float]) -> Estimate:
    """A sum of estimates of the same images and repetitions, each times a factor."""
    pairs = list(zip(estimates, factors, strict=True))
    return Estimate(
        sum(factor * estimate.cells for estimate, factor in pairs),
        sum(factor * estimate.influences for estimate, factor in pairs),
        estimates[0].labels,
    )


def average_precision(
    repetitions: Sequence[Sequence[Predictions]], classes: Sequence[int]
) -> Estimate:
    """The mean average precision of some classes, each against all others.

    Images are ranked by the softmax probability of the class, within the fold that they were tested
    in: those of different classifiers are not comparable. Every image of the class counts as much.

    Args:
        repetitions: Of each, the predictions by fold.
        classes: Indices; those without test images are left out.
    """
    count = 1 + max(int(fold.images.max()) for folds in repetitions for fold in folds)
    labels = np.full(count, -1)
    for fold in repetitions[0]:
        labels[fold.images] = fold.labels
    tested = [class_id for class_id in classes if (labels == class_id).any()]
    cells = np.zeros((len(repetitions), len(repetitions[0])))
    influences = np.zeros((len(repetitions), count))
    for row, folds in enumerate(repetitions):
        for column, fold in enumerate(folds):
            probabilities = fold.probabilities
            for class_id in tested:
                share = 1.0 / (len(tested) * (labels == class_id).sum())
                precision, influence = _ranked(probabilities[:, class_id], fold.labels == class_id)
                cells[row, column] += share * precision
                influences[row, fold.images] += share * influence
    return Estimate(cells, influences, labels)


def _ranked(scores: np.ndarray, is_positive: np.ndarray) -> tuple[float, np.ndarray]:
    """The sum, over positive images, of the precision at their score; and its derivatives.

    Over the number of positive images, that is `sklearn.metrics.average_precision_score`. The
    derivatives are those by the weight of each image; of positive images, of the sum alone.
    """
    order = np.argsort(-scores, kind="stable")
    ordered, positive = -scores[order], is_positive[order]
    # Equal scores share a rank.
    first = np.searchsorted(ordered, ordered, side="left")
    count = np.searchsorted(ordered, ordered, side="right")
    hits = np.cumsum(positive)[count - 1]
    precision = hits / count

    def later(values):
        return np.cumsum(values[::-1])[::-1][first]

    by_positive = precision + later(positive * (count - hits) / count**2)
    by_negative = -later(positive * hits / count**2)
    influence = np.empty(len(scores))
    influence[order] = np.where(positive, by_positive, by_negative)
    return float(precision[positive].sum()), influence
