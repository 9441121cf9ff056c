"""What all trials of a study together say: the content of `results.json`."""

from collections.abc import Sequence
from typing import Any

from kerasaug.study import arms, metrics

SCHEMA = 1
BASELINE = "none"
CONTROLS = ("oversample", "crop-rotate", "balanced+affine")


def summarise(
    config: dict[str, Any], data: dict[str, Any], trials: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Puts the trials of a study together.

    Args:
        config: The resolved options, among them `arms` in the order of the table.
        data: What `training.describe` says of the data.
        trials: Results of `run_trial`; every arm has the same seeds.

    Returns:
        The content of `results.json`; `docs/results.md` documents it.
    """
    by_arm = {
        name: sorted((t for t in trials if t["arm"] == name), key=lambda trial: trial["seed"])
        for name in config["arms"]
    }
    references = [name for name in (BASELINE, *CONTROLS) if name in by_arm]
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
    return {"schema": SCHEMA, "config": config, "data": data, "arms": summaries}


def headlines(results: dict[str, Any]) -> list[str]:
    """Says in a few sentences what was found, the verdict on the generated images first.

    Args:
        results: What `summarise` gave.

    Returns:
        One sentence each.
    """
    found = results["arms"]
    classes = results["data"]["class_names"]
    rare = " and ".join(classes[class_id] for class_id in results["data"]["rare_classes"])
    controls = [name for name in CONTROLS if name in found]
    generative = [name for name in found if arms.parse(name).model is not None]
    sentences = []
    if generative:
        best = max(generative, key=lambda name: _f1(found[name]))
        if BASELINE in found:
            sentences.append(_against_nothing(best, found[best]))
        if controls:
            strongest = max(controls, key=lambda name: _f1(found[name]))
            sentences.append(_against_control(best, found[best], strongest))
    if BASELINE in found:
        recall = found[BASELINE]["summary"]["rare_recall"]["mean"]
        sentences.append(
            f"With nothing done, the classifier finds {recall:.1%} of the test images of {rare}."
        )
        sentences += [_against_nothing(name, found[name]) for name in controls]
    return sentences


def _f1(arm: dict[str, Any]) -> float:
    return arm["summary"]["rare_f1"]["mean"]


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
    return f"{opening[verdict]} the best control, {control}: {_difference(arm, control)}."


def _difference(arm: dict[str, Any], other: str) -> str:
    f1 = arm["versus"][other]["rare_f1"]
    spread = "one repetition, so no interval"
    if f1["low"] is not None:
        spread = f"95 % interval {f1['low']:+.3f} to {f1['high']:+.3f}"
    return f"F1 of the rare class {f1['difference']:+.3f} ({spread})"
