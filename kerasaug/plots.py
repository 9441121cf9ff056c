"""Pictures: sample grids, curves, confusion matrices.

Figures are drawn with Matplotlib's object interface, which needs no display and leaves no state.
"""

import itertools
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from PIL import Image

from kerasaug.files import atomic
from kerasaug.wording import label

TRAIN_COLOUR, TEST_COLOUR, REAL_COLOUR = "#4269d0", "#efb118", "#3ca951"
RARE_COLOUR = "#d62728"
MAX_TICKS = 25
MOST_NAMED = 40


def save_figure(figure: Figure, path: str | Path) -> None:
    """Writes a figure as PNG, whole or not at all.

    Args:
        figure: What to draw.
        path: Where to; ends in `.png`.
    """
    for text in figure.findobj(Text):
        # A class may be called $a_$, which is no formula.
        text.set_parse_math(False)
    with atomic(path) as draft, warnings.catch_warnings():
        # A class may be called by a picture that the font lacks, and gets a box.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        # The layout makes room for everything but the width of titles.
        figure.savefig(draft, format="png", dpi=110, bbox_inches="tight")


def save_grid(images: np.ndarray, path: str | Path, columns: int, enlarge: int = 2) -> None:
    """Writes images side by side as one PNG.

    Args:
        images: uint8 array (n, height, width, channels) with 1 or 3 channels.
        path: Where to; ends in `.png`.
        columns: Images per row; the last row is filled up with black.
        enlarge: Side of a pixel in the picture.
    """
    count, height, width, channels = images.shape
    rows = math.ceil(count / columns)
    canvas = np.zeros((rows * columns, height, width, channels), np.uint8)
    canvas[:count] = images
    canvas = canvas.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    canvas = canvas.reshape(rows * height, columns * width, channels)
    picture = Image.fromarray(canvas[..., 0] if channels == 1 else canvas)
    picture = picture.resize((picture.width * enlarge, picture.height * enlarge), Image.NEAREST)
    with atomic(path) as draft:
        picture.save(draft, format="PNG")


def losses(history: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draws the losses of a generative model, one panel each.

    Args:
        history: `step`, and a list of the same length for every loss.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    names = [name for name in history if name != "step"]
    figure = Figure(figsize=(3.4 * len(names), 2.8), layout="constrained")
    figure.suptitle(title)
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        axes.plot(history["step"], history[name], color=TRAIN_COLOUR)
        axes.set_title(name.replace("_", " "), fontsize=10)
        axes.set_xlabel("generator steps")
        axes.grid(alpha=0.3)
    return figure


def confusion_matrix(matrix: np.ndarray, class_names: Sequence[str], title: str) -> Figure:
    """Draws how often each class is taken for each other one.

    Args:
        matrix: Counts (true class, predicted class); may be a mean over trials.
        class_names: Names in index order.
        title: Heading of the figure.

    Returns:
        The figure; its colours are shares of the true class.
    """
    class_names = list(map(label, class_names))
    matrix = np.asarray(matrix, float)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    longest = max(map(len, class_names))
    size = min(10.0, 2.0 + 0.42 * len(matrix) + 0.08 * max(0, longest - 10))
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.set_title(title, fontsize=11)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if len(matrix) <= MAX_TICKS:
        ticks = range(len(matrix))
        axes.set_xticks(ticks, class_names, rotation=90 if longest > 2 else 0)
        axes.set_yticks(ticks, class_names)
        for row, column in np.ndindex(*matrix.shape):
            if round(matrix[row, column]):
                colour = "white" if shares[row, column] > 0.5 else "black"
                text = f"{matrix[row, column]:.0f}"
                axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
    return figure


def learning_curves(histories: Sequence[Mapping[str, Sequence[float]]], title: str) -> Figure:
    """Draws accuracy and loss per epoch on the training and the test split.

    Args:
        histories: One per trial: `train_accuracy`, `test_accuracy`, `train_loss`, `test_loss`.
        title: Heading of the figure.

    Returns:
        The figure; a thin line per trial.
    """
    figure = Figure(figsize=(5.0, 5.4), layout="constrained")
    figure.suptitle(title, fontsize=11)
    for axes, quantity in zip(figure.subplots(2, 1), ("accuracy", "loss"), strict=True):
        for split, colour in (("train", TRAIN_COLOUR), ("test", TEST_COLOUR)):
            for number, history in enumerate(histories):
                values = history[f"{split}_{quantity}"]
                label = split if number == 0 else None
                epochs = range(1, len(values) + 1)
                axes.plot(epochs, values, color=colour, alpha=0.7, label=label, marker=".")
        axes.set_ylabel(quantity)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def arm_comparison(values: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draws one score of every arm: a dot per trial, a bar at their mean.

    Args:
        values: Scores per trial, by arm.
        title: Heading of the figure.

    Returns:
        The figure, arms from top to bottom.
    """
    figure = Figure(figsize=(7.2, 1.0 + 0.45 * len(values)), layout="constrained")
    axes = figure.subplots()
    for row, scores in enumerate(values.values()):
        axes.plot(scores, [row] * len(scores), "o", color=TRAIN_COLOUR, alpha=0.6)
        axes.plot([np.mean(scores)] * 2, [row - 0.3, row + 0.3], color="black", linewidth=2)
    axes.set_yticks(range(len(values)), list(values))
    axes.invert_yaxis()
    axes.set_title(title, fontsize=11)
    axes.grid(alpha=0.3, axis="x")
    return figure


def amount_curves(
    curves: Mapping[str, Mapping[int, Mapping[str, float | None]]],
    levels: Mapping[str, float],
    title: str,
    axis: str = "images added to the rare class",
) -> Figure:
    """Draws a score over numbers of images, with its interval.

    Args:
        curves: By name, from number of images to `mean`, `low` and `high`; the last two may be
            None.
        levels: Scores of arms that have no number, by name; drawn as lines across.
        title: Heading of the figure.
        axis: What is counted.

    Returns:
        The figure, with a logarithmic axis of numbers.
    """
    figure = Figure(figsize=(8.6, 4.2), layout="constrained")
    axes = figure.subplots()
    for name, points in curves.items():
        counts = sorted(points)
        (line,) = axes.plot(counts, [points[c]["mean"] for c in counts], "o-", label=name)
        if all(points[c]["low"] is not None for c in counts):
            low, high = ([points[c][end] for c in counts] for end in ("low", "high"))
            axes.fill_between(counts, low, high, color=line.get_color(), alpha=0.15)
    styles = itertools.cycle(["--", ":", "-."])
    for number, (name, level) in enumerate(levels.items(), len(curves)):
        axes.axhline(level, color=f"C{number}", linestyle=next(styles), linewidth=1.2, label=name)
    axes.set_xscale("log")
    ticks = sorted({count for points in curves.values() for count in points})
    axes.set_xticks(ticks, [str(count) for count in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(axis)
    axes.set_title(title, fontsize=11)
    axes.grid(alpha=0.3)
    figure.legend(fontsize=8, loc="outside right upper")
    return figure


def class_counts(
    class_names: Sequence[str],
    train: Sequence[int],
    test: Sequence[int],
    rare_classes: Sequence[int],
) -> Figure:
    """Draws how many images there are of every class.

    Args:
        class_names: Names in the order of the labels.
        train: Training images per class.
        test: Test images per class.
        rare_classes: Indices of the classes to point out.

    Returns:
        Bars, one below the other; of more than 40 classes, in the order of their sizes and without
        the names of those that are not rare.
    """
    many = len(class_names) > MOST_NAMED
    order = np.argsort(train, kind="stable")[::-1] if many else np.arange(len(class_names))
    height = 1.0 + 0.24 * min(len(class_names), MOST_NAMED)
    figure = Figure(figsize=(7.0, height), layout="constrained")
    axes = figure.subplots()
    places, rare = np.arange(len(order)), np.isin(order, rare_classes)
    for chosen, colour, what in (
        (~rare, TRAIN_COLOUR, "to train"),
        (rare, RARE_COLOUR, "to train, rare"),
    ):
        axes.barh(places[chosen], np.asarray(train)[order[chosen]], color=colour, label=what)
    axes.barh(places, np.asarray(test)[order], height=0.3, color=TEST_COLOUR, label="to test")
    named = [place for place in places if not many or rare[place]][-MOST_NAMED:]
    axes.set_yticks(named, [label(class_names[order[place]]) for place in named])
    axes.invert_yaxis()
    axes.set_xlabel("images")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def real_beside_generated(real: np.ndarray, generated: Mapping[str, np.ndarray]) -> Figure:
    """Shows real images of a class beside generated ones.

    Args:
        real: uint8 array (n, height, width, channels).
        generated: The same, by where they are from.

    Returns:
        The figure, a square grid each.
    """
    panels = {"real": real, **generated}
    figure = Figure(figsize=(3.2 * len(panels), 3.4), layout="constrained")
    subplots = np.atleast_1d(figure.subplots(1, len(panels)))
    for axes, (name, images) in zip(subplots, panels.items(), strict=True):
        side = math.isqrt(len(images))
        square = images[: side * side].reshape(side, side, *images.shape[1:]).swapaxes(1, 2)
        square = square.reshape(side * images.shape[1], side * images.shape[2], -1)
        axes.imshow(square.squeeze(), cmap="gray", vmin=0, vmax=255)
        axes.set_title(name, color=REAL_COLOUR if name == "real" else "black")
        axes.set_axis_off()
    return figure


def latent_map(
    points: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    rare_classes: Sequence[int],
    limits: np.ndarray,
    title: str,
) -> Figure:
    """Draws where images lie in a plane, coloured by class, the rare classes on top.

    Args:
        points: float array (n, 2).
        labels: int array (n,).
        class_names: Names in index order.
        rare_classes: Indices of the rare ones; drawn last, as rimmed dots.
        limits: What part of the plane is drawn: left and right, bottom and top, (2, 2).
        title: Heading of the figure.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(6.4, 5.0), layout="constrained")
    axes = figure.subplots()
    colours = colormaps["tab10" if len(class_names) <= 10 else "turbo"]
    last = max(len(class_names) - 1, 1)
    for class_id in sorted(range(len(class_names)), key=lambda c: c in rare_classes):
        chosen = points[labels == class_id]
        rare = class_id in rare_classes
        axes.plot(
            chosen[:, 0],
            chosen[:, 1],
            "o" if rare else ".",
            color=colours(class_id if len(class_names) <= 10 else class_id / last),
            markeredgecolor="black" if rare else "none",
            markeredgewidth=0.5,
            markersize=4 if rare else 5,
            alpha=1.0 if rare else 0.5,
            label=label(class_names[class_id]) + " (rare)" * rare,
        )
    axes.set_xlim(*limits[0])
    axes.set_ylim(*limits[1])
    axes.set_title(title, fontsize=11)
    if len(class_names) <= MAX_TICKS:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, markerscale=1.5)
    return figure
