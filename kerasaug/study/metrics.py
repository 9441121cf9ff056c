"""Scores of one trial, and what several trials together say."""

from collections.abc import Mapping, Sequence
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
CONFIDENCE = 0.95
BALANCED_ACCURACY_TOLERANCE = 0.001


def score(
    labels: np.ndarray, predictions: np.ndarray, num_classes: int, rare_classes: Sequence[int]
) -> dict[str, Any]:
    """Scores the predictions of one classifier.

    Args:
        labels: int array (n,), the truth.
        predictions: int array (n,), what the classifier said.
        num_classes: How many classes there are.
        rare_classes: Indices of the rare ones; the `rare_` scores are means over those of them
            that occur in `labels`.

    Returns:
        `confusion_matrix` (rows: truth, columns: said), `recall`, `precision` and `f1` as lists by
        class, and a float for each of `NAMES`.

    Raises:
        InputError: If no rare class occurs in `labels`.
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


def interval(scores: Sequence[float]) -> dict[str, float | None]:
    """The mean of repeated scores and its 95 % interval (Student's t), cut off at 0 and 1.

    Args:
        scores: One per repetition, in [0, 1].

    Returns:
        `mean`, `low` and `high`; the last two are None for a single score, which has no spread.
    """
    mean, low, high = _students(scores, 0.0)
    return {"mean": mean, "low": low, "high": high}


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float | None]:
    """How much better one arm is than another, repetition by repetition.

    Args:
        ours: One score per repetition.
        theirs: The other arm's scores, in the same order.

    Returns:
        `difference` (mean of ours minus theirs) and its 95 % interval, `low` and `high`, cut off at
        -1 and 1; the last two are None for a single repetition.
    """
    mean, low, high = _students([a - b for a, b in zip(ours, theirs, strict=True)], -1.0)
    return {"difference": mean, "low": low, "high": high}


def _students(values: Sequence[float], least: float) -> tuple[float, float | None, float | None]:
    """The mean, and the ends of its interval, which is cut off at `least` and at 1."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None, None
    quantile = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)
    half = float(quantile * scipy.stats.sem(values))
    return mean, max(least, mean - half), min(1.0, mean + half)


def verdict(differences: Mapping[str, Mapping[str, float | None]]) -> str:
    """Whether an arm is better than another one.

    The rule: an arm *helps* if the interval of its paired difference in the rare classes' F1 lies
    above 0 and the mean of its balanced accuracy is not lower by more than 0.001. It *hurts* if the
    interval of the difference in F1 lies below 0, or that in balanced accuracy below -0.001. Else
    there is *no evidence*, as where there are no intervals.

    Args:
        differences: `paired_difference` of the two arms for each of `NAMES`.

    Returns:
        `"helps"`, `"hurts"` or `"no evidence"`.
    """
    f1, balanced = differences["rare_f1"], differences["balanced_accuracy"]
    if f1["low"] is None:
        return "no evidence"
    if f1["high"] < 0 or balanced["high"] < -BALANCED_ACCURACY_TOLERANCE:
        return "hurts"
    if f1["low"] > 0 and balanced["difference"] >= -BALANCED_ACCURACY_TOLERANCE:
        return "helps"
    return "no evidence"
