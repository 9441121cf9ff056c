"""Predictions of classifiers, and their scores."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.special
import sklearn.metrics

from kerasaug.errors import InputError
from kerasaug.files import atomic
from kerasaug.models.classifier import adjust_logits

NAMES = {
    "rare_average_precision": "average precision",
    "mean_average_precision": "mean AP",
    "rare_recall": "recall",
    "rare_precision": "precision",
    "rare_f1": "F1",
    "rare_threshold_recall": "recall",
    "rare_threshold_precision": "precision",
    "rare_threshold_f1": "F1",
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
}
"""The scores of a repetition, and what they are called in tables."""
RARE_SCORES = ("recall", "precision", "f1")


class Predictions(NamedTuple):
    """What one classifier predicts for test images that it did not see.

    Attributes:
        images: int64 array (n,), which images of the data these are.
        labels: int32 array (n,), the truth.
        logits: float32 array (n, num_classes).
    """

    images: np.ndarray
    labels: np.ndarray
    logits: np.ndarray

    def adjusted(self, class_counts: Sequence[int], tau: float) -> "Predictions":
        """The same with adjusted logits, see `adjust_logits`."""
        return self._replace(logits=adjust_logits(self.logits, class_counts, tau))

    @property
    def probabilities(self) -> np.ndarray:
        """float64 array (n, num_classes)."""
        return scipy.special.softmax(self.logits.astype(np.float64), axis=1)

    def save(self, file: Path) -> None:
        """Writes a NumPy archive."""
        with atomic(file) as draft, open(draft, "wb") as stream:
            np.savez(stream, **self._asdict())

    @classmethod
    def load(cls, file: Path) -> "Predictions":
        """Reads what `save` wrote.

        Raises:
            InputError: If the file is missing or damaged.
        """
        try:
            with open(file, "rb") as stream, np.load(stream) as content:
                return cls(*(content[name] for name in cls._fields))
        except Exception as error:  # What a damaged archive raises has many types.
            raise InputError(f"{file} cannot be read: {error}") from error


def score(
    folds: Sequence[Predictions],
    rare_classes: Sequence[int],
    thresholds: Sequence[Mapping[int, float] | None],
) -> dict[str, Any]:
    """Scores the decisions of the classifiers of one repetition.

    Args:
        folds: Their predictions: one, or one per fold, of different images.
        rare_classes: Indices of the rare ones; the `rare_` scores are means over those of them
            that were tested, one at least.
        thresholds: For each of `folds`, the probability from which an image is said to be of a
            rare class, see `best_threshold`; None if it was not chosen.

    Returns:
        `confusion_matrix` (rows: truth, columns: predictions), `recall`, `precision` and `f1` as
        lists by class, `thresholds` (by rare class, as a list of `threshold` by fold, and `recall`,
        `precision` and `f1` with it), and a float for each of `NAMES` but average precision. What
        needs a threshold is empty, or None, where one of `thresholds` is.
    """
    labels = np.concatenate([fold.labels for fold in folds])
    predictions = np.concatenate([fold.logits.argmax(axis=1) for fold in folds])
    num_classes = folds[0].logits.shape[1]
    classes = list(range(num_classes))
    precision, recall, f1, _ = sklearn.metrics.precision_recall_fscore_support(
        labels, predictions, labels=classes, zero_division=0.0
    )
    matrix = sklearn.metrics.confusion_matrix(labels, predictions, labels=classes)
    tested = matrix.sum(axis=1) > 0
    rare = [class_id for class_id in rare_classes if tested[class_id]]
    if not rare:
        raise InputError("no image of a rare class is among those to be scored")
    by_threshold = {}
    for class_id in rare if None not in thresholds else ():
        decisions = np.concatenate(
            [
                fold.probabilities[:, class_id] >= limits[class_id]
                for fold, limits in zip(folds, thresholds, strict=True)
            ]
        )
        values = sklearn.metrics.precision_recall_fscore_support(
            labels == class_id, decisions, average="binary", zero_division=0.0
        )
        by_threshold[class_id] = {
            "threshold": [float(limits[class_id]) for limits in thresholds],
            **dict(zip(("precision", "recall", "f1"), map(float, values[:3]), strict=True)),
        }
    return {
        "confusion_matrix": matrix.tolist(),
        "recall": recall.tolist(),
        "precision": precision.tolist(),
        "f1": f1.tolist(),
        "thresholds": {str(class_id): values for class_id, values in by_threshold.items()},
        "rare_recall": float(recall[rare].mean()),
        "rare_precision": float(precision[rare].mean()),
        "rare_f1": float(f1[rare].mean()),
        **{
            f"rare_threshold_{name}": float(np.mean([by_threshold[c][name] for c in rare]))
            if by_threshold
            else None
            for name in RARE_SCORES
        },
        "balanced_accuracy": float(recall[tested].mean()),
        "accuracy": float(np.trace(matrix) / matrix.sum()),
    }


def best_threshold(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The probability from which on images are called positive, for the highest F1.

    Args:
        labels: bool array (n,), which images are positive.
        probabilities: float array (n,).

    Returns:
        The middle between the lowest probability of an image that is called positive and the next
        lower one, or 0; of equally good ones, the highest. 0.5 if no image is positive.
    """
    if not labels.any():
        return 0.5
    precision, recall, limits = sklearn.metrics.precision_recall_curve(labels, probabilities)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = len(limits) - 1 - int(f1[:-1][::-1].argmax())
    # Of few positive images the lowest probability is too high for others: they lie below as well.
    below = limits[best - 1] if best else 0.0
    return float(limits[best] + below) / 2.0
