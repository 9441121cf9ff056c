"""All trials of a study, put together: the content of `results.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

from kerasaug.study import scores, verdict
from kerasaug.study.arms import BASELINE, parse

SCHEMA = 2


def summarise(
    trials: Sequence[dict[str, Any]],
    *,
    config: Mapping[str, Any],
    data: Mapping[str, Any],
    fidelity: Mapping[str, list[dict[str, Any] | None]] | None = None,
    augmentation: Mapping[str, float] | None = None,
    logit_adjustment: Mapping[str, dict[str, Any]] | None = None,
    failures: Sequence[dict[str, str]] = (),
) -> dict[str, Any]:
    """Puts the trials of a study together.

    Args:
        trials: Results of `run_trial`, with the `arm` of each; those that failed are not there.
        config: The resolved options, among them `arms` in the order of the table.
        data: What `provenance.describe` says of the data.
        fidelity: What `Generators.fidelity` returns.
        augmentation: What `Selection.augmentation` returns.
        logit_adjustment: What `Selection.logit_adjustment` returns.
        failures: The tasks that failed, as `task` and `error`.

    Returns:
        The content of `results.json`; `docs/results.md` documents it.
    """
    by_arm = {
        name: sorted((t for t in trials if t["arm"] == name), key=lambda trial: trial["seed"])
        for name in config["arms"]
        if any(trial["arm"] == name for trial in trials)
    }
    has_intervals = verdict.too_few_tests(data) is None
    references = [name for name in by_arm if parse(name).model is None]
    summaries = {}
    for name, own_trials in by_arm.items():
        differences = {
            reference: _differences(own_trials, by_arm[reference], has_intervals)
            for reference in references
            if reference != name
        }
        versus = {reference: values for reference, values in differences.items() if values}
        summaries[name] = {
            "trials": own_trials,
            "summary": {
                metric: verdict.interval([trial[metric] for trial in own_trials])
                for metric in scores.NAMES
            },
            "versus": versus,
            "verdict": verdict.verdict(versus[BASELINE]) if BASELINE in versus else None,
        }
    return {
        "schema": SCHEMA,
        "config": config,
        "data": data,
        "arms": summaries,
        "augmentation": augmentation,
        "logit_adjustment": logit_adjustment or {},
        "fidelity": fidelity or {},
        "failures": list(failures),
    }


def _differences(
    trials: list[dict], reference: list[dict], has_intervals: bool
) -> dict[str, dict[str, float | None]] | None:
    """Paired by repetition; None if no repetition has both."""
    by_seed = {trial["seed"]: trial for trial in reference}
    pairs = [(trial, by_seed[trial["seed"]]) for trial in trials if trial["seed"] in by_seed]
    if not pairs:
        return None
    unknown = {} if has_intervals else {"low": None, "high": None}
    differences = {}
    for metric in scores.NAMES:
        values = zip(*((a[metric], b[metric]) for a, b in pairs), strict=True)
        differences[metric] = {**verdict.paired_difference(*values), **unknown}
    return differences
