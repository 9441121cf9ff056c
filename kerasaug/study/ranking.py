"""Average precision, and how it depends on every test image."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from kerasaug.study.scores import Predictions


class Estimate(NamedTuple):
    """A score that is an average over test images.

    Attributes:
        values: float array (repetitions,).
        deviations: float array (repetitions, folds), by how much each fold's images raise the score
            of the repetition above what it would be if they were as good as all others; sums are 0.
        influences: float array (repetitions, images), by how much more weight on a test image
            changes the score of a repetition.
        labels: int array (images,), the class of every test image; -1 for those not tested.
        fewest: Test images of the smallest class that the score is of.
    """

    values: np.ndarray
    deviations: np.ndarray
    influences: np.ndarray
    labels: np.ndarray
    fewest: int

    @property
    def mean(self) -> float:
        """The score, averaged over repetitions."""
        return float(self.values.mean())

    def at(self, repetitions: Sequence[int]) -> "Estimate":
        """The same for some repetitions, by their position."""
        rows = list(repetitions)
        return self._replace(
            values=self.values[rows],
            deviations=self.deviations[rows],
            influences=self.influences[rows],
        )


def combined(estimates: Iterable[Estimate], factors: Iterable[float]) -> Estimate:
    """A sum of estimates of the same images and repetitions, each times a factor."""
    pairs = list(zip(estimates, factors, strict=True))
    return Estimate(
        values=sum(factor * estimate.values for estimate, factor in pairs),
        deviations=sum(factor * estimate.deviations for estimate, factor in pairs),
        influences=sum(factor * estimate.influences for estimate, factor in pairs),
        labels=pairs[0][0].labels,
        fewest=min(estimate.fewest for estimate, _ in pairs),
    )


def by_class(
    repetitions: Sequence[Sequence[Predictions]], classes: Sequence[int]
) -> Iterator[tuple[int, Estimate]]:
    """Average precision of each class against all others.

    Images are ranked by the softmax probability of the class, within the fold that they were tested
    in: those of different classifiers are not comparable. Every image of the class counts as much.

    Args:
        repetitions: Of each, the predictions by fold.
        classes: Indices; those without test images are left out.

    Yields:
        The class and its average precision.
    """
    count = 1 + max(int(fold.images.max()) for folds in repetitions for fold in folds)
    labels = np.full(count, -1)
    for fold in repetitions[0]:
        labels[fold.images] = fold.labels
    probabilities = [[fold.probabilities for fold in folds] for folds in repetitions]
    for class_id in classes:
        positives = int((labels == class_id).sum())
        if positives == 0:
            continue
        shape = len(repetitions), len(repetitions[0])
        precisions, shares = np.zeros(shape), np.zeros(shape)
        influences = np.zeros((len(repetitions), count))
        for row, folds in enumerate(repetitions):
            for column, fold in enumerate(folds):
                is_positive = fold.labels == class_id
                precision, influence = _ranked(probabilities[row][column][:, class_id], is_positive)
                precisions[row, column] = precision / positives
                shares[row, column] = is_positive.sum() / positives
                influences[row, fold.images] = influence / positives
        values = precisions.sum(axis=1)
        deviations = precisions - shares * values[:, None]
        yield class_id, Estimate(values, deviations, influences, labels, positives)


def average_precision(
    repetitions: Sequence[Sequence[Predictions]], classes: Sequence[int]
) -> Estimate:
    """The mean average precision of some classes, of which one at least was tested.

    The arguments are those of `by_class`.
    """
    estimates = [estimate for _, estimate in by_class(repetitions, classes)]
    return combined(estimates, [1.0 / len(estimates)] * len(estimates))


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
