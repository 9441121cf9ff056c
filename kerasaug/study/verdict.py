"""The verdict: differences in average precision, their intervals, and what follows from them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.stats

from kerasaug.study.ranking import Estimate, combined

CONFIDENCE, POWER = 0.95, 0.8
TOLERANCE = 0.005
"""By how much mean average precision may be lower where an arm helps."""
HELPS, HURTS, NOT_SIGNIFICANT = "helps", "hurts", "not significant"

Interval = dict[str, float | None]


def interval(estimate: Estimate, lowest: float = 0.0) -> Interval:
    """A score and its 95 % interval.

    Two things vary: which images were tested, and how trainings end. The variance of the first is
    the sum of squared influences of the test images (the infinitesimal jackknife; Efron 1982, "The
    Jackknife, the Bootstrap and Other Resampling Plans"). The variance of the second is what folds,
    or repetitions, differ by beyond that. The interval is that of Student's t, with the degrees of
    freedom of Welch (1947) and Satterthwaite (1946).

    Args:
        estimate: The score.
        lowest: Where the interval is cut off; 1 is its upper end.

    Returns:
        `mean`, `low`, `high` and `detectable`: the true difference from 0 that four of five such
        studies would show. The last three are None for a single repetition without folds.
    """
    variance, freedom = _variance(estimate)
    if variance is None:
        return {"mean": estimate.mean, "low": None, "high": None, "detectable": None}
    error = float(np.sqrt(variance))
    quantile = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, freedom))
    return {
        "mean": estimate.mean,
        "low": max(lowest, estimate.mean - quantile * error),
        "high": min(1.0, estimate.mean + quantile * error),
        "detectable": (quantile + float(scipy.stats.t.ppf(POWER, freedom))) * error,
    }


def difference(estimate: Estimate, reference: Estimate) -> Interval:
    """How much higher a score is than another of the same images and repetitions, as `interval`."""
    return interval(combined([estimate, reference], [1.0, -1.0]), lowest=-1.0)


def verdict(differences: Mapping[str, Interval]) -> str:
    """Whether an arm is better than another one.

    An arm *helps* if the interval of its difference in the average precision of the rare classes
    lies above 0, and mean average precision is not lower by more than 0.005. It *hurts* if the
    interval of the first lies below 0, or that of the second below -0.005. Otherwise the difference
    is *not significant*, as where there are no intervals.

    Args:
        differences: `difference` of the two arms in `rare_average_precision` and in
            `mean_average_precision`.

    Returns:
        `"helps"`, `"hurts"` or `"not significant"`.
    """
    rare, mean = differences["rare_average_precision"], differences["mean_average_precision"]
    if rare["low"] is None:
        return NOT_SIGNIFICANT
    if rare["high"] < 0 or mean["high"] < -TOLERANCE:
        return HURTS
    if rare["low"] > 0 and mean["mean"] >= -TOLERANCE:
        return HELPS
    return NOT_SIGNIFICANT


def doubling(whole: Estimate, half: Estimate) -> Interval:
    """What twice as many images of rare classes would bring, from what half of them take away.

    The error 1 - AP is taken to fall as a power of the number of images (Hestness et al. 2017,
    arXiv 1712.00409): what a doubling leaves of it, the next one leaves too.

    Args:
        whole: Average precision with all images of rare classes.
        half: With half of them.

    Returns:
        See `interval`.
    """
    error, larger = 1.0 - whole.mean, max(1.0 - half.mean, 1e-9)
    gain = error * (1.0 - error / larger)
    # The delta method, by the two average precisions.
    linear = combined([whole, half], [2.0 * error / larger - 1.0, -((error / larger) ** 2)])
    values = interval(linear, lowest=-np.inf)
    shift = gain - linear.mean
    return {
        "mean": gain,
        **{
            name: None if values[name] is None else float(np.clip(values[name] + shift, -1.0, 1.0))
            for name in ("low", "high")
        },
        "detectable": values["detectable"],
    }


def _variance(estimate: Estimate) -> tuple[Any, float]:
    """The variance of an estimate and its degrees of freedom; None if it is not known."""
    repetitions, folds = estimate.cells.shape
    if repetitions * folds < 2:
        return None, 0.0
    centred = _centred(estimate)
    images = _sum_of_squares(centred.mean(axis=0), estimate.labels)
    one = float(np.mean([_sum_of_squares(row, estimate.labels) for row in centred]))
    if folds > 1:
        between = float(folds * estimate.cells.var(axis=1, ddof=1).mean())
        trainings = max(0.0, between - one) / repetitions
        freedom = repetitions * (folds - 1)
    else:
        between = float(estimate.cells.var(ddof=1)) / repetitions
        trainings = max(0.0, between - (one - images) / (repetitions - 1))
        freedom = repetitions - 1
    rarest = min(count for count in np.bincount(estimate.labels[estimate.labels >= 0]) if count)
    total = images + trainings
    parts = images**2 / max(1, rarest - 1) + trainings**2 / freedom
    return total, total**2 / parts if parts > 0 else 1.0


def _centred(estimate: Estimate) -> np.ndarray:
    """Influences without their mean by class: the number of images of a class is no accident."""
    centred = np.zeros_like(estimate.influences)
    for class_id in np.unique(estimate.labels[estimate.labels >= 0]):
        rows = estimate.labels == class_id
        own = estimate.influences[:, rows]
        centred[:, rows] = own - own.mean(axis=1, keepdims=True)
    return centred


def _sum_of_squares(influences: np.ndarray, labels: np.ndarray) -> float:
    counts = np.bincount(labels[labels >= 0])
    few = np.maximum(counts, 2)[np.maximum(labels, 0)]
    return float(np.sum(influences**2 * few / (few - 1)))
