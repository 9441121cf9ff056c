"""Scores of one trial, and what several trials together say."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.stats
import sklearn.metrics

METRICS = (
    "rare_f1",
    "rare_recall",
    "rare_precision",
    "accuracy",
    "balanced_accuracy",
    "g_mean",
)
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
        rare_classes: Indices of the rare ones; the `rare_` scores are means over them.

    Returns:
        `confusion_matrix` (rows: truth, columns: said), `recall`, `precision` and `f1` as lists by
        class, and a float for each of `METRICS`.
    """
    classes = list(range(num_classes))
    precision, recall, f1, _ = sklearn.metrics.precision_recall_fscore_support(
        labels, predictions, labels=classes, zero_division=0.0
    )
    matrix = sklearn.metrics.confusion_matrix(labels, predictions, labels=classes)
    present = matrix.sum(axis=1) > 0
    rare = list(rare_classes)
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


def interval(values: Sequence[float]) -> dict[str, float | None]:
    """The mean of repeated measurements and its 95 % interval (Student's t).

    Args:
        values: One per repetition.

    Returns:
        `mean`, `low` and `high`; the last two are None for a single value, which has no spread.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return {"mean": mean, "low": None, "high": None}
    error = float(scipy.stats.sem(values))
    half = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * error
    return {"mean": mean, "low": mean - half, "high": mean + half}


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float | None]:
    """How much better one arm is than another, repetition by repetition.

    Args:
        ours: One score per repetition.
        theirs: The other arm's scores, in the same order.

    Returns:
        `difference` (ours minus theirs) and its 95 % interval, `low` and `high`.
    """
    found = interval([a - b for a, b in zip(ours, theirs, strict=True)])
    return {"difference": found["mean"], "low": found["low"], "high": found["high"]}


def verdict(differences: Mapping[str, Mapping[str, float | None]]) -> str:
    """Whether an arm is better than another one.

    The rule: an arm *helps* if the interval of its paired difference in the rare classes' F1 lies
    above 0 and the mean of its balanced accuracy is not lower by more than 0.001. It *hurts* if the
    interval of the difference in F1 or in balanced accuracy lies below 0. Else there is *no
    evidence*, as with a single repetition.

    Args:
        differences: `paired_difference` of the two arms for each of `METRICS`.

    Returns:
        `"helps"`, `"hurts"` or `"no evidence"`.
    """
    f1, balanced = differences["rare_f1"], differences["balanced_accuracy"]
    if f1["low"] is None:
        return "no evidence"
    if f1["high"] < 0 or balanced["high"] < 0:
        return "hurts"
    if f1["low"] > 0 and balanced["difference"] >= -BALANCED_ACCURACY_TOLERANCE:
        return "helps"
    return "no evidence"
