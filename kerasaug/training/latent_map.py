"""Where the images of a data set lie in the latent space of a model with an encoder."""

from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import FunctionTransformer

from kerasaug import plots
from kerasaug.data.dataset import ImageDataset
from kerasaug.models.encoding import EncodingModel

MOST_POINTS = 500
GRID_SIDE = 16
MARGIN = 0.03
TRAIN, TEST, GRID = PICTURES = ("train.png", "test.png", "grid.png")


def write(model: EncodingModel, dataset: ImageDataset, folder: Path) -> None:
    """Draws both splits as points, and a grid of images decoded across the same plane.

    Latents of more than two dimensions are projected on the first two principal components of the
    training images' latents. Test images are drawn, and used for nothing else.

    Args:
        model: A trained model with an encoder.
        dataset: The imbalanced data; at most 500 images of a class are drawn.
        folder: Where the `PICTURES` go.
    """
    images, labels = dataset.first_of_each(MOST_POINTS)
    latents, _ = model.encode(images, labels)
    test_images, test_labels = dataset.first_of_each(MOST_POINTS, of_test=True)
    test_latents, _ = model.encode(test_images, test_labels)
    rare = dataset.rare_classes
    # Two dimensions are drawn as they are.
    projection = FunctionTransformer() if model.latent_dim == 2 else PCA(2)
    train_points = projection.fit_transform(latents)
    # Without the outermost points of the other classes, but with every rare one.
    corners = np.percentile(train_points, [0.5, 99.5], axis=0)
    inside = np.concatenate([corners, train_points[np.isin(labels, rare)]])
    limits = np.stack([inside.min(axis=0), inside.max(axis=0)], axis=1)
    limits += MARGIN * np.ptp(limits, axis=1, keepdims=True) * [-1, 1]
    for name, title, points, classes in (
        (TRAIN, "training images", train_points, labels),
        (TEST, "test images", projection.transform(test_latents), test_labels),
    ):
        figure = plots.latent_map(points, classes, dataset.class_names, rare, limits, title)
        plots.save_figure(figure, folder / name)
    grid = projection.inverse_transform(_grid(limits)).astype(np.float32)
    plots.save_grid(model.decode_latents(grid, rare[0]), folder / GRID, GRID_SIDE)


def _grid(limits: np.ndarray) -> np.ndarray:
    """Evenly spaced points (n, 2) over a rectangle, from the top left, row by row."""
    (left, right), (bottom, top) = limits
    x, y = np.linspace(left, right, GRID_SIDE), np.linspace(top, bottom, GRID_SIDE)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
