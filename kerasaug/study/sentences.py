"""What a study found, in sentences: the first lines of the page and of the terminal."""

from typing import Any, NamedTuple

from kerasaug.study import verdict
from kerasaug.study.arms import BASELINE, FULL_DATA, LOGIT_ADJUSTED, Arm, parse
from kerasaug.study.verdict import HELPS, HURTS

STRONGEST_CONTROLS = (Arm("balanced", modifiers=("auto",)), Arm("balanced", modifiers=("affine",)))
SIMPLEST_CONTROL = Arm("oversample")
UNCHANGED = dict.fromkeys(("difference", "low", "high"), 0.0)


class Headlines(NamedTuple):
    """What a study found, in sentences.

    Attributes:
        first: Whether there are too few test images, the verdict on every arm with a generator, and
            what else the reader has to know.
        further: Further comparisons.
    """

    first: list[str]
    further: list[str]


def headlines(results: dict[str, Any]) -> Headlines:
    """Says what a study found, the verdict on the synthetic images first.

    Every arm with a generator is compared with the strongest control, which is chosen by its name,
    never by its scores: the first of `STRONGEST_CONTROLS` that was run, logit-adjusted for an arm
    that is; else the last control listed, else the baseline. A logit-adjusted arm is compared with
    controls that are not only if an adjusted one was run too.
    """
    summaries, data = results["arms"], results["data"]
    arms = {name: parse(name) for name in summaries}
    rare = " and ".join(data["class_names"][class_id] for class_id in data["rare_classes"])
    controls = [
        name
        for name, arm in arms.items()
        if name != BASELINE and arm.model is None and arm.mixture != FULL_DATA
    ]
    first, further, better, compared = [], [], [], 0
    for name, summary in summaries.items():
        if arms[name].model is None:
            continue
        references = [
            control
            for control in _controls_of(arms[name], [arms[control] for control in controls])
            if control in summary["versus"]
        ]
        with_baseline = references + [BASELINE] * (BASELINE in summary["versus"])
        comparisons = [_comparison(name, summary, reference) for reference in with_baseline]
        first += comparisons[:1]
        further += comparisons[1:]
        if references:
            compared += 1
            better += [name] * (verdict.verdict(summary["versus"][references[0]]) == HELPS)
    if compared > 1:
        names, verb = ", ".join(better) or "no arm", "beat" if len(better) > 1 else "beats"
        first.insert(0, f"Of {compared} arms with synthetic images, {names} {verb} its control.")
    if warning := verdict.too_few_tests(data):
        first.insert(0, f"{warning}. All that follows may be chance.")
    if BASELINE in summaries:
        recall = summaries[BASELINE]["summary"]["rare_recall"]["mean"]
        first.append(
            f"Without augmentation, the classifier finds {recall:.1%} of the test images of {rare}."
        )
        further += [
            _comparison(name, summaries[name], BASELINE)
            for name in controls
            if BASELINE in summaries[name]["versus"]
        ]
    for name, arm in arms.items():
        if arm.mixture == FULL_DATA:
            f1 = summaries[name]["summary"]["rare_f1"]["mean"]
            first.append(
                f"Trained on all images of {rare} ({name}), the classifier has an F1 of {f1:.3f}."
            )
    return Headlines([*first, *_selections(results)], further)


def arms_by_tau(logit_adjustment: dict[str, dict[str, Any]]) -> dict[float, list[str]]:
    """The logit-adjusted arms by the tau that was chosen for them."""
    arms: dict[float, list[str]] = {}
    for name, choice in logit_adjustment.items():
        arms.setdefault(choice["tau"], []).append(name)
    return arms


def _controls_of(arm: Arm, controls: list[Arm]) -> list[str]:
    """The controls that an arm with a generator is compared with, the first of which decides."""
    alike = [control for control in controls if control.adjusts_logits == arm.adjusts_logits]
    others = [control for control in controls if control not in alike]
    if arm.adjusts_logits and not alike:
        return []
    simplest = [control for control in controls if control == SIMPLEST_CONTROL]
    return list(map(str, dict.fromkeys(_strongest(alike) + _strongest(others) + simplest)))


def _strongest(controls: list[Arm]) -> list[Arm]:
    """The strongest of some controls, by name; empty if there are none."""
    ranked = [
        control
        for strong in STRONGEST_CONTROLS
        for control in controls
        if control.without(LOGIT_ADJUSTED) == strong
    ]
    return (ranked or controls[::-1])[:1]


def _selections(results: dict[str, Any]) -> list[str]:
    """What proxy classes chose, in sentences."""
    sentences = []
    if results["augmentation"]:
        best = next(iter(results["augmentation"]))
        sentences.append(f"For +auto, proxy classes chose {best}.")
    return sentences + [
        f"For +logit-adjusted, proxy classes chose tau {tau:g} for {', '.join(names)}."
        for tau, names in arms_by_tau(results["logit_adjustment"]).items()
    ]


def _comparison(name: str, summary: dict[str, Any], reference: str) -> str:
    """The verdict on an arm beside another one, and the difference that decides it."""
    differences = summary["versus"][reference]
    decision, f1 = verdict.verdict(differences), differences["rare_f1"]
    other = "the baseline" if reference == BASELINE else f"the control {reference}"
    difference = f"F1 of the rare class {_with_interval(f1)}"
    if verdict.verdict({"rare_f1": f1, "balanced_accuracy": UNCHANGED}) != decision:
        difference += f", but balanced accuracy {_with_interval(differences['balanced_accuracy'])}"
    if decision == HELPS:
        return f"{name} beats {other}: {difference}."
    if decision == HURTS:
        return f"{name} falls behind {other}: {difference}."
    return f"The difference between {name} and {other} is not significant: {difference}."


def _with_interval(value: dict[str, float | None]) -> str:
    if value["low"] is None:
        return f"{value['difference']:+.3f} (no interval: one repetition, or too few test images)"
    return "{difference:+.3f} (95 % interval {low:+.3f} to {high:+.3f})".format(**value)
