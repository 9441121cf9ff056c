"""What `evaluate` prints at the end: the scores of every arm, and the verdict."""

import os
from typing import Any

from kerasaug.cli import common
from kerasaug.study import arms
from kerasaug.wording import label, printable

WIDTH_OF_FILE, WIDTH_OF_SCORES = 130, 65
MOST_COLUMNS = 4
"""Rare classes that have a column on the terminal; the page has all."""


def print_results(results: dict[str, Any]) -> None:
    """Prints the scores of every arm, and the first sentences of the page.

    Args:
        results: What `Study.run` returned.
    """
    import rich.console

    from kerasaug.study.sentences import headlines

    console = rich.console.Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH_OF_FILE
    table = common.table("rare class: average precision (95 % interval), recall and precision")
    # The only column that gives way where the window is narrow.
    longest = max(map(len, results["arms"]))
    is_narrow = longest + WIDTH_OF_SCORES > console.width
    table.add_column("arm", overflow="fold", min_width=10)
    for name in ("avg. prec.", "mean AP", "recall", "prec.", "accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("against baseline", no_wrap=True)
    for arm, values in results["arms"].items():
        summary = values["summary"]
        table.add_row(
            arms.with_breaks(arm, "\n") if is_narrow else arm,
            _with_interval(summary["rare_average_precision"]),
            *(
                "-" if summary[name]["mean"] is None else f"{summary[name]['mean']:.3f}"
                for name in (
                    "mean_average_precision",
                    "rare_recall",
                    "rare_precision",
                    "accuracy",
                )
            ),
            values["verdict"] or ("baseline" if arm == arms.BASELINE else "-"),
        )
    console.print(table)
    rare = [results["data"]["class_names"][c] for c in results["data"]["rare_classes"]]
    if len(rare) > 1:
        console.print(_class_table(results, rare))
    note = results["config"]["generator_note"]
    for sentence in [*headlines(results).first, *([note] if note else [])]:
        console.print(printable(sentence), highlight=False, markup=False)


def _class_table(results, rare):
    import rich.markup

    table = common.table("average precision of every rare class, with its 95 % interval")
    table.add_column("arm", overflow="fold", min_width=10)
    for name in rare[:MOST_COLUMNS]:
        table.add_column(rich.markup.escape(label(name)), justify="right")
    for arm, values in results["arms"].items():
        cells = (values["by_class"].get(name) for name in rare[:MOST_COLUMNS])
        table.add_row(arm, *(_with_interval(cell) if cell else "-" for cell in cells))
    return table


def _with_interval(value):
    if value["low"] is None:
        return f"{value['mean']:.3f}"
    return f"{value['mean']:.3f} ({value['low']:.3f}-{value['high']:.3f})".replace("0.", ".")
