"""The verdict: differences in average precision, their intervals, and what follows from them."""

from collections.abc import Mapping

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

    Two things vary: which images are tested, and how trainings end. The first is estimated by the
    influence of every test image (the infinitesimal jackknife; Jaeckel 1972, Efron 1982), the
    second by how much folds differ, or repetitions where there are none. The interval is the wider
    one of the two, each of Student's t. `benchmarks/calibration.py` measures how often it is wrong.

    Args:
        estimate: The score.
        lowest: Where the interval is cut off; 1 is its upper end.

    Returns:
        `mean`, `low`, `high` and `detectable`: the true difference from 0 that four of five such
        studies would show. The last three are None for a single repetition without folds.
    """
    parts = _errors(estimate)
    if parts is None:
        return {"mean": estimate.mean, "low": None, "high": None, "detectable": None}
    quantiles = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, [freedom for _, freedom in parts]).tolist()
    half, error, freedom = max(
        (quantile * error, error, freedom)
        for quantile, (error, freedom) in zip(quantiles, parts, strict=True)
    )
    return {
        "mean": estimate.mean,
        "low": max(lowest, estimate.mean - half),
        "high": min(1.0, estimate.mean + half),
        "detectable": min(1.0, half + error * float(scipy.stats.t.ppf(POWER, freedom))),
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
    arXiv 1712.00409): what a doubling leaves of it, the next one leaves too. That promises
    too much where the curve flattens, see `docs/results.md`.

    Args:
        whole: Average precision with all images of rare classes.
        half: With half of them.

    Returns:
        See `interval`.
    """
    error = 1.0 - whole.mean
    # More images are not taken to harm.
    larger = max(1.0 - half.mean, error, 1e-9)
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


def _errors(estimate: Estimate) -> tuple[tuple[float, int], tuple[float, int]] | None:
    """Standard errors and degrees of freedom, of test images and of trainings; None if unknown."""
    repetitions, folds = estimate.deviations.shape
    if repetitions * folds < 2:
        return None
    counts = np.bincount(estimate.labels[estimate.labels >= 0])
    # The number of images of a class is no accident.
    images = sum(
        count / max(1, count - 1) * float(np.sum((own - own.mean()) ** 2))
        for class_id, count in enumerate(counts)
        for own in [estimate.influences[:, estimate.labels == class_id].mean(axis=0)]
        if count
    )
    if folds > 1:
        squares = float((estimate.deviations**2).sum())
        trainings = folds / (folds - 1) * squares / repetitions**2
        freedom = repetitions * (folds - 1)
    else:
        trainings = float(estimate.values.var(ddof=1)) / repetitions
        freedom = repetitions - 1
    return (float(images) ** 0.5, max(1, estimate.fewest - 1)), (trainings**0.5, freedom)
