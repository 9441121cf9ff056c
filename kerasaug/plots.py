"""Every picture: sample grids, curves, confusion matrices.

Figures are drawn with Matplotlib's object interface, which needs no display and leaves no state.
"""

import itertools
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from PIL import Image

from kerasaug.files import atomic
from kerasaug.wording import label

TRAIN_COLOUR, TEST_COLOUR, REAL_COLOUR = "#4269d0", "#efb118", "#3ca951"
RARE_COLOUR = "#d62728"
MAX_TICKS = 25
MAX_NAMED_CLASSES = 40


def save_figure(figure: Figure, path: str | Path) -> None:
    """Writes a figure as PNG, complete or not at all."""
    for text in figure.findobj(Text):
        # A class may be called $a_$, which is no formula.
        text.set_parse_math(False)
    with atomic(path) as draft, warnings.catch_warnings():
        # A class may be called by a character that the font lacks, and gets a box.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        # The layout makes room for everything but the width of titles.
        figure.savefig(draft, format="png", dpi=110, bbox_inches="tight")


def save_grid(images: np.ndarray, path: str | Path, columns: int, enlarge: int = 2) -> None:
    """Writes images side by side as one PNG.

    Args:
        images: uint8 array (n, height, width, channels) with 1 or 3 channels.
        path: The file to write.
        columns: Images per row; the last row is filled up with black.
        enlarge: Side of a pixel in the picture.
    """
    grid = _grid(images, columns)
    picture = Image.fromarray(grid[..., 0] if grid.shape[-1] == 1 else grid)
    picture = picture.resize((picture.width * enlarge, picture.height * enlarge), Image.NEAREST)
    with atomic(path) as draft:
        picture.save(draft, format="PNG")


def losses(history: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draws the losses of a generative model, one panel each.

    Args:
        history: `step`, and a list of the same length for every loss.
        title: Heading of the figure.
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
    """Draws a confusion matrix, coloured by the shares of the true class.

    Args:
        matrix: Counts (true class, predicted class); may be a mean over trials.
        class_names: Names in index order.
        title: Heading of the figure.
    """
    names = list(map(label, class_names))
    matrix = np.asarray(matrix, float)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    longest = max(map(len, names))
    size = min(10.0, 2.0 + 0.42 * len(matrix) + 0.08 * max(0, longest - 10))
    figure, axes = _titled_axes(size, size, title)
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if len(matrix) <= MAX_TICKS:
        axes.set_xticks(range(len(matrix)), names, rotation=90 if longest > 2 else 0)
        axes.set_yticks(range(len(matrix)), names)
        for (row, column), count in np.ndenumerate(matrix):
            if round(count):
                colour = "white" if shares[row, column] > 0.5 else "black"
                text = f"{count:.0f}"
                axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
    return figure


def learning_curves(histories: Sequence[Mapping[str, Sequence[float]]], title: str) -> Figure:
    """Draws accuracy and loss per epoch on the training and the test split, a line per trial.

    Args:
        histories: One per trial: `train_accuracy`, `test_accuracy`, `train_loss`, `test_loss`;
            empty lists where something was not measured.
        title: Heading of the figure.
    """
    figure = Figure(figsize=(5.0, 5.4), layout="constrained")
    figure.suptitle(title, fontsize=11)
    for axes, quantity in zip(figure.subplots(2, 1), ("accuracy", "loss"), strict=True):
        for split, colour in (("train", TRAIN_COLOUR), ("test", TEST_COLOUR)):
            for number, history in enumerate(histories):
                values = history[f"{split}_{quantity}"]
                epochs = range(1, len(values) + 1)
                entry = None if number else split
                axes.plot(epochs, values, color=colour, alpha=0.7, label=entry, marker=".")
        axes.set_ylabel(quantity)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def arm_comparison(
    values: Mapping[str, Sequence[float]],
    intervals: Mapping[str, Mapping[str, float | None]],
    title: str,
) -> Figure:
    """Draws one score of every arm: a dot per repetition, a bar at their mean, and its interval.

    Args:
        values: Scores per repetition, by arm, from top to bottom.
        intervals: By arm, `mean`, `low` and `high`; the last two may be None.
        title: Heading of the figure.
    """
    figure, axes = _titled_axes(7.2, 1.0 + 0.45 * len(values), title)
    for row, (name, scores) in enumerate(values.items()):
        low, high = intervals[name]["low"], intervals[name]["high"]
        if low is not None:
            axes.plot([low, high], [row, row], color="black", linewidth=1)
        axes.plot(scores, [row] * len(scores), "o", color=TRAIN_COLOUR, alpha=0.6)
        axes.plot([np.mean(scores)] * 2, [row - 0.3, row + 0.3], color="black", linewidth=2)
    axes.set_yticks(range(len(values)), list(values))
    axes.invert_yaxis()
    # Near 1, numbers of four decimals would meet.
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.grid(alpha=0.3, axis="x")
    return figure


def precision_recall(
    curves: Mapping[str, Sequence[Sequence[float]]], recalls: Sequence[float], title: str
) -> Figure:
    """Draws precision over recall: of every arm the mean, and a band over its repetitions.

    Args:
        curves: By arm, precision at `recalls` for each repetition.
        recalls: Ascending, in [0, 1].
        title: Heading of the figure.
    """
    figure, axes = _titled_axes(8.6, 4.6, title)
    styles = itertools.cycle(["-", "--", "-.", ":"])
    for name, repetitions in curves.items():
        (line,) = axes.plot(recalls, np.mean(repetitions, axis=0), next(styles), label=name)
        low, high = np.min(repetitions, axis=0), np.max(repetitions, axis=0)
        axes.fill_between(recalls, low, high, color=line.get_color(), alpha=0.12)
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    axes.grid(alpha=0.3)
    figure.legend(fontsize=8, loc="outside right upper")
    return figure


def amount_curves(
    curves: Mapping[str, Mapping[int, Mapping[str, float | None]]],
    levels: Mapping[str, float],
    title: str,
    axis: str = "images added to the rare class",
) -> Figure:
    """Draws a score over numbers of images, on a logarithmic axis, with its interval.

    Args:
        curves: By name, from number of images to `mean`, `low` and `high`; the last two may be
            None.
        levels: Scores of arms without a number of images, by name; drawn as lines across.
        title: Heading of the figure.
        axis: Label of the horizontal axis.
    """
    figure, axes = _titled_axes(8.6, 4.2, title)
    for name, points in curves.items():
        counts = sorted(points)
        mean, low, high = ([points[c][key] for c in counts] for key in ("mean", "low", "high"))
        (line,) = axes.plot(counts, mean, "o-", label=name)
        if None not in low:
            axes.fill_between(counts, low, high, color=line.get_color(), alpha=0.15)
    styles = itertools.cycle(["--", ":", "-."])
    for number, (name, level) in enumerate(levels.items(), len(curves)):
        axes.axhline(level, color=f"C{number}", linestyle=next(styles), linewidth=1.2, label=name)
    axes.set_xscale("log")
    ticks = sorted({count for points in curves.values() for count in points})
    axes.set_xticks(ticks, list(map(str, ticks)))
    axes.set_xticks([], minor=True)
    axes.set_xlabel(axis)
    axes.grid(alpha=0.3)
    figure.legend(fontsize=8, loc="outside right upper")
    return figure


def class_counts(
    class_names: Sequence[str],
    train: Sequence[int],
    test: Sequence[int],
    rare_classes: Sequence[int],
) -> Figure:
    """Draws how many images there are of every class, as bars one below the other.

    More than `MAX_NAMED_CLASSES` classes are ordered by size, and only the rare ones are named.

    Args:
        class_names: Names in the order of the labels.
        train: Training images per class.
        test: Test images per class.
        rare_classes: Indices of the classes to point out.
    """
    many = len(class_names) > MAX_NAMED_CLASSES
    order = np.argsort(train, kind="stable")[::-1] if many else np.arange(len(class_names))
    height = 1.0 + 0.24 * min(len(class_names), MAX_NAMED_CLASSES)
    figure = Figure(figsize=(7.0, height), layout="constrained")
    axes = figure.subplots()
    bars, rare = np.arange(len(order)), np.isin(order, rare_classes)
    train_counts, test_counts = np.asarray(train)[order], np.asarray(test)[order]
    axes.barh(bars[~rare], train_counts[~rare], color=TRAIN_COLOUR, label="to train")
    axes.barh(bars[rare], train_counts[rare], color=RARE_COLOUR, label="to train, rare")
    axes.barh(bars, test_counts, height=0.3, color=TEST_COLOUR, label="to test")
    ticks = (bars[rare] if many else bars)[-MAX_NAMED_CLASSES:]
    axes.set_yticks(ticks, [label(class_names[class_id]) for class_id in order[ticks]])
    axes.invert_yaxis()
    axes.set_xlabel("images")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def real_beside_generated(real: np.ndarray, generated: Mapping[str, np.ndarray]) -> Figure:
    """Draws real images of a class beside generated ones, each as a square grid.

    Args:
        real: uint8 array (n, height, width, channels).
        generated: The same, by the name of their source.
    """
    panels = {"real": real, **generated}
    figure = Figure(figsize=(3.2 * len(panels), 3.4), layout="constrained")
    subplots = np.atleast_1d(figure.subplots(1, len(panels)))
    for axes, (name, images) in zip(subplots, panels.items(), strict=True):
        side = math.isqrt(len(images))
        axes.imshow(_grid(images[: side**2], side).squeeze(), cmap="gray", vmin=0, vmax=255)
        axes.set_title(name, color=REAL_COLOUR if name == "real" else "black")
        axes.set_axis_off()
    return figure


def captioned_rows(
    rows: Mapping[str, Sequence[np.ndarray]], captions: Mapping[str, Sequence[str]], title: str
) -> Figure:
    """Draws rows of images, each image with a caption below.

    Args:
        rows: By heading, uint8 images (height, width, channels), at least one.
        captions: By heading, one text for each image.
        title: Heading of the figure.
    """
    columns = max(map(len, rows.values()))
    figure = Figure(figsize=(max(4.0, 1.1 * columns), 0.5 + 1.6 * len(rows)), layout="constrained")
    figure.suptitle(title, fontsize=11)
    for part, (heading, images) in zip(
        np.atleast_1d(figure.subfigures(len(rows), 1)), rows.items(), strict=True
    ):
        part.suptitle(heading, fontsize=9, x=0.01, ha="left")
        subplots = np.atleast_1d(part.subplots(1, columns))
        for axes in subplots:
            axes.set_axis_off()
        for axes, image, caption in zip(subplots, images, captions[heading], strict=False):
            axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255)
            axes.set_title(label(caption), fontsize=7, y=-0.25)
    return figure


def latent_map(
    points: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    rare_classes: Sequence[int],
    limits: np.ndarray,
    title: str,
) -> Figure:
    """Draws images as points of a plane, coloured by class, the rare classes on top.

    Args:
        points: float array (n, 2).
        labels: int array (n,).
        class_names: Names in index order.
        rare_classes: Indices of the rare ones; drawn last, as rimmed dots.
        limits: The part of the plane that is drawn: left and right, bottom and top, (2, 2).
        title: Heading of the figure.
    """
    figure, axes = _titled_axes(6.4, 5.0, title)
    count = len(class_names)
    colours = colormaps["tab10" if count <= 10 else "turbo"]
    for class_id in sorted(range(count), key=lambda c: c in rare_classes):
        rare = class_id in rare_classes
        axes.plot(
            *points[labels == class_id].T,
            "o" if rare else ".",
            color=colours(class_id if count <= 10 else class_id / (count - 1)),
            markeredgecolor="black" if rare else "none",
            markeredgewidth=0.5,
            markersize=4 if rare else 5,
            alpha=1.0 if rare else 0.5,
            label=label(class_names[class_id]) + " (rare)" * rare,
        )
    axes.set_xlim(*limits[0])
    axes.set_ylim(*limits[1])
    if count <= MAX_TICKS:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, markerscale=1.5)
    return figure


def _titled_axes(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=11)
    return figure, axes


def _grid(images: np.ndarray, columns: int) -> np.ndarray:
    """One image, (rows * height, columns * width, channels), filled up with black."""
    count, height, width, channels = images.shape
    rows = math.ceil(count / columns)
    grid = np.zeros((rows * columns, height, width, channels), np.uint8)
    grid[:count] = images
    grid = grid.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, channels)
