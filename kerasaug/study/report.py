"""From `results.json` to pictures and one self-contained page."""

import base64
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
import numpy as np
from matplotlib.figure import Figure

from kerasaug import plots
from kerasaug.files import atomic
from kerasaug.quality import fidelity
from kerasaug.study import scores, sentences
from kerasaug.study.arms import BASELINE, Arm, parse, with_breaks
from kerasaug.study.config import CROSS_VALIDATION
from kerasaug.study.results import RECALLS
from kerasaug.study.verdict import TOLERANCE, verdict
from kerasaug.wording import readable

SHOWN_SCORES = {"rare_average_precision": "average precision", "rare_recall": "recall"}
"""The scores that have a picture."""


def write(results: dict[str, Any], output: str | Path) -> None:
    """Draws the figures of a study and writes `report.html`, which needs no other file.

    Args:
        results: What `results.summarise` returned.
        output: The study's folder; pictures go to `figures/`. Sample and latent-map pictures that
            are there already are shown too.
    """
    output = Path(output)
    figures = output / "figures"
    _draw(results, figures)
    page = render(results, figures)
    with atomic(output / "report.html") as draft:
        draft.write_text(page, encoding="utf-8")


def render(results: dict[str, Any], figures: Path) -> str:
    """The page as HTML, with the pictures of a folder in it; see `write`."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("kerasaug", "study"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["score"] = _score
    environment.filters["readable"] = readable
    environment.filters["breakable"] = _breakable
    environment.filters["as_code"] = _as_code
    data = results["data"]
    return environment.get_template("report.html.j2").render(
        results=results,
        headlines=sentences.headlines(results),
        baseline=BASELINE,
        metric_names=scores.NAMES,
        has_folds=results["config"]["protocol"] == CROSS_VALIDATION,
        verdict=verdict,
        tolerance=TOLERANCE,
        choices=_choices(results["augmentation"]),
        rare=[data["class_names"][class_id] for class_id in data["rare_classes"]],
        arms={name: parse(name) for name in results["arms"]},
        amounts=amounts(results),
        acceptance_rates=_acceptance_rates(results),
        fidelity_names=fidelity.NAMES,
        fidelity_rows=list(_fidelity_rows(results)),
        picture=lambda name: _embedded(figures / name),
        figure_file=figure_file,
    )


def figure_file(kind: str, arm: Arm) -> str:
    """The file name of an arm's `confusion` matrix or learning `curves`."""
    return f"{kind}-{arm.file_name}.png"


def amounts(results: dict[str, Any]) -> dict[str, dict[int, str]]:
    """The arms that differ in their count alone: by the arm without one, from count to name."""
    families: dict[str, dict[int, str]] = {}
    for name in results["arms"]:
        arm = parse(name)
        if arm.count is not None:
            family = str(dataclasses.replace(arm, count=None))
            families.setdefault(family, {})[arm.count] = name
    return {family: names for family, names in families.items() if len(names) > 1}


def amount_figure(results: dict[str, Any], metric: str, title: str) -> Figure:
    """Draws a score over how many images were added, and lines across for arms without a count.

    Args:
        results: What `results.summarise` returned, with arms that differ in their count alone.
        metric: One of `scores.NAMES`.
        title: Above the picture.
    """
    summaries = {name: arm["summary"][metric] for name, arm in results["arms"].items()}
    curves = {
        family: {count: summaries[name] for count, name in names.items()}
        for family, names in amounts(results).items()
    }
    arms = {name: parse(name) for name in summaries}
    levels = {
        name: summaries[name]["mean"]
        for name, arm in arms.items()
        if arm.is_control and arm.count is None
    }
    return plots.amount_curves(curves, levels, title)


def _draw(results: dict[str, Any], figures: Path) -> None:
    data, arms = results["data"], results["arms"]
    names = data["class_names"]
    counts = plots.class_counts(
        names, data["class_counts"], data["test_counts"], data["rare_classes"]
    )
    plots.save_figure(counts, figures / "classes.png")
    for name, summary in arms.items():
        arm, repetitions = parse(name), summary["repetitions"]
        matrix = np.mean([values["confusion_matrix"] for values in repetitions], axis=0)
        mean_of = f", mean of {len(repetitions)}" if len(repetitions) > 1 else ""
        figure = plots.confusion_matrix(matrix, names, f"{name}{mean_of}")
        plots.save_figure(figure, figures / figure_file("confusion", arm))
        title = f"{name}: before logit adjustment" if arm.adjusts_logits else name
        histories = [training["history"] for training in summary["trainings"]]
        plots.save_figure(
            plots.learning_curves(histories, title), figures / figure_file("curves", arm)
        )
    for metric, title in SHOWN_SCORES.items():
        values = {
            name: [repetition[metric] for repetition in summary["repetitions"]]
            for name, summary in arms.items()
        }
        intervals = {name: summary["summary"][metric] for name, summary in arms.items()}
        figure = plots.arm_comparison(values, intervals, f"{title} of the rare class")
        plots.save_figure(figure, figures / f"{metric}.png")
        if amounts(results):
            figure = amount_figure(results, metric, f"{title} of the rare class")
            plots.save_figure(figure, figures / f"amounts-{metric}.png")
    curves = {name: summary["precision_recall"] for name, summary in arms.items()}
    figure = plots.precision_recall(curves, RECALLS, "precision and recall of the rare class")
    plots.save_figure(figure, figures / "precision-recall.png")


def _choices(augmentation: list[dict[str, float]]) -> dict[str, dict[str, Any]]:
    """By arm that `+auto` chose from, its mean score, and how often it was chosen; best first."""
    choices = {
        name: {
            "mean": float(np.mean([values[name] for values in augmentation])),
            "times": sum(next(iter(values)) == name for values in augmentation),
        }
        for name in (augmentation[0] if augmentation else ())
    }
    return dict(sorted(choices.items(), key=lambda pair: -pair[1]["mean"]))


def _acceptance_rates(results: dict[str, Any]) -> dict[str, dict[str, float]]:
    """By arm and class, the mean share of generated images that the label filter confirmed."""
    means: dict[str, dict[str, float]] = {}
    for name, summary in results["arms"].items():
        rates = [training["acceptance_rates"] for training in summary["trainings"]]
        classes = [c for c in results["data"]["class_names"] if c in rates[0]]
        if classes:
            means[name] = {c: float(np.mean([r[c] for r in rates if c in r])) for c in classes}
    return means


def _fidelity_rows(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of a table, the references of a class after its models."""
    rare = results["data"]["rare_classes"]
    for class_id, name in enumerate(results["data"]["class_names"]):
        common = {"class": name, "rare": class_id in rare}
        rows: dict[str, dict[str, float]] = {}
        for model, measured in results["fidelity"].items():
            if measured and (model_rows := fidelity.rows(measured, name)):
                rows = model_rows
                copies = fidelity.memorised(measured, name)
                yield {**common, "of": model, "figures": rows["generated"], "memorised": copies}
        for source, title in fidelity.REFERENCES.items():
            if rows:
                yield {**common, "of": title, "figures": rows[source], "memorised": False}


def _embedded(path: Path) -> str | None:
    if not path.exists():
        return None
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _as_code(text: str) -> markupsafe.Markup:
    """Shows names of arguments, which stand in backticks, as code."""
    return markupsafe.Markup(re.sub(r"`(\w+)`", r"<code>\1</code>", str(markupsafe.escape(text))))


def _breakable(name: str) -> markupsafe.Markup:
    """An arm's name, which a browser may break before its modifiers alone."""
    return markupsafe.Markup(with_breaks(str(markupsafe.escape(name)), "<wbr>"))


def _score(value: float | None, digits: int = 3, signed: bool = False) -> str:
    if value is None:
        return "–"
    return f"{value:{'+' if signed else ''}.{digits}f}"
