import numpy as np
import pytest
from PIL import Image

from kerasaug import plots


@pytest.mark.parametrize("classes", [2, 60])
def test_class_counts_are_bars_with_the_rare_ones_apart(classes):
    names = [f"class {number}" for number in range(classes)]
    train, test = np.arange(1, classes + 1), np.full(classes, 3)
    figure = plots.class_counts(names, train, test, [0])
    axes = figure.axes[0]
    widths = {bars.get_label(): [bar.get_width() for bar in bars] for bars in axes.containers}
    assert widths["to train, rare"] == [1]
    assert sorted(widths["to train"]) == list(range(2, classes + 1))
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == (["class 0"] if classes > plots.MAX_NAMED_CLASSES else names)


def test_names_of_classes_are_no_formulas(tmp_path):
    figure = plots.class_counts(["$a_$", "b"], [3, 1], [1, 1], [1])
    plots.save_figure(figure, tmp_path / "classes.png")
    with Image.open(tmp_path / "classes.png") as picture:
        assert picture.width > 100


def test_numbers_below_the_arms_do_not_meet():
    name = "conditional-vae:latent-perturbation+auto"
    scores = {"none": [0.9971, 0.9974, 0.9977], name: [0.9987, 0.9992, 0.9992]}
    intervals = {"none": {"mean": 0.9974, "low": 0.99597, "high": 0.99882}}
    intervals[name] = {"mean": 0.9991, "low": 0.9982, "high": 1.0}
    figure = plots.arm_comparison(scores, intervals, "average precision")
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert len(boxes) > 2
    assert all(left.x1 < right.x0 for left, right in zip(boxes, boxes[1:], strict=False))


def test_precision_recall_curves_are_means_with_bands_over_the_repetitions():
    recalls = [0.0, 0.5, 1.0]
    curves = {"none": [[1.0, 0.6, 0.2], [1.0, 0.4, 0.4]], "balanced": [[1.0, 0.8, 0.5]]}
    figure = plots.precision_recall(curves, recalls, "precision and recall")
    axes = figure.axes[0]
    drawn = {line.get_label(): line.get_ydata() for line in axes.lines}
    np.testing.assert_allclose(drawn["none"], [1.0, 0.5, 0.3])
    np.testing.assert_allclose(drawn["balanced"], [1.0, 0.8, 0.5])
    band = axes.collections[0].get_paths()[0].vertices
    for x, low, high in zip(recalls, (1.0, 0.4, 0.2), (1.0, 0.6, 0.4), strict=True):
        heights = band[np.isclose(band[:, 0], x), 1]
        assert (heights.min(), heights.max()) == pytest.approx((low, high))


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_of_images_have_headings_and_captions(channels, tmp_path):
    image = np.full((8, 8, channels), 200, np.uint8)
    rows = {"bottom, 3 missed; taken for": [image] * 3, "taken for bottom, 1; they are": [image]}
    captions = {name: [f"$c_{n}$" for n in range(len(images))] for name, images in rows.items()}
    figure = plots.captioned_rows(rows, captions, "the worst")
    parts = figure.subfigs
    assert [part.get_suptitle() for part in parts] == list(rows)
    for part, (name, images) in zip(parts, rows.items(), strict=True):
        shown = [axes for axes in part.axes if axes.images]
        assert len(shown) == len(images)
        for axes in shown:
            assert (axes.images[0].get_array() == 200).all()
        assert [axes.get_title() for axes in shown] == [
            plots.label(caption) for caption in captions[name]
        ]
    plots.save_figure(figure, tmp_path / "rows.png")
    with Image.open(tmp_path / "rows.png") as picture:
        assert picture.height > 100
