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
    rare = " and ".join(
        results["data"]["class_names"][class_id] for class_id in results["data"]["rare_classes"]
    )
    sentences = []
    generative = [name for name in found if arms.parse(name).model is not None]
    controls = [name for name in CONTROLS if name in found]
    if generative:
        best = max(generative, key=lambda name: _f1(found[name]))
        against = [name for name in (BASELINE,) if name in found]
        if controls:
            against.append(max(controls, key=lambda name: _f1(found[name])))
        sentences += [_against(best, found[best], other) for other in against]
    if BASELINE in found:
        recall = found[BASELINE]["summary"]["rare_recall"]["mean"]
        sentences.append(
            f"With nothing done, the classifier finds {recall:.1%} of the test images of {rare}."
        )
    for name in controls:
        if found[name]["verdict"]:
            sentences.append(_against(name, found[name], BASELINE))
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


def _against(name: str, arm: dict[str, Any], other: str) -> str:
    difference = arm["versus"][other]["rare_f1"]
    spread = "one repetition, no interval"
    if difference["low"] is not None:
        spread = f"95 % interval {difference['low']:+.3f} to {difference['high']:+.3f}"
    what = "doing nothing" if other == BASELINE else other
    return (
        f"{name} against {what}: {metrics.verdict(arm['versus'][other])} "
        f"(F1 of the rare class {difference['difference']:+.3f}, {spread})."
    )
