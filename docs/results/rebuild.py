"""Rebuilds `docs/study.md` from the `results.json` of studies in this folder.

    python docs/results/rebuild.py

The table of a study stands between `<!-- table: NAME -->` and `<!-- end of table -->`;
`worth PREFIX` takes all studies `PREFIX-COUNT`, which differ in how many images of the rare class
there are, and draws `docs/images/worth-PREFIX.png`. Of a study with several counts of generated
images, `docs/images/amounts-NAME.png` is drawn, and of one with the baseline, its errors and
curves: `confusion-NAME.png` and `curves-NAME.png`. The files are of release 0.1 (schema 1), which
kept no predictions: arms are shown under their present names, intervals are Student's t over
repetitions, and verdicts follow the rule of that release, on F1 and balanced accuracy.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats

from kerasaug import plots
from kerasaug.files import atomic
from kerasaug.study import report
from kerasaug.study.arms import AUTO, BASELINE, LOGIT_ADJUSTED, parse
from kerasaug.study.verdict import HELPS, HURTS, NOT_SIGNIFICANT

HERE = Path(__file__).parent
PAGE, IMAGES = HERE.parent / "study.md", HERE.parent / "images"
TABLE = re.compile(
    r"(<!-- table: (worth )?(\S+) -->\n)(?:(?!<!-- ).)*(<!-- end of table -->)", re.DOTALL
)
CONTROL = "balanced+auto"
CONTROLS = (CONTROL, f"{CONTROL}+{LOGIT_ADJUSTED}")
GENERATOR_ARMS = tuple(
    f"conditional-vae:{form}+auto{modifier}"
    for form in ("class-balanced", "latent-perturbation")
    for modifier in ("", f"+{LOGIT_ADJUSTED}")
)
"""Arms whose generator is worth the real images that a control needs to do as well."""
TOLERANCE = 0.001
"""By how much balanced accuracy may be lower where an arm helps."""
METRICS = ("rare_recall", "rare_precision", "rare_f1", "balanced_accuracy")

Score = dict[str, float | None]


def load(name: str) -> dict[str, Any]:
    """Reads a study of this folder, by the file's name, and summarises its trials anew."""
    results = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    trials = {str(parse(arm)): summary["trials"] for arm, summary in results["arms"].items()}
    summaries = {
        arm: {
            "trials": own,
            "summary": {m: _interval([trial[m] for trial in own]) for m in METRICS},
            "versus": {
                other: {
                    m: _interval(
                        [a[m] - b[m] for a, b in zip(own, trials[other], strict=True)], -1.0
                    )
                    for m in METRICS
                }
                for other in trials
                if other != arm and parse(other).model is None
            },
        }
        for arm, own in trials.items()
    }
    return {
        **results,
        "arms": summaries,
        "logit_adjustment": {
            str(parse(arm)): {"tau": choice["chosen"]}
            for arm, choice in results.get("adjustment", {}).items()
        },
    }


def _interval(scores: list[float], lowest: float = 0.0) -> Score:
    """The mean of repetitions and its 95 % interval, Student's t, cut off where no score can be."""
    mean = float(np.mean(scores))
    half = float(scipy.stats.t.ppf(0.975, len(scores) - 1) * scipy.stats.sem(scores))
    return {"mean": mean, "low": max(lowest, mean - half), "high": min(1.0, mean + half)}


def _verdict(differences: dict[str, Score]) -> str:
    """The verdict of release 0.1."""
    f1, balanced = differences["rare_f1"], differences["balanced_accuracy"]
    if f1["high"] < 0 or balanced["high"] < -TOLERANCE:
        return HURTS
    if f1["low"] > 0 and balanced["mean"] >= -TOLERANCE:
        return HELPS
    return NOT_SIGNIFICANT


def arm_table(name: str) -> str:
    """The arms of a study: scores, verdicts against the baseline and two controls, and tau.

    The controls of an arm are `balanced` with the arm's augmentation, or with that of most arms,
    without and with logit adjustment.
    """
    results = load(name)
    augmentations = [parse(arm).augmentation for arm in results["arms"]]
    usual = max(filter(None, augmentations), key=augmentations.count)
    rows = [
        ["arm", "recall", "precision", "F1", "balanced accuracy", "against the baseline"]
        + ["F1 against the control", "F1 against the logit-adjusted control"]
    ]
    for arm, values in results["arms"].items():
        summary, versus = values["summary"], values["versus"]
        control = f"balanced+{parse(arm).augmentation or usual}"
        choice = results["logit_adjustment"].get(arm)
        rows.append(
            [f"`{arm}`" + (f", tau {choice['tau']:g}" if choice else "")]
            + [_with_half(summary[f"rare_{metric}"]) for metric in ("recall", "precision", "f1")]
            + [_with_half(summary["balanced_accuracy"], 4), _against_baseline(versus)]
            + [_against(versus.get(c)) for c in (control, f"{control}+{LOGIT_ADJUSTED}")]
        )
    return _markdown(rows)


def worth_curves(prefix: str) -> dict[str, dict[int, Score]]:
    """F1 of the rare class of controls and arms with a generator, by number of its real images.

    The study that chose an augmentation says what `auto` is in the others.
    """
    studies = {
        int(path.stem.removeprefix(f"{prefix}-")): load(path.stem)
        for path in HERE.glob(f"{prefix}-*.json")
    }
    (augmentation,) = {
        parse(next(iter(study["augmentation"]))).augmentation
        for study in studies.values()
        if study["augmentation"]
    }
    return {
        arm: {
            count: study["arms"][name]["summary"]["rare_f1"]
            for count, study in sorted(studies.items())
            for name in {arm, arm.replace(AUTO, augmentation)} & set(study["arms"])
        }
        for arm in (*CONTROLS, *GENERATOR_ARMS)
    }


def images_needed(curve: dict[int, Score], f1: float) -> float:
    """How many real images the control needs for an F1.

    Args:
        curve: Of the control.
        f1: Wanted.

    Returns:
        The first place where straight lines between the means, over the logarithm of the count,
        reach it; infinity where they do not, and 0 where even the first point lies above.
    """
    counts, means = list(curve), [point["mean"] for point in curve.values()]
    if f1 < means[0]:
        return 0.0
    for i in range(1, len(counts)):
        if means[i] >= f1:
            return float(np.exp(np.interp(f1, means[i - 1 : i + 1], np.log(counts[i - 1 : i + 1]))))
    return np.inf


def worth_table(prefix: str) -> str:
    """F1 by number of real images, and how many the controls need for that of other arms."""
    curves = worth_curves(prefix)
    counts = list(curves[CONTROL])
    rows = [["arm", *(f"{count} images" for count in counts)]]
    for arm, curve in curves.items():
        cells = {count: _with_half(f1) for count, f1 in curve.items()}
        for count in cells if arm in GENERATOR_ARMS else ():
            needed = [_needed(curves[name], count, curve[count]["mean"]) for name in CONTROLS]
            cells[count] += f" ({'; '.join(needed)})"
        rows.append([f"`{arm}`", *(cells.get(count, "") for count in counts)])
    return _markdown(rows)


def save_worth(prefix: str) -> None:
    """Draws the curves behind `worth_table`."""
    title = f"{prefix}: F1 of the rare class, 95 % interval"
    figure = plots.amount_curves(worth_curves(prefix), {}, title, "real images of the rare class")
    plots.save_figure(figure, IMAGES / f"worth-{prefix}.png")


def save_figures(name: str) -> None:
    """Draws what the page shows of a study beside its table."""
    results = load(name)
    if report.amounts(results):
        title = f"{name}: F1 of the rare class, 95 % interval"
        figure = report.amount_figure(results, "rare_f1", title)
        plots.save_figure(figure, IMAGES / f"amounts-{name}.png")
    if BASELINE in results["arms"]:
        trials = results["arms"][BASELINE]["trials"]
        matrix = np.mean([trial["confusion_matrix"] for trial in trials], axis=0)
        title = f"{BASELINE}, mean of {len(trials)}"
        figure = plots.confusion_matrix(matrix, results["data"]["class_names"], title)
        plots.save_figure(figure, IMAGES / f"confusion-{name}.png")
        figure = plots.learning_curves([trial["history"] for trial in trials], BASELINE)
        plots.save_figure(figure, IMAGES / f"curves-{name}.png")


def rebuilt(page: str) -> str:
    """The page, Markdown, with every table made anew."""
    return TABLE.sub(
        lambda match: f"{match[1]}{(worth_table if match[2] else arm_table)(match[3])}\n{match[4]}",
        page,
    )


def _needed(control: dict[int, Score], count: int, f1: float) -> str:
    needed, most = images_needed(control, f1), max(control)
    if needed == 0:
        return f"under {min(control)}"
    if needed > most:
        return f"over {most}: over {most / count:.1f}×"
    return f"{needed:.0f}: {needed / count:.1f}×"


def _with_half(score: Score, digits: int = 3) -> str:
    half = max(score["high"] - score["mean"], score["mean"] - score["low"])
    return f"{score['mean']:.{digits}f} ± {half:.{digits}f}"


def _against(differences: dict[str, Score] | None) -> str:
    if differences is None:
        return ""
    f1 = differences["rare_f1"]
    interval = f"{f1['low']:+.4f} to {f1['high']:+.4f}"
    return f"{f1['mean']:+.4f} ({interval}): {_verdict(differences)}"


def _against_baseline(versus: dict[str, dict[str, Score]]) -> str:
    return _verdict(versus[BASELINE]) if BASELINE in versus else ""


def _markdown(rows: list[list[str]]) -> str:
    head, *others = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *others])


def main() -> None:
    """Writes the page and its figures."""
    page = PAGE.read_text(encoding="utf-8")
    with atomic(PAGE) as draft:
        draft.write_text(rebuilt(page), encoding="utf-8")
    for _, worth, name, _ in TABLE.findall(page):
        if worth:
            save_worth(name)
        else:
            save_figures(name)


if __name__ == "__main__":
    main()
