"""All trials of a study, put together: the content of `results.json`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import sklearn.metrics

from kerasaug.study import ranking, scores, verdict
from kerasaug.study.arms import BASELINE, HALF, parse, strongest_control
from kerasaug.study.ranking import Estimate
from kerasaug.study.scores import Predictions

SCHEMA = 2
RECALLS = np.maximum(np.linspace(0.0, 1.0, 51), 1e-6)
"""Where precision-recall curves have points; at a recall of 0, precision would always be 1."""
INTERVALS = ("rare_average_precision", "mean_average_precision")
"""The scores that have an interval."""


class Repetition(NamedTuple):
    """The finished trials of an arm in one repetition.

    Attributes:
        seed: Number of the repetition.
        trainings: What `Tasks.trial` returned of each fold, or of the one training.
        folds: The predictions that belong to them.
    """

    seed: int
    trainings: list[dict[str, Any]]
    folds: list[Predictions]


def summarise(
    arms: Mapping[str, Sequence[Repetition]],
    *,
    config: Mapping[str, Any],
    data: Mapping[str, Any],
    fidelity: Mapping[str, dict[str, Any] | None] | None = None,
    augmentation: Sequence[Mapping[str, float]] = (),
    failures: Sequence[dict[str, str]] = (),
) -> dict[str, Any]:
    """Puts the trials of a study together.

    Args:
        arms: By arm, in the order of the table, its complete repetitions, at least one.
        config: The resolved options.
        data: What `provenance.describe` says of the data.
        fidelity: What `Generators.fidelity` returns.
        augmentation: What `Selection.augmentation` returns, for each split that it was chosen on.
        failures: The tasks that failed, as `task` and `error`.

    Returns:
        The content of `results.json`; `docs/results.md` documents it.
    """
    rare, names = data["rare_classes"], data["class_names"]
    precisions, estimates = {}, {}
    for name, repetitions in arms.items():
        precisions[name], estimates[name] = _estimates(repetitions, data)
    seeds = {name: [repetition.seed for repetition in own] for name, own in arms.items()}
    parsed = {name: parse(name) for name in arms}
    references = [n for n, arm in parsed.items() if arm.model is None and not arm.is_halved]

    def versus(name, reference):
        common = sorted(set(seeds[name]) & set(seeds[reference]))
        if not common:
            return None
        rows = [[seeds[arm].index(seed) for seed in common] for arm in (name, reference)]
        return {
            metric: verdict.difference(
                estimates[name][metric].at(rows[0]), estimates[reference][metric].at(rows[1])
            )
            for metric in estimates[name]
        }

    summaries = {}
    for name, repetitions in arms.items():
        own = [
            _scores(repetition, values, data)
            for repetition, values in zip(repetitions, precisions[name], strict=True)
        ]
        others = {other: versus(name, other) for other in references if other != name}
        others = {other: values for other, values in others.items() if values}
        summaries[name] = {
            "repetitions": own,
            "trainings": [
                {name: value for name, value in training.items() if name != "thresholds"}
                for r in repetitions
                for training in r.trainings
            ],
            "summary": {
                metric: verdict.interval(estimates[name][metric])
                if metric in INTERVALS
                else {"mean": _mean([values[metric] for values in own]), "low": None, "high": None}
                for metric in scores.NAMES
            },
            "by_class": {
                names[c]: verdict.interval(estimates[name][names[c]])
                for c in rare
                if names[c] in estimates[name]
            },
            "precision_recall": [_curve(r.folds, rare) for r in repetitions],
            "versus": others,
            "verdict": verdict.verdict(others[BASELINE]) if BASELINE in others else None,
        }
    return {
        "schema": SCHEMA,
        "config": config,
        "data": data,
        "arms": summaries,
        "doubling": _doubling(parsed, estimates, seeds),
        "augmentation": list(augmentation),
        "fidelity": fidelity or {},
        "failures": list(failures),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    return None if None in values else float(np.mean(values))


def _estimates(
    repetitions: Sequence[Repetition], data: Mapping[str, Any]
) -> tuple[list[list[float | None]], dict[str, Estimate]]:
    """Average precision of each class by repetition; and of the rare ones, of all, of each rare."""
    folds = [repetition.folds for repetition in repetitions]
    names = data["class_names"]
    values: list[list[float | None]] = [[None] * len(names) for _ in repetitions]
    rare, total, count = {}, None, 0
    for class_id, estimate in ranking.by_class(folds, range(len(names))):
        total = estimate if total is None else ranking.combined([total, estimate], [1.0, 1.0])
        count += 1
        if class_id in data["rare_classes"]:
            rare[names[class_id]] = estimate
        for row, value in zip(values, estimate.values.tolist(), strict=True):
            row[class_id] = value
    groups = {
        INTERVALS[0]: ranking.combined(rare.values(), [1.0 / len(rare)] * len(rare)),
        INTERVALS[1]: ranking.combined([total], [1.0 / count]),
    }
    return values, groups | rare


def _scores(
    repetition: Repetition, by_class: list[float | None], data: Mapping[str, Any]
) -> dict[str, Any]:
    rare = data["rare_classes"]
    tested = [value for value in by_class if value is not None]
    thresholds = [training["thresholds"] for training in repetition.trainings]
    return {
        "seed": repetition.seed,
        "average_precision": by_class,
        "rare_average_precision": float(
            np.mean([by_class[c] for c in rare if by_class[c] is not None])
        ),
        "mean_average_precision": float(np.mean(tested)),
        **scores.score(repetition.folds, rare, thresholds),
    }


def _curve(folds: Sequence[Predictions], rare: Sequence[int]) -> list[float]:
    """Precision at `RECALLS`, the mean over rare classes, and over folds by their images."""
    curves, weights = [], []
    for fold in folds:
        for class_id in rare:
            is_rare = fold.labels == class_id
            if is_rare.any():
                precision, recall, _ = sklearn.metrics.precision_recall_curve(
                    is_rare, fold.probabilities[:, class_id]
                )
                # The best precision at that recall or a higher one, which is monotonic.
                best = np.maximum.accumulate(precision)
                curves.append(best[len(recall) - 1 - np.searchsorted(recall[::-1], RECALLS)])
                total = sum((other.labels == class_id).sum() for other in folds)
                weights.append(is_rare.sum() / total)
    return np.average(curves, axis=0, weights=weights).round(5).tolist()


def _doubling(parsed, estimates, seeds) -> dict[str, Any] | None:
    """What the strongest control would gain from twice the images; None without its half."""
    halves = {arm.without(HALF): name for name, arm in parsed.items() if arm.is_halved}
    control = strongest_control([arm for arm in parsed.values() if arm in halves])
    if control is None:
        return None
    name, half = str(control), halves[control]
    common = sorted(set(seeds[name]) & set(seeds[half]))
    if not common:
        return None
    whole, halved = (
        estimates[arm][INTERVALS[0]].at([seeds[arm].index(seed) for seed in common])
        for arm in (name, half)
    )
    return {"control": name, **verdict.doubling(whole, halved)}
