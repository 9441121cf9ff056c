"""The verdict: paired differences between arms, their intervals, and what follows from them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.stats

CONFIDENCE = 0.95
BALANCED_ACCURACY_TOLERANCE = 0.001
HELPS, HURTS, NOT_SIGNIFICANT = "helps", "hurts", "not significant"
FEWEST_TEST_IMAGES = 30
"""With fewer test images of a rare class, one of them moves recall by several hundredths, and there
is no verdict."""


def interval(scores: Sequence[float]) -> dict[str, float | None]:
    """The mean of repeated scores and its 95 % interval (Student's t), cut off at 0 and 1.

    Args:
        scores: One per repetition, in [0, 1].

    Returns:
        `mean`, `low` and `high`; the last two are None for a single score.
    """
    mean, low, high = _students_t(scores, 0.0)
    return {"mean": mean, "low": low, "high": high}


def paired_difference(
    scores: Sequence[float], reference: Sequence[float]
) -> dict[str, float | None]:
    """How much better one arm is than another, repetition by repetition.

    Args:
        scores: Of the arm, one per repetition.
        reference: Of the other arm, in the same order.

    Returns:
        `difference`, the mean of the paired differences, and its 95 % interval, `low` and `high`,
        cut off at -1 and 1; the last two are None for a single repetition.
    """
    differences = [a - b for a, b in zip(scores, reference, strict=True)]
    mean, low, high = _students_t(differences, -1.0)
    return {"difference": mean, "low": low, "high": high}


def verdict(differences: Mapping[str, Mapping[str, float | None]]) -> str:
    """Whether an arm is better than another one.

    An arm *helps* if the interval of its paired difference in the rare classes' F1 lies above 0 and
    its mean balanced accuracy is not lower by more than 0.001. It *hurts* if the interval of the
    difference in F1 lies below 0, or that in balanced accuracy below -0.001. Otherwise the
    difference is *not significant*, as where there are no intervals.

    Args:
        differences: `paired_difference` of the two arms for each of `scores.NAMES`.

    Returns:
        `"helps"`, `"hurts"` or `"not significant"`.
    """
    f1, balanced = differences["rare_f1"], differences["balanced_accuracy"]
    if f1["low"] is None:
        return NOT_SIGNIFICANT
    if f1["high"] < 0 or balanced["high"] < -BALANCED_ACCURACY_TOLERANCE:
        return HURTS
    if f1["low"] > 0 and balanced["difference"] >= -BALANCED_ACCURACY_TOLERANCE:
        return HELPS
    return NOT_SIGNIFICANT


def too_few_tests(data: Mapping[str, Any]) -> str | None:
    """Says, in the beginning of a sentence, that there are too few test images for a verdict.

    Args:
        data: Has `class_names`, `test_counts` and `rare_classes`, such as `provenance.describe`.
    """
    rarest = min(data["rare_classes"], key=lambda class_id: data["test_counts"][class_id])
    count = data["test_counts"][rarest]
    if count >= FEWEST_TEST_IMAGES:
        return None
    return (
        f"There {'is' if count == 1 else 'are'} only {count} test image{'s' * (count != 1)} of "
        f"{data['class_names'][rarest]}, too few for a verdict, which needs at least "
        f"{FEWEST_TEST_IMAGES}"
    )


def _students_t(values: Sequence[float], lowest: float) -> tuple[float, float | None, float | None]:
    """The mean, and the ends of its interval, which is cut off at `lowest` and at 1."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None, None
    quantile = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)
    half = float(quantile * scipy.stats.sem(values))
    return mean, max(lowest, mean - half), min(1.0, mean + half)
