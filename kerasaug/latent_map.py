"""Where the images of a data set lie in the latent space of a model with an encoder."""

from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import FunctionTransformer

from kerasaug import plots
from kerasaug.data.dataset import ImageDataset
from kerasaug.data.streams import first_of_each
from kerasaug.models.encoding import EncodingModel

MOST_POINTS = 500
PLANE_SIDE = 16
MARGIN = 0.03
TRAIN, TEST, PLANE = "train.png", "test.png", "plane.png"


def write(model: EncodingModel, dataset: ImageDataset, folder: Path) -> None:
    """Draws both splits by their codes, and images decoded across the plane that was drawn.

    Codes of more than two dimensions are projected on the first two principal components of the
    training images' codes. Test images are drawn, and used for nothing else.

    Args:
        model: A trained model with an encoder.
        dataset: The imbalanced data; at most 500 images of a class are drawn.
        folder: Where `train.png`, `test.png` and `plane.png` go.
    """
    images, labels = dataset.first_of_each(MOST_POINTS)
    codes, _ = model.encode(images, labels)
    test_images, test_labels = first_of_each(dataset.test, MOST_POINTS, dataset.num_classes)
    test_codes, _ = model.encode(test_images, test_labels)
    rare = dataset.rare_classes
    # A map of two dimensions is drawn as it is.
    projection = FunctionTransformer() if model.latent_dim == 2 else PCA(2)
    points = projection.fit_transform(codes)
    # Without the outermost points of the others, but with every rare one.
    ends = [np.percentile(points, [0.5, 99.5], axis=0), points[np.isin(labels, rare)]]
    ends = np.concatenate(ends)
    limits = np.stack([ends.min(axis=0), ends.max(axis=0)], axis=1)
    limits += MARGIN * np.ptp(limits, axis=1, keepdims=True) * [-1, 1]
    for name, title, drawn, classes in (
        (TRAIN, "training images", points, labels),
        (TEST, "test images", projection.transform(test_codes), test_labels),
    ):
        names = dataset.class_names
        figure = plots.latent_map(drawn, classes, names, rare, limits, title)
        plots.save_figure(figure, folder / name)
    plane = projection.inverse_transform(_grid(limits)).astype(np.float32)
    plots.save_grid(model.decode_codes(plane, rare[0]), folder / PLANE, PLANE_SIDE)


def _grid(limits):
    """Evenly spaced points (n, 2) over a rectangle, from the top left, row by row."""
    (left, right), (bottom, top) = limits
    across, up = np.meshgrid(
        np.linspace(left, right, PLANE_SIDE), np.linspace(top, bottom, PLANE_SIDE)
    )
    return np.stack([across.ravel(), up.ravel()], axis=1)
