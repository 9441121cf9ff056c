"""The scores of one classifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.stats
import sklearn.metrics

from kerasaug.errors import InputError

NAMES = {
    "rare_recall": "recall",
    "rare_precision": "precision",
    "rare_f1": "F1",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "g_mean": "G-mean",
}
"""The scores that are compared, and what they are called in tables."""


def score(
    labels: np.ndarray, predictions: np.ndarray, num_classes: int, rare_classes: Sequence[int]
) -> dict[str, Any]:
    """Scores the predictions of one classifier.

    Args:
        labels: int array (n,), the truth.
        predictions: int array (n,), what the classifier predicted.
        num_classes: How many classes there are.
        rare_classes: Indices of the rare ones; the `rare_` scores are means over those of them
            that occur in `labels`, one at least.

    Returns:
        `confusion_matrix` (rows: truth, columns: predictions), `recall`, `precision` and `f1` as
        lists by class, and a float for each of `NAMES`.
    """
    classes = list(range(num_classes))
    precision, recall, f1, _ = sklearn.metrics.precision_recall_fscore_support(
        labels, predictions, labels=classes, zero_division=0.0
    )
    matrix = sklearn.metrics.confusion_matrix(labels, predictions, labels=classes)
    present = matrix.sum(axis=1) > 0
    rare = [class_id for class_id in rare_classes if present[class_id]]
    if not rare:
        raise InputError("no image of a rare class is among those to be scored")
    return {
        "confusion_matrix": matrix.tolist(),
        "recall": recall.tolist(),
        "precision": precision.tolist(),
        "f1": f1.tolist(),
        "rare_recall": float(recall[rare].mean()),
        "rare_precision": float(precision[rare].mean()),
        "rare_f1": float(f1[rare].mean()),
        "accuracy": float(np.trace(matrix) / matrix.sum()),
        "balanced_accuracy": float(recall[present].mean()),
        "g_mean": float(scipy.stats.gmean(recall[present])),
    }
