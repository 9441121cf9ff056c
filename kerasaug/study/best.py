"""Which arm a study recommends, and which controls an arm with a generator has to beat."""

from typing import Any

from kerasaug.study import verdict
from kerasaug.study.arms import BASELINE, ENSEMBLE, FOCAL, FULL_DATA, Arm, parse, strongest_control
from kerasaug.study.verdict import HELPS

SIMPLEST_CONTROL = Arm("oversample")
LEFT_OUT = {FULL_DATA, FOCAL, ENSEMBLE}
"""Mixtures that batches alone do not make."""


def best(summaries: dict[str, Any]) -> str | None:
    """Chooses the arm with the highest average precision among those that help.

    One with synthetic images must also beat its control. Those that batches alone do not make are
    left out: `full`, `focal`, `ensemble`, and those with `+half` or `+logit-adjusted`.

    Args:
        summaries: `arms` of `results.json`.

    Returns:
        Its name; None if none helps.
    """
    arms = {name: parse(name) for name in summaries}
    controls = [arm for arm in arms.values() if arm.is_control]
    good = [name for name, arm in arms.items() if _helps(arm, summaries[name], controls)]
    precision = "rare_average_precision"
    return max(good, key=lambda n: summaries[n]["summary"][precision]["mean"], default=None)


def controls_of(arm: Arm, controls: list[Arm]) -> list[str]:
    """The controls that an arm with a generator is compared with, the first of which decides."""
    alike = [control for control in controls if control.adjusts_logits == arm.adjusts_logits]
    others = [control for control in controls if control not in alike]
    strongest = [strongest_control(alike), strongest_control(others)]
    simplest = [control for control in (SIMPLEST_CONTROL, Arm(BASELINE)) if control in controls]
    return [str(c) for c in dict.fromkeys([*strongest, *simplest]) if c is not None]


def _helps(arm: Arm, summary: dict[str, Any], controls: list[Arm]) -> bool:
    if arm.mixture in LEFT_OUT or arm.is_halved or arm.adjusts_logits:
        return False
    if summary["verdict"] != HELPS or arm.is_control:
        return summary["verdict"] == HELPS
    control = next(iter(controls_of(arm, controls)), None)
    differences = summary["versus"].get(control)
    return differences is not None and verdict.verdict(differences) == HELPS
