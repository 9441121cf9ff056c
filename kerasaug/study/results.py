"""What all trials of a study together say: the content of `results.json`."""

from collections.abc import Sequence
from typing import Any

from kerasaug.study import arms, metrics

SCHEMA = 1
BASELINE = "none"
SIMPLEST_CONTROL, STRONGEST_CONTROL = "oversample", "balanced+affine"


def summarise(
    config: dict[str, Any],
    data: dict[str, Any],
    trials: Sequence[dict[str, Any]],
    fidelity: dict[str, list[dict[str, Any] | None]] | None = None,
) -> dict[str, Any]:
    """Puts the trials of a study together.

    Args:
        config: The resolved options, among them `arms` in the order of the table.
        data: What `training.describe` says of the data.
        trials: Results of `run_trial`; every arm has the same seeds.
        fidelity: By model, what `Judge.measure` gave in each repetition.

    Returns:
        The content of `results.json`; `docs/results.md` documents it.
    """
    by_arm = {
        name: sorted((t for t in trials if t["arm"] == name), key=lambda trial: trial["seed"])
        for name in config["arms"]
    }
    references = [name for name in by_arm if arms.parse(name).model is None]
    summaries = {}
    for name, own in by_arm.items():
        versus = {
            reference: _differences(own, by_arm[reference])
            for reference in references
            if reference != name
        }
        summaries[name] = {
            "trials": own,
            "summary": {
                metric: metrics.interval([trial[metric] for trial in own])
                for metric in metrics.METRICS
            },
            "versus": versus,
            "verdict": metrics.verdict(versus[BASELINE]) if BASELINE in versus else None,
        }
    return {
        "schema": SCHEMA,
        "config": config,
        "data": data,
        "arms": summaries,
        "fidelity": fidelity or {},
    }


def headlines(results: dict[str, Any]) -> list[str]:
    """Says in a few sentences what was found, the verdict on the generated images first.

    Every generative arm is held against doing nothing and against two controls that are chosen by
    name, never by their scores: `oversample` and `balanced+affine`, or where neither was run the
    last control listed.

    Args:
        results: What `summarise` gave.

    Returns:
        One sentence each.
    """
    found = results["arms"]
    classes = results["data"]["class_names"]
    rare = " and ".join(classes[class_id] for class_id in results["data"]["rare_classes"])
    controls = [name for name in found if name != BASELINE and arms.parse(name).model is None]
    sentences = []
    for name, arm in found.items():
        if arms.parse(name).model is not None:
            if BASELINE in found:
                sentences.append(_against_nothing(name, arm))
            chosen = [c for c in (SIMPLEST_CONTROL, STRONGEST_CONTROL) if c in controls]
            sentences += [_against_control(name, arm, c) for c in chosen or controls[-1:]]
    if BASELINE in found:
        recall = found[BASELINE]["summary"]["rare_recall"]["mean"]
        sentences.append(
            f"With nothing done, the classifier finds {recall:.1%} of the test images of {rare}."
        )
        sentences += [_against_nothing(name, found[name]) for name in controls]
    return sentences


def _differences(ours: list[dict], theirs: list[dict]) -> dict[str, dict[str, float | None]]:
    return {
        metric: metrics.paired_difference(
            [trial[metric] for trial in ours], [trial[metric] for trial in theirs]
        )
        for metric in metrics.METRICS
    }


def _against_nothing(name: str, arm: dict[str, Any]) -> str:
    opening = {
        "helps": f"{name} helps",
        "hurts": f"{name} hurts",
        "no evidence": f"There is no evidence that {name} helps",
    }
    return f"{opening[arm['verdict']]}: {_difference(arm, BASELINE)} against doing nothing."


def _against_control(name: str, arm: dict[str, Any], control: str) -> str:
    opening = {
        "helps": f"{name} beats",
        "hurts": f"{name} falls behind",
        "no evidence": f"There is no evidence that {name} beats",
    }
    verdict = metrics.verdict(arm["versus"][control])
    return f"{opening[verdict]} the control {control}: {_difference(arm, control)}."


def _difference(arm: dict[str, Any], other: str) -> str:
    differences = arm["versus"][other]
    f1 = differences["rare_f1"]
    words = f"F1 of the rare class {_with_interval(f1)}"
    verdict = metrics.verdict(differences)
    decided_by_f1 = {
        "helps": True,
        "hurts": f1["high"] is not None and f1["high"] < 0,
        "no evidence": f1["low"] is None or f1["low"] <= 0,
    }
    if not decided_by_f1[verdict]:
        words += f", but balanced accuracy {_with_interval(differences['balanced_accuracy'])}"
    return words


def _with_interval(value: dict[str, float | None]) -> str:
    if value["low"] is None:
        return f"{value['difference']:+.3f} (one repetition, so no interval)"
    interval = f"{value['low']:+.3f} to {value['high']:+.3f}"
    return f"{value['difference']:+.3f} (95 % interval {interval})"
