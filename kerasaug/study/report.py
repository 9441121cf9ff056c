"""From `results.json` to pictures and one self-contained page."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
import numpy as np
from matplotlib.figure import Figure

from kerasaug import latent_map, plots
from kerasaug.files import atomic
from kerasaug.models.registry import MODELS
from kerasaug.study import fidelity, metrics
from kerasaug.study import results as summary
from kerasaug.study.arms import BASELINE, FORMS, MIXTURES, MODIFIERS, broken, parse
from kerasaug.wording import readable

LATENT_PICTURES = (latent_map.TRAIN, latent_map.TEST, latent_map.PLANE)


def write(results: dict[str, Any], output: str | Path) -> None:
    """Draws the figures of a study and writes `report.html`, which needs no other file.

    Args:
        results: What `results.summarise` gave.
        output: The study's folder; pictures go to `figures/`. A `figures/samples.png` that is
            there already is shown too.
    """
    output = Path(output)
    figures = output / "figures"
    _draw(results, figures)
    page = render(results, figures)
    with atomic(output / "report.html") as draft:
        draft.write_text(page, encoding="utf-8")


def render(results: dict[str, Any], figures: Path) -> str:
    """Fills the page.

    Args:
        results: What `results.summarise` gave.
        figures: Where the pictures are; they become part of the page.

    Returns:
        HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("kerasaug", "study"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["score"] = _score
    environment.filters["readable"] = readable
    environment.filters["breakable"] = _breakable
    data = results["data"]
    return environment.get_template("report.html.j2").render(
        results=results,
        headlines=summary.headlines(results),
        baseline=BASELINE,
        metric_names=metrics.NAMES,
        verdict=metrics.verdict,
        rare=[data["class_names"][class_id] for class_id in data["rare_classes"]],
        described={name: describe_arm(name) for name in results["arms"]},
        kept_shares=_kept_shares(results),
        fidelity_names=fidelity.NAMES,
        fidelity_rows=list(_fidelity_rows(results)),
        picture=lambda name: _embedded(figures / name),
        figure_file=figure_file,
        adjusts=lambda name: parse(name).adjusts,
    )


def describe_arm(name: str) -> str:
    """Says in words what an arm trains on.

    Args:
        name: Such as `conditional-wgan:4500+affine`.

    Returns:
        A few words.
    """
    arm = parse(name)
    model = MODELS[arm.model].description if arm.model else None
    if arm.form:
        words = f"every class drawn equally often, {FORMS[arm.form]}, by a {model}"
    elif arm.model is not None:
        amount = "" if arm.count is None else f"{arm.count} "
        words = f"{amount}images of the rare class added, from a {model}"
    else:
        words = MIXTURES[arm.mixture]
        if arm.count is not None:
            words += f" ({arm.count} of them)"
    return "; ".join([words, *(MODIFIERS[modifier] for modifier in arm.modifiers)])


def figure_file(kind: str, name: str) -> str:
    """The file name of an arm's `confusion` matrix or learning `curves`."""
    return f"{kind}-{parse(name).file_name}.png"


def _draw(results: dict[str, Any], figures: Path) -> None:
    data = results["data"]
    names = data["class_names"]
    counts = plots.class_counts(
        names, data["class_counts"], data["test_counts"], data["rare_classes"]
    )
    plots.save_figure(counts, figures / "classes.png")
    for arm, found in results["arms"].items():
        trials = found["trials"]
        matrix = np.mean([trial["confusion_matrix"] for trial in trials], axis=0)
        mean_of = f", mean of {len(trials)}" if len(trials) > 1 else ""
        figure = plots.confusion_matrix(matrix, names, f"{arm}{mean_of}")
        plots.save_figure(figure, figures / figure_file("confusion", arm))
        title = f"{arm}: before the scores are adjusted" if parse(arm).adjusts else arm
        curves = plots.learning_curves([trial["history"] for trial in trials], title)
        plots.save_figure(curves, figures / figure_file("curves", arm))
    for metric, title in (("rare_recall", "recall"), ("rare_f1", "F1")):
        values = {
            arm: [trial[metric] for trial in found["trials"]]
            for arm, found in results["arms"].items()
        }
        figure = plots.arm_comparison(values, f"{title} of the rare class: each repetition, mean")
        plots.save_figure(figure, figures / f"{metric}.png")
        if results["amounts"]:
            figure = amount_figure(results, metric, f"{title} of the rare class, 95 % interval")
            plots.save_figure(figure, figures / f"amounts-{metric}.png")


def amount_figure(results: dict[str, Any], metric: str, title: str) -> Figure:
    """Draws a score over how many images were added.

    Args:
        results: What `results.summarise` gave, with arms that differ in their count alone.
        metric: One of `metrics.NAMES`.
        title: Above the picture.

    Returns:
        A curve with its band for every entry of `amounts`, and lines across for arms that add no
        certain number.
    """
    found = results["arms"]
    curves = {
        family: {int(n): found[arm]["summary"][metric] for n, arm in each["arms"].items()}
        for family, each in results["amounts"].items()
    }
    levels = {
        name: arm["summary"][metric]["mean"]
        for name, arm in found.items()
        if parse(name).model is None and parse(name).count is None
    }
    return plots.amount_curves(curves, levels, title)


def _kept_shares(results: dict[str, Any]) -> dict[str, dict[str, float]]:
    """By arm and class, the mean share of generated images that the teacher let pass."""
    shares: dict[str, dict[str, float]] = {}
    for name, arm in results["arms"].items():
        kept = [trial["kept_shares"] for trial in arm["trials"]]
        classes = [c for c in results["data"]["class_names"] if c in kept[0]]
        if classes:
            shares[name] = {c: float(np.mean([k[c] for k in kept if c in k])) for c in classes}
    return shares


def _fidelity_rows(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of a table, the yardsticks of a class after its models."""
    rare = results["data"]["rare_classes"]
    for class_id, name in enumerate(results["data"]["class_names"]):
        common = {"class": name, "rare": class_id in rare}
        rows: dict[str, dict[str, float]] = {}
        for model, repetitions in results["fidelity"].items():
            measured = [each for each in repetitions if each]
            if found := fidelity.rows(measured, name):
                rows = found
                copies = fidelity.memorised(measured, name)
                yield {**common, "of": model, "figures": rows["generated"], "memorised": copies}
        for source, title in fidelity.SOURCES.items():
            if rows:
                yield {**common, "of": title, "figures": rows[source], "memorised": False}


def _embedded(path: Path) -> str | None:
    if not path.exists():
        return None
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _breakable(name: str) -> markupsafe.Markup:
    """An arm's name, which a browser may break before its modifiers alone."""
    return markupsafe.Markup(broken(str(markupsafe.escape(name)), "<wbr>"))


def _score(value: float | None, digits: int = 3, signed: bool = False) -> str:
    if value is None:
        return "–"
    return f"{value:{'+' if signed else ''}.{digits}f}"
