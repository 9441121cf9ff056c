"""What all trials of a study together say: the content of `results.json`."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from kerasaug.study import arms, metrics
from kerasaug.study.arms import BASELINE, CEILING

SCHEMA = 1
SIMPLEST_CONTROL = "oversample"
FEW_TESTS = 30
"""With fewer test images of a rare class, one of them moves recall by several hundredths, and there
is no verdict."""
UNCHANGED = {"difference": 0.0, "low": 0.0, "high": 0.0}
STRONGEST_CONTROLS = ("balanced+auto", "balanced+affine")


def summarise(
    config: dict[str, Any],
    data: dict[str, Any],
    trials: Sequence[dict[str, Any]],
    fidelity: dict[str, list[dict[str, Any] | None]] | None = None,
    augmentation: dict[str, float] | None = None,
    adjustment: dict[str, dict[str, Any]] | None = None,
    failures: Sequence[dict[str, str]] = (),
) -> dict[str, Any]:
    """Puts the trials of a study together.

    Args:
        config: The resolved options, among them `arms` in the order of the table.
        data: What `provenance.describe` says of the data.
        trials: Results of `run_trial`; an arm may lack those that failed.
        fidelity: By model, what `Judge.measure` gave in each repetition.
        augmentation: What `Choices.augmentation` gave.
        adjustment: What `Choices.adjustment` gave.
        failures: Tasks that did not end well, as `task` and `error`.

    Returns:
        The content of `results.json`; `docs/results.md` documents it.
    """
    by_arm = {
        name: sorted((t for t in trials if t["arm"] == name), key=lambda trial: trial["seed"])
        for name in config["arms"]
        if any(trial["arm"] == name for trial in trials)
    }
    enough = few_tests(data) is None
    references = [name for name in by_arm if arms.parse(name).model is None]
    summaries = {}
    for name, own in by_arm.items():
        differences = {
            reference: _differences(own, by_arm[reference], enough)
            for reference in references
            if reference != name
        }
        versus = {reference: each for reference, each in differences.items() if each}
        summaries[name] = {
            "trials": own,
            "summary": {
                metric: metrics.interval([trial[metric] for trial in own])
                for metric in metrics.NAMES
            },
            "versus": versus,
            "verdict": metrics.verdict(versus[BASELINE]) if BASELINE in versus else None,
        }
    return {
        "schema": SCHEMA,
        "config": config,
        "data": data,
        "arms": summaries,
        "amounts": _amounts(by_arm),
        "augmentation": augmentation,
        "adjustment": adjustment or {},
        "fidelity": fidelity or {},
        "failures": list(failures),
    }


def few_tests(data: dict[str, Any]) -> str | None:
    """Says that there are too few test images for a verdict.

    Args:
        data: What `provenance.describe` says of the data, or of it `class_names`, `test_counts` and
            `rare_classes`.

    Returns:
        The beginning of a sentence; None if there are enough of every rare class.
    """
    fewest = min(data["rare_classes"], key=lambda class_id: data["test_counts"][class_id])
    tests = data["test_counts"][fewest]
    if tests >= FEW_TESTS:
        return None
    return (
        f"There {'is' if tests == 1 else 'are'} but {tests} test image{'s' * (tests != 1)} of "
        f"{data['class_names'][fewest]}: too few for a verdict, which takes {FEW_TESTS}"
    )


class Headlines(NamedTuple):
    """What a study found, in sentences.

    Attributes:
        first: Whether there are enough test images, the verdict on every generative arm, and what
            else has to be known.
        further: Further comparisons.
    """

    first: list[str]
    further: list[str]


def headlines(results: dict[str, Any]) -> Headlines:
    """Says in a few sentences what was found, the verdict on the generated images first.

    Before it comes, if so, that there are too few test images for any verdict.

    Every generative arm is first held against the strongest control, which is chosen by name, never
    by its scores: the first of `STRONGEST_CONTROLS` that was run, adjusted for an arm that is; else
    the last control listed, else doing nothing. An arm that is adjusted is never held against a
    control that is not while no adjusted one was run.

    Args:
        results: What `summarise` gave.

    Returns:
        The sentences.
    """
    found = results["arms"]
    data = results["data"]
    rare = " and ".join(data["class_names"][class_id] for class_id in data["rare_classes"])
    controls = [
        name
        for name in found
        if name != BASELINE and arms.parse(name).model is None and not _is_ceiling(name)
    ]
    sentences, further, ahead, held = [], [], [], 0
    for name, arm in found.items():
        if arms.parse(name).model is None:
            continue
        against = [control for control in _held_against(name, controls) if control in arm["versus"]]
        said = [_sentence(name, arm, control) for control in against]
        if BASELINE in arm["versus"]:
            said.append(_sentence(name, arm, BASELINE))
        sentences += said[:1]
        further += said[1:]
        if against:
            held += 1
            ahead += [name] * (metrics.verdict(arm["versus"][against[0]]) == "helps")
    if held > 1:
        names, verb = ", ".join(ahead) or "none", "are" if len(ahead) > 1 else "is"
        sentences.insert(
            0, f"Of {held} arms with generated images, {names} {verb} shown to beat the control."
        )
    warning = few_tests(data)
    if warning:
        sentences.insert(0, f"{warning}. All that follows may be chance.")
    if BASELINE in found:
        recall = found[BASELINE]["summary"]["rare_recall"]["mean"]
        sentences.append(
            f"With nothing done, the classifier finds {recall:.1%} of the test images of {rare}."
        )
        further += [
            _sentence(name, found[name], BASELINE)
            for name in controls
            if BASELINE in found[name]["versus"]
        ]
    for name in found:
        if _is_ceiling(name):
            f1 = found[name]["summary"]["rare_f1"]["mean"]
            sentences.append(
                f"With all images of {rare} that there are ({name}), its F1 is {f1:.3f}."
            )
    return Headlines([*sentences, *_choices(results)], further)


def _held_against(name: str, controls: list[str]) -> list[str]:
    """The controls that a generative arm is held against, the first of which is its own."""
    adjusts = arms.parse(name).adjusts
    alike = [control for control in controls if arms.parse(control).adjusts == adjusts]
    others = [control for control in controls if control not in alike]
    if adjusts and not alike:
        return []
    simplest = [control for control in controls if control == SIMPLEST_CONTROL]
    return list(dict.fromkeys(_strongest(alike) + _strongest(others) + simplest))


def _choices(results: dict[str, Any]) -> list[str]:
    """What held-out training images chose, in sentences."""
    by_images = "held-out training images choose"
    sentences = [
        f"Of the amounts of {family}, {by_images} {amounts['chosen']}."
        for family, amounts in results["amounts"].items()
        if amounts["chosen"] is not None
    ]
    if results["augmentation"]:
        sentences.append(f"For +auto, {by_images} {next(iter(results['augmentation']))}.")
    return sentences + [
        f"As the strength of +adjusted, {by_images} {strength:g} for {', '.join(names)}."
        for strength, names in arms_by_strength(results["adjustment"]).items()
    ]


def arms_by_strength(adjustment: dict[str, dict[str, Any]]) -> dict[float, list[str]]:
    """The adjusted arms by the strength that was chosen for them.

    Args:
        adjustment: What `Choices.adjustment` gave.

    Returns:
        Names in the order given.
    """
    found: dict[float, list[str]] = {}
    for name, made in adjustment.items():
        found.setdefault(made["chosen"], []).append(name)
    return found


def _strongest(controls: list[str]) -> list[str]:
    """The strongest of some controls, by name; empty if there are none."""
    ranked = [
        control
        for strong in STRONGEST_CONTROLS
        for control in controls
        if control in (strong, f"{strong}+{arms.ADJUSTING}")
    ]
    return (ranked or controls[::-1])[:1]


def _is_ceiling(name: str) -> bool:
    return arms.parse(name).mixture == CEILING


def _amounts(by_arm: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Arms that differ in their count alone, and the count with the best F1 on held-out images."""
    families: dict[str, dict[int, str]] = {}
    for name in by_arm:
        arm = arms.parse(name)
        if arm.count is not None:
            family = str(dataclasses.replace(arm, count=None))
            families.setdefault(family, {})[arm.count] = name
    found = {}
    for family, names in families.items():
        if len(names) < 2:
            continue
        counts = sorted(names)
        by_count = {
            count: {
                trial["seed"]: trial["validation"]["rare_f1"]
                for trial in by_arm[names[count]]
                if trial["validation"] is not None
            }
            for count in counts
        }
        # Repetitions differ in how hard they are: only those count that all amounts have.
        common = set.intersection(*(set(scores) for scores in by_count.values()))
        means = {c: np.mean([by_count[c][seed] for seed in common]) for c in counts if common}
        # The first of equals, which is the smallest.
        chosen = max(means, key=means.get) if means else None
        found[family] = {"arms": {str(count): names[count] for count in counts}, "chosen": chosen}
    return found


def _differences(
    ours: list[dict], theirs: list[dict], enough: bool
) -> dict[str, dict[str, float | None]] | None:
    """Paired by repetition; None if there is no repetition in which both ended well.

    Without intervals if there are not enough test images for what these would say.
    """
    by_seed = {trial["seed"]: trial for trial in theirs}
    pairs = [(trial, by_seed[trial["seed"]]) for trial in ours if trial["seed"] in by_seed]
    if not pairs:
        return None
    unknown = {} if enough else {"low": None, "high": None}
    found = {}
    for metric in metrics.NAMES:
        scores = zip(*((a[metric], b[metric]) for a, b in pairs), strict=True)
        found[metric] = {**metrics.paired_difference(*scores), **unknown}
    return found


def _sentence(name: str, arm: dict[str, Any], other: str) -> str:
    """Says what came of an arm beside another one, and by which difference that is told."""
    differences = arm["versus"][other]
    verdict, f1 = metrics.verdict(differences), differences["rare_f1"]
    nothing = other == BASELINE
    does = {"helps": ("beats", "helps"), "hurts": ("falls behind", "hurts")}
    opening = (
        f"{name} {does[verdict][nothing]}"
        if verdict in does
        else (f"There is no evidence that {name} {does['helps'][nothing]}")
    )
    difference = f"F1 of the rare class {_with_interval(f1)}"
    if metrics.verdict({"rare_f1": f1, "balanced_accuracy": UNCHANGED}) != verdict:
        difference += f", but balanced accuracy {_with_interval(differences['balanced_accuracy'])}"
    if nothing:
        return f"{opening}: {difference} against doing nothing."
    return f"{opening} the control {other}: {difference}."


def _with_interval(value: dict[str, float | None]) -> str:
    if value["low"] is None:
        return f"{value['difference']:+.3f} (no interval: one repetition, or too few test images)"
    interval = f"{value['low']:+.3f} to {value['high']:+.3f}"
    return f"{value['difference']:+.3f} (95 % interval {interval})"
