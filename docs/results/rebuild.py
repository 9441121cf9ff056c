"""Rebuilds what `docs/study.md` shows of the studies whose `results.json` lie in this folder.

    python docs/results/rebuild.py

A table stands between `<!-- table: KIND NAME -->` and `<!-- end of table -->`. Verdicts and
differences are worked out anew from the trials, by the package's present rule.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from kerasaug import plots
from kerasaug.study import metrics
from kerasaug.study.results import BASELINE, summarise

HERE = Path(__file__).parent
PAGE = HERE.parent / "study.md"
FIGURES = HERE.parent / "images"
TABLE = re.compile(r"(<!-- table: (.+) -->\n).*?(\n<!-- end of table -->)", re.DOTALL)
CONTROL, RECIPE = "balanced+", "conditional-vae:varied+"
WORTH = {
    "mnist-5": "digit 5 of MNIST",
    "fashion-shirt": "Shirt of Fashion-MNIST",
}


def load(name: str) -> dict[str, Any]:
    """Reads a study of this folder, and puts its trials together anew.

    Args:
        name: The file's name without `.json`.
    """
    results = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    trials = [trial for arm in results["arms"].values() for trial in arm["trials"]]
    augmentation = results["augmentation"]
    return summarise(results["config"], results["data"], trials, augmentation=augmentation)


def arm_table(name: str) -> str:
    """The arms of a study: scores, and verdicts against doing nothing and against the control."""
    results = load(name)
    control = _find(results, CONTROL)
    rows = [
        ["arm", "recall", "precision", "F1", "balanced accuracy"]
        + [f"F1 − F1 of `{control}`", f"against `{BASELINE}`", f"against `{control}`"]
    ]
    for arm, found in results["arms"].items():
        summary = found["summary"]
        against = found["versus"].get(control)
        rows.append(
            [f"`{arm}`"]
            + [_with_half(summary[f"rare_{each}"]) for each in ("recall", "precision", "f1")]
            + [_with_half(summary["balanced_accuracy"], 4)]
            + [_difference(against["rare_f1"]) if against else ""]
            + [found["verdict"] or "", metrics.verdict(against) if against else ""]
        )
    return _markdown(rows)


def worth_table(family: str) -> str:
    """By number of real images: F1 of both, and how many real images the generator stands for."""
    control, recipe = _curves(family)
    rows = [["real images", f"F1 of `{CONTROL}…`", f"F1 of `{RECIPE}…`", "worth"]]
    for count in sorted(control):
        ours = recipe.get(count)
        rows.append(
            [str(count), _with_half(control[count])]
            + ([_with_half(ours), _worth(control, count, ours["mean"])] if ours else ["", ""])
        )
    return _markdown(rows)


def worth_figure(family: str) -> None:
    """Draws F1 over the number of real images, of the control and of the recipe."""
    control, recipe = _curves(family)
    figure = plots.amount_curves(
        {"class-balanced, augmented": control, "and varied by a conditional VAE": recipe},
        {},
        f"F1 of {WORTH[family]}, mean and 95 % interval",
        axis="real images of the rare class",
    )
    plots.save_figure(figure, FIGURES / f"worth-{family}.png")


def rebuilt(page: str) -> str:
    """The page with every table made anew.

    Args:
        page: Markdown.
    """

    def table(found: re.Match) -> str:
        kind, name = found[2].split()
        made = {"arms": arm_table, "worth": worth_table}[kind](name)
        return found[1] + made + found[3]

    return TABLE.sub(table, page)


def _curves(family: str) -> tuple[dict[int, dict], dict[int, dict]]:
    """F1 by number of real images: of the control, and of the recipe."""
    curves: tuple[dict, dict] = ({}, {})
    for file in sorted(HERE.glob(f"{family}-*.json")):
        results = load(file.stem)
        (rare,) = results["data"]["rare_classes"]
        count = results["data"]["class_counts"][rare]
        for curve, prefix in zip(curves, (CONTROL, RECIPE), strict=True):
            arm = _find(results, prefix)
            if arm:
                curve[count] = results["arms"][arm]["summary"]["rare_f1"]
    return curves


def _find(results: dict[str, Any], prefix: str) -> str | None:
    """The arm of that beginning; of several, the one that ends in `auto`."""
    found = [name for name in results["arms"] if name.startswith(prefix)]
    return max(found, key=lambda name: name.endswith("+auto"), default=None)


def _worth(control: dict[int, dict], count: int, f1: float) -> str:
    """How many times the real images the control needs for an F1, between those measured."""
    counts = sorted(control)
    means = np.maximum.accumulate([control[each]["mean"] for each in counts])
    if f1 > means[-1]:
        return f"more than {counts[-1] / count:.1f}×"
    needed = np.exp(np.interp(f1, means, np.log(counts)))
    return f"{needed / count:.1f}×"


def _with_half(score: dict[str, float | None], digits: int = 3) -> str:
    half = max(score["high"] - score["mean"], score["mean"] - score["low"])
    return f"{score['mean']:.{digits}f} ± {half:.{digits}f}"


def _difference(score: dict[str, float | None]) -> str:
    return f"{score['difference']:+.4f} ({score['low']:+.4f} to {score['high']:+.4f})"


def _markdown(rows: list[list[str]]) -> str:
    head, *others = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *others])


def main() -> None:
    """Writes the page and its figures."""
    PAGE.write_text(rebuilt(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for family in WORTH:
        worth_figure(family)


if __name__ == "__main__":
    main()
