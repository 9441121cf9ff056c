"""Rebuilds `docs/study.md` from the `results.json` of studies in this folder.

    python docs/results/rebuild.py

The table of a study stands between `<!-- table: NAME -->` and `<!-- end of table -->`;
`worth PREFIX` takes all studies `PREFIX-COUNT`, which differ in how many images of the rare class
were kept, and draws `docs/images/worth-PREFIX.png`. For a study with several amounts of generated
images, `docs/images/amounts-NAME.png` is drawn, and for one in which nothing was done too, what the
classifier does then: `confusion-NAME.png` and `curves-NAME.png`. Verdicts and differences are
worked out anew from the trials, by the package's present rule.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from kerasaug import plots
from kerasaug.files import atomic
from kerasaug.study import arms, metrics, report
from kerasaug.study.results import BASELINE, arms_by_strength, summarise

HERE = Path(__file__).parent
PAGE, IMAGES = HERE.parent / "study.md", HERE.parent / "images"
TABLE = re.compile(
    r"(<!-- table: (worth )?(\S+) -->\n)(?:(?!<!-- ).)*(<!-- end of table -->)", re.DOTALL
)
CONTROLS = [f"balanced+auto{adjusted}" for adjusted in ("", "+adjusted")]
RECIPES = [
    f"conditional-vae:{form}+auto{adjusted}"
    for form in ("symmetric", "varied")
    for adjusted in ("", "+adjusted")
]
"""A recipe is worth the real images that a control needs to do as well."""


def load(name: str) -> dict[str, Any]:
    """Reads a study of this folder, and puts its trials together anew.

    Args:
        name: The file's name without `.json`.
    """
    results = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    trials = [trial for arm in results["arms"].values() for trial in arm["trials"]]
    # These were written before results said so.
    tests = [sum(row) for row in trials[0]["confusion_matrix"]]
    return summarise(
        results["config"],
        {"test_counts": tests, "notes": [], **results["data"]},
        trials,
        results["fidelity"],
        augmentation=results["augmentation"],
        adjustment=results.get("adjustment"),
    )


def arm_table(name: str) -> str:
    """The arms of a study: scores, verdicts against doing nothing and two controls, and strengths.

    The controls of an arm are `balanced` with the arm's augmentation, or with that which most arms
    have, once as it is and once adjusted.
    """
    results = load(name)
    found = [arms.parse(arm).augmentation for arm in results["arms"]]
    usual = max([name for name in found if name] or ["affine"], key=found.count)
    rows = [
        ["arm", "recall", "precision", "F1", "balanced accuracy", f"against `{BASELINE}`"]
        + ["F1, against its control", "F1, against its control adjusted"]
    ]
    for arm, found in results["arms"].items():
        summary = found["summary"]
        control = f"balanced+{arms.parse(arm).augmentation or usual}"
        rows.append(
            [f"`{arm}`"]
            + [_with_half(summary[f"rare_{each}"]) for each in ("recall", "precision", "f1")]
            + [_with_half(summary["balanced_accuracy"], 4), found["verdict"] or ""]
            + [_against(found["versus"].get(each)) for each in (control, f"{control}+adjusted")]
        )
    return _markdown(rows) + _strengths(results["adjustment"])


def _strengths(adjustment: dict[str, dict[str, Any]]) -> str:
    said = [
        f"{strength:g} for {', '.join(f'`{name}`' for name in names)}"
        for strength, names in sorted(arms_by_strength(adjustment).items())
    ]
    return f"\n\nStrength that was chosen: {'; '.join(said)}." if said else ""


def worth_curves(prefix: str) -> dict[str, dict[int, dict[str, float | None]]]:
    """F1 of the rare class with its interval, of controls and recipes, by number of images kept.

    Where a study of the prefix chose an augmentation, the others are taken to name it.
    """
    studies = {
        int(path.stem.removeprefix(f"{prefix}-")): load(path.stem)
        for path in HERE.glob(f"{prefix}-*.json")
    }
    (chosen,) = {
        arms.parse(next(iter(study["augmentation"]))).augmentation
        for study in studies.values()
        if study["augmentation"]
    }
    curves = {}
    for arm in (*CONTROLS, *RECIPES):
        named = arm.replace(arms.AUTO, chosen)
        curves[arm] = {
            count: study["arms"][name]["summary"]["rare_f1"]
            for count, study in sorted(studies.items())
            for name in {arm, named} & set(study["arms"])
        }
    return curves


def images_needed(curve: dict[int, dict[str, float | None]], f1: float) -> float:
    """How many images the control needs for an F1.

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
    """How many images the controls need for the F1 that the recipes reach with fewer."""
    curves = worth_curves(prefix)
    rows = [
        ["arm", "images kept", "F1", *(f"images that `{each}` needs for it" for each in CONTROLS)]
    ]
    for arm, curve in curves.items():
        for count, f1 in curve.items():
            needed = [
                "" if arm in CONTROLS else _needed(curves[control], count, f1["mean"])
                for control in CONTROLS
            ]
            rows.append([f"`{arm}`", str(count), _with_half(f1), *needed])
    return _markdown(rows)


def _needed(control: dict[int, dict[str, float | None]], count: int, f1: float) -> str:
    needed, most = images_needed(control, f1), max(control)
    if needed == 0:
        return f"fewer than {min(control)}"
    if needed > most:
        return f"more than {most}: over {most / count:.1f}×"
    return f"{needed:.0f}: {needed / count:.1f}×"


def save_worth(prefix: str) -> None:
    """Draws the curves behind `worth_table`."""
    title = f"{prefix}: F1 of the rare class by how many of its images there are"
    figure = plots.amount_curves(worth_curves(prefix), {}, title, "real images of the rare class")
    plots.save_figure(figure, IMAGES / f"worth-{prefix}.png")


def save_figures(name: str) -> None:
    """Draws what the page shows of a study beside its table."""
    results = load(name)
    if results["amounts"]:
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
    """The page with every table made anew.

    Args:
        page: Markdown.
    """
    return TABLE.sub(
        lambda found: f"{found[1]}{(worth_table if found[2] else arm_table)(found[3])}\n{found[4]}",
        page,
    )


def _with_half(score: dict[str, float | None], digits: int = 3) -> str:
    half = max(score["high"] - score["mean"], score["mean"] - score["low"])
    return f"{score['mean']:.{digits}f} ± {half:.{digits}f}"


def _against(differences: dict[str, dict[str, float | None]] | None) -> str:
    if differences is None:
        return ""
    f1 = differences["rare_f1"]
    interval = f"{f1['low']:+.4f} to {f1['high']:+.4f}"
    return f"{f1['difference']:+.4f} ({interval}): {metrics.verdict(differences)}"


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
