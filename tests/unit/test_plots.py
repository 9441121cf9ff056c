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
