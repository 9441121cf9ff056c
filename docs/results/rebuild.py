"""Rebuilds the tables of `docs/study.md` from the `results.json` of studies in this folder.

    python docs/results/rebuild.py

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`. Verdicts and
differences are worked out anew from the trials, by the package's present rule.
"""

import json
import re
from pathlib import Path
from typing import Any

from kerasaug.study import metrics
from kerasaug.study.results import BASELINE, summarise

HERE = Path(__file__).parent
PAGE = HERE.parent / "study.md"
TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(\n<!-- end of table -->)", re.DOTALL)
CONTROL = "balanced+auto"


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
    rows = [
        ["arm", "recall", "precision", "F1", "balanced accuracy"]
        + [f"F1 − F1 of `{CONTROL}`", f"against `{BASELINE}`", f"against `{CONTROL}`"]
    ]
    for arm, found in results["arms"].items():
        summary = found["summary"]
        against = found["versus"].get(CONTROL)
        rows.append(
            [f"`{arm}`"]
            + [_with_half(summary[f"rare_{each}"]) for each in ("recall", "precision", "f1")]
            + [_with_half(summary["balanced_accuracy"], 4)]
            + [_difference(against["rare_f1"]) if against else ""]
            + [found["verdict"] or "", metrics.verdict(against) if against else ""]
        )
    return _markdown(rows)


def rebuilt(page: str) -> str:
    """The page with every table made anew.

    Args:
        page: Markdown.
    """
    return TABLE.sub(lambda found: found[1] + arm_table(found[2]) + found[3], page)


def _with_half(score: dict[str, float | None], digits: int = 3) -> str:
    half = max(score["high"] - score["mean"], score["mean"] - score["low"])
    return f"{score['mean']:.{digits}f} ± {half:.{digits}f}"


def _difference(score: dict[str, float | None]) -> str:
    return f"{score['difference']:+.4f} ({score['low']:+.4f} to {score['high']:+.4f})"


def _markdown(rows: list[list[str]]) -> str:
    head, *others = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *others])


def main() -> None:
    """Writes the page."""
    PAGE.write_text(rebuilt(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
