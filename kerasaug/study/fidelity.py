"""How good generated images are: figures that compare two sets of features.

All take features, float arrays (n, d), that a classifier makes of images; see `judge.Judge`. They
say how much generated images resemble real ones, and not whether they help a classifier: Ravuri and
Vinyals 2019 (arXiv 1905.10887) found that one does not follow from the other.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import polynomial_kernel

NEIGHBOURS = 5
FEWEST = NEIGHBOURS + 1
"""Images of a class without which none of the figures has a meaning."""
MEMORISED = 0.1
"""Above this share `copied`, a generator is said to repeat its training images."""
NAMES = {
    "recognised": "recognised",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "kernel_distance": "KID",
    "frechet_distance": "Fréchet",
    "nearest_ratio": "nearest",
    "copied": "copied",
}
"""What the figures of a generator are called in tables."""
SOURCES = {"repeated": "the kept images, repeated", "real": "real images"}
"""The yardsticks, as they are called in tables."""


def kernel_distance(real: np.ndarray, generated: np.ndarray) -> float:
    """Squared maximum mean discrepancy under a cubic kernel, without bias: KID.

    Bińkowski et al. 2018, "Demystifying MMD GANs" (arXiv 1801.01401), here in the features of our
    own classifier instead of Inception's.

    Args:
        real: Features (n, d), n >= 2.
        generated: Features (m, d), m >= 2.

    Returns:
        About 0 for two samples of one distribution, also below it; more the more they differ.
    """

    def without_itself(features):
        kernel = polynomial_kernel(features, degree=3, coef0=1.0)
        count = len(features)
        return (kernel.sum() - np.trace(kernel)) / (count * (count - 1))

    between = polynomial_kernel(real, generated, degree=3, coef0=1.0).mean()
    return float(without_itself(real) + without_itself(generated) - 2.0 * between)


def frechet_distance(real: np.ndarray, generated: np.ndarray) -> float:
    """Distance between normal distributions with the means and covariances of two samples.

    Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule" (arXiv 1706.08500), equation
    6, here in the features of our own classifier instead of Inception's. Small samples make it too
    large, so it only compares samples of one size.

    Args:
        real: Features (n, d), n >= 2.
        generated: Features (m, d), m >= 2.

    Returns:
        At least 0.
    """
    difference = real.mean(axis=0) - generated.mean(axis=0)
    ours, theirs = np.cov(real, rowvar=False), np.cov(generated, rowvar=False)
    # The trace of the root of a product is the sum of the roots of its eigenvalues, which are
    # real and not negative but for rounding.
    eigenvalues = np.linalg.eigvals(ours @ theirs).real
    root_trace = np.sqrt(np.maximum(eigenvalues, 0.0)).sum()
    squared = difference @ difference + np.trace(ours) + np.trace(theirs) - 2.0 * root_trace
    return float(max(0.0, squared))


def neighbourhoods(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """Precision, recall, density and coverage: who lies in whose neighbourhood.

    An image's neighbourhood reaches to its fifth nearest neighbour of its own kind. Kynkäänniemi et
    al. 2019 (arXiv 1904.06991); Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for
    Generative Models" (arXiv 2002.09797).

    Args:
        real: Features (n, d), n >= 6.
        generated: Features (m, d), m >= 6.

    Returns:
        `precision`: share of generated images in the neighbourhood of some real one; `recall`: of
        real images in that of some generated one; `density`: in how many real neighbourhoods a
        generated image lies, over five, about 1 for real ones; `coverage`: share of real images
        whose neighbourhood holds a generated one.
    """
    between = pairwise_distances(real, generated)
    in_real = between <= _radii(real)[:, None]
    in_generated = between <= _radii(generated)[None, :]
    return {
        "precision": float(in_real.any(axis=0).mean()),
        "recall": float(in_generated.any(axis=1).mean()),
        "density": float(in_real.sum(axis=0).mean() / NEIGHBOURS),
        "coverage": float(in_real.any(axis=1).mean()),
    }


def nearness(training: np.ndarray, real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """How near generated images are to training images, against how near unseen real ones are.

    Args:
        training: Features (k, d) of the images that the generator learned from.
        real: Features (n, d) of real images that it did not.
        generated: Features (m, d).

    Returns:
        `nearest_ratio`: ratio of the median distances to the nearest training image, 0 for copies
        and about 1 for images as new as real ones. `copied`: share of generated images that are
        nearer to one than all but the nearest hundredth of the real ones are; about 0.01 for images
        as new as real ones.
    """
    ours, theirs = (
        pairwise_distances(np.asarray(features, np.float64), training).min(axis=1)
        for features in (generated, real)
    )
    # Equal, and not undefined, where both are copies.
    smallest = np.finfo(np.float32).eps
    return {
        "nearest_ratio": float((np.median(ours) + smallest) / (np.median(theirs) + smallest)),
        "copied": float((ours < np.quantile(theirs, 0.01)).mean()),
    }


def figures(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """All figures that compare two samples.

    Args:
        real: Features (n, d), n >= 6.
        generated: Features (m, d), m >= 6.

    Returns:
        `kernel_distance`, `frechet_distance`, `precision`, `recall`, `density` and `coverage`.
    """
    real, generated = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    return {
        "kernel_distance": kernel_distance(real, generated),
        "frechet_distance": frechet_distance(real, generated),
        **neighbourhoods(real, generated),
    }


def rows(measured: Sequence[dict[str, Any]], class_name: str) -> dict[str, dict[str, float]]:
    """What is said of one class, as rows of a table.

    Args:
        measured: What `judge.Judge.measure` gave, once or for each of several repetitions.
        class_name: Which class.

    Returns:
        `generated` and the yardsticks of `SOURCES`: the means of the figures of `NAMES`, as far as
        each has them; empty if the class was not measured.
    """
    found = [each["classes"][class_name] for each in measured if class_name in each["classes"]]
    if not found:
        return {}
    return {
        source: {
            name: float(np.mean([each[source][name] for each in found]))
            for name in NAMES
            if name in found[0][source]
        }
        for source in ("generated", *SOURCES)
    }


def memorised(measured: Sequence[dict[str, Any]], class_name: str) -> bool:
    """Whether a generator repeats its training images, in any of several repetitions.

    Args:
        measured: As for `rows`.
        class_name: Which class.
    """
    found = [each["classes"][class_name] for each in measured if class_name in each["classes"]]
    return any(each["generated"]["copied"] > MEMORISED for each in found)


def _radii(features: np.ndarray) -> np.ndarray:
    distances = pairwise_distances(features)
    return np.partition(distances, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
