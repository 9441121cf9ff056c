"""What a study found, in sentences: the first lines of the page and of the terminal."""

import collections
from typing import Any, NamedTuple

from kerasaug.study import verdict
from kerasaug.study.arms import BASELINE, DEFERRED, FULL_DATA, parse
from kerasaug.study.best import best, controls_of
from kerasaug.study.verdict import HELPS, HURTS

STILL_FALLING = 0.05
"""How far the mean training loss of an epoch may be below that of the one before, at the end."""
MOST_NAMED = 3
"""Rare classes that a sentence names."""
UNCHANGED = dict.fromkeys(("mean", "low", "high"), 0.0)


class Headlines(NamedTuple):
    """What a study found, in sentences.

    Attributes:
        first: The verdict on every arm with a generator, whether to collect or to generate, and
            what else the reader has to know.
        further: Further comparisons.
    """

    first: list[str]
    further: list[str]


def headlines(results: dict[str, Any]) -> Headlines:
    """Says what a study found, the verdict on the synthetic images first.

    Every arm with a generator is compared with the strongest control, which is chosen by its name,
    never by its scores (`arms.strongest_control`); a logit-adjusted arm with an adjusted control,
    if there is one: the adjustment moves decisions, and average precision a little.
    """
    summaries, data = results["arms"], results["data"]
    arms = {name: parse(name) for name in summaries}
    *others, last = (data["class_names"][class_id] for class_id in data["rare_classes"])
    rare = f"{', '.join(others)} and {last}" if others else last
    if len(data["rare_classes"]) > MOST_NAMED:
        rare = f"the {len(data['rare_classes'])} rare classes"
    controls = [arm for arm in arms.values() if arm.is_control]
    first, further, better, compared = [], [], [], 0
    for name, summary in summaries.items():
        if arms[name].model is None:
            continue
        references = [c for c in controls_of(arms[name], controls) if c in summary["versus"]]
        comparisons = [_comparison(name, summary, reference) for reference in references]
        first += comparisons[:1]
        further += comparisons[1:]
        if references[:1] not in ([], [BASELINE]):
            compared += 1
            better += [name] * (verdict.verdict(summary["versus"][references[0]]) == HELPS)
    if compared > 1:
        several = len(better) > 1
        names, words = ", ".join(better) or "no arm", "beat their" if several else "beats its"
        first.insert(0, f"Of {compared} arms with synthetic images, {names} {words} control.")
    first += [*_collect_or_generate(results, rare), *_advice(results, rare)]
    if BASELINE in summaries:
        summary = summaries[BASELINE]["summary"]
        first.append(
            f"Without augmentation, the average precision of {rare} is "
            f"{summary['rare_average_precision']['mean']:.3f}; the classifier finds "
            f"{summary['rare_recall']['mean']:.1%} of their test images."
        )
        further += [
            _comparison(str(control), summaries[str(control)], BASELINE)
            for control in controls
            if BASELINE in summaries[str(control)]["versus"]
        ]
    for name, arm in arms.items():
        if arm.mixture == FULL_DATA:
            value = summaries[name]["summary"]["rare_average_precision"]["mean"]
            first.append(
                f"Trained on all images of {rare} ({name}), the classifier has an average "
                f"precision of {value:.3f}."
            )
    return Headlines([*first, *_unfinished(results), *_selections(results)], further)


def _collect_or_generate(results: dict[str, Any], rare: str) -> list[str]:
    doubling = results["doubling"]
    if doubling is None:
        return []
    sentences = [
        f"Twice as many real images of {rare} would bring about {_with_interval(doubling)}"
    ]
    for name, summary in results["arms"].items():
        differences = summary["versus"].get(doubling["control"])
        if parse(name).model is not None and differences:
            gain = _with_interval(differences["rare_average_precision"])
            sentences.append(f"the generated images of {name} bring {gain}")
    return ["; ".join(sentences) + "."]


def _advice(results: dict[str, Any], rare: str) -> list[str]:
    """What to do, where there are a baseline and intervals."""
    summaries, doubling = results["arms"], results["doubling"]
    compared = [s["versus"][BASELINE] for s in summaries.values() if BASELINE in s["versus"]]
    if all(differences["rare_average_precision"]["low"] is None for differences in compared):
        return []
    name = best(summaries)
    helping = [parse(n) for n, summary in summaries.items() if summary["verdict"] == HELPS]
    if not name and any(arm.is_control or arm.adjusts_logits for arm in helping):
        # Those that `best` leaves out.
        return []
    if name:
        advice = f"train with {name}" + ", without a generator" * (parse(name).model is None)
    else:
        advice = "keep the training as it is, and choose a decision threshold: no "
        if any(parse(name).model for name in summaries):
            advice += "control is shown to rank the images better, and no generator to beat that"
        else:
            advice += "arm is shown to rank the images better"
    if doubling and (doubling["low"] or 0.0) > 0.0:
        advice += f". Collect more images of {rare}"
    elif not name:
        advice += ". More repetitions would show smaller differences"
    return [f"What to do: {advice}."]


def _unfinished(results: dict[str, Any]) -> list[str]:
    """Warns of arms whose training loss was still falling when their trainings ended."""
    arms = []
    for name, summary in results["arms"].items():
        if parse(name).mixture == DEFERRED:
            # Its last losses are weighted, those before are not.
            continue
        losses = [training["history"]["train_loss"] for training in summary["trainings"]]
        falls = [curve[-2] - curve[-1] for curve in losses if len(curve) > 1]
        if falls and sum(falls) / len(falls) > STILL_FALLING:
            arms.append(name)
    if not arms:
        return []
    return [
        f"The training loss of {', '.join(arms)} was still falling after "
        f"{results['config']['steps']} steps: with more of them, the verdict may be another one."
    ]


def _selections(results: dict[str, Any]) -> list[str]:
    """What training images chose, in sentences."""
    sentences = []
    chosen = collections.Counter(next(iter(values)) for values in results["augmentation"])
    if chosen:
        total = sum(chosen.values())
        words = ", ".join(
            name if total == 1 else f"{name} ({count} of {total} times)"
            for name, count in chosen.most_common()
        )
        sentences.append(f"For +auto, the training images chose {words}.")
    for name, summary in results["arms"].items():
        if parse(name).adjusts_logits:
            taus = sorted({training["tau"] for training in summary["trainings"]})
            words = ", ".join(f"{tau:g}" for tau in taus)
            sentences.append(f"For {name}, proxy classes chose tau {words}.")
    return sentences


def _comparison(name: str, summary: dict[str, Any], reference: str) -> str:
    """The verdict on an arm beside another one, and the difference that decides it."""
    differences = summary["versus"][reference]
    rare, mean = differences["rare_average_precision"], differences["mean_average_precision"]
    decision = verdict.verdict(differences)
    other = "the baseline" if reference == BASELINE else f"the control {reference}"
    difference = f"average precision {_with_interval(rare)}"
    alone = {"rare_average_precision": rare, "mean_average_precision": UNCHANGED}
    if verdict.verdict(alone) != decision:
        difference += f", but mean average precision of all classes {_with_interval(mean)}"
    if rare["detectable"] is not None:
        detectable = f"{rare['detectable']:.{_digits(rare)}f}"
        difference += f"; the study could have detected about {detectable}"
    if decision == HELPS:
        return f"{name} beats {other}: {difference}."
    if decision == HURTS:
        return f"{name} falls behind {other}: {difference}."
    return f"The difference between {name} and {other} is not significant: {difference}."


def _with_interval(value: dict[str, float | None]) -> str:
    if value["low"] is None:
        return f"{value['mean']:+.3f} (no interval: one repetition)"
    mean, low, high = (f"{value[name]:+.{_digits(value)}f}" for name in ("mean", "low", "high"))
    return f"{mean} (95 % interval {low} to {high})"


def _digits(value: dict[str, float | None]) -> int:
    """As many as tell the ends of an interval apart, and from 0."""
    low, high = value["low"], value["high"]
    return 3 if high - low > 0.01 and min(abs(low), abs(high)) > 0.0005 else 4
