"""How good generated images are: figures that compare two sets of features.

All take samples of features that a classifier makes of images; see `judge.Judge`. They say how much
generated images resemble real ones, and not whether they help a classifier: Ravuri and Vinyals 2019
(arXiv 1905.10887) found that one does not follow from the other.
"""

import functools
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


class Sample:
    """The features of some images, and what several figures ask of them alone.

    Args:
        features: Float array (n, d); n >= 6, but for single figures that say otherwise.

    Attributes:
        features: The same as float64.
    """

    def __init__(self, features: np.ndarray):
        self.features = np.asarray(features, np.float64)

    @functools.cached_property
    def kernel_mean(self) -> float:
        """Mean of the kernel of `kernel_distance` over all pairs of different images."""
        kernel, count = polynomial_kernel(self.features, degree=3, coef0=1.0), len(self.features)
        return (kernel.sum() - np.trace(kernel)) / (count * (count - 1))

    @functools.cached_property
    def radii(self) -> np.ndarray:
        """Distance of every image to its fifth nearest neighbour, (n,)."""
        return np.partition(pairwise_distances(self.features), NEIGHBOURS, axis=1)[:, NEIGHBOURS]


def kernel_distance(real: Sample, generated: Sample) -> float:
    """Squared maximum mean discrepancy under a cubic kernel, without bias: KID.

    Bińkowski et al. 2018, "Demystifying MMD GANs" (arXiv 1801.01401), here in the features of our
    own classifier instead of Inception's.

    Args:
        real: At least 2 images.
        generated: At least 2 images.

    Returns:
        About 0 for two samples of one distribution, also below it; more the more they differ.
    """
    between = polynomial_kernel(real.features, generated.features, degree=3, coef0=1.0).mean()
    return float(real.kernel_mean + generated.kernel_mean - 2.0 * between)


def frechet_distance(real: Sample, generated: Sample) -> float:
    """Distance between normal distributions with the means and covariances of two samples.

    Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule" (arXiv 1706.08500), equation
    6, here in the features of our own classifier instead of Inception's. Small samples make it too
    large, so it only compares samples of one size.

    Args:
        real: At least 2 images.
        generated: At least 2 images.

    Returns:
        At least 0.
    """
    difference = real.features.mean(axis=0) - generated.features.mean(axis=0)
    ours, theirs = (np.cov(each.features, rowvar=False) for each in (real, generated))
    # The trace of the root of a product is the sum of the roots of its eigenvalues, which are
    # real and not negative but for rounding.
    eigenvalues = np.linalg.eigvals(ours @ theirs).real
    root_trace = np.sqrt(np.maximum(eigenvalues, 0.0)).sum()
    squared = difference @ difference + np.trace(ours) + np.trace(theirs) - 2.0 * root_trace
    return float(max(0.0, squared))


def neighbourhoods(real: Sample, generated: Sample) -> dict[str, float]:
    """Precision, recall, density and coverage: who lies in whose neighbourhood.

    An image's neighbourhood reaches to its fifth nearest neighbour of its own kind. Kynkäänniemi et
    al. 2019 (arXiv 1904.06991); Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for
    Generative Models" (arXiv 2002.09797).

    Args:
        real: At least 6 images.
        generated: At least 6 images.

    Returns:
        `precision`: share of generated images in the neighbourhood of some real one; `recall`: of
        real images in that of some generated one; `density`: in how many real neighbourhoods a
        generated image lies, over five, about 1 for real ones; `coverage`: share of real images
        whose neighbourhood holds a generated one.
    """
    between = pairwise_distances(real.features, generated.features)
    in_real = between <= real.radii[:, None]
    in_generated = between <= generated.radii[None, :]
    return {
        "precision": float(in_real.any(axis=0).mean()),
        "recall": float(in_generated.any(axis=1).mean()),
        "density": float(in_real.sum(axis=0).mean() / NEIGHBOURS),
        "coverage": float(in_real.any(axis=1).mean()),
    }


def nearness(training: Sample, real: Sample, generated: Sample) -> dict[str, float]:
    """How near generated images are to training images, against how near unseen real ones are.

    Args:
        training: The images that the generator learned from.
        real: Real images that it did not.
        generated: Its own.

    Returns:
        `nearest_ratio`: ratio of the median distances to the nearest training image, 0 for copies
        and about 1 for images as new as real ones. `copied`: share of generated images that are
        nearer to one than all but the nearest hundredth of the real ones are; about 0.01 for images
        as new as real ones.
    """
    ours, theirs = (
        pairwise_distances(each.features, training.features).min(axis=1)
        for each in (generated, real)
    )
    # Equal, and not undefined, where both are copies.
    smallest = np.finfo(np.float32).eps
    return {
        "nearest_ratio": float((np.median(ours) + smallest) / (np.median(theirs) + smallest)),
        "copied": float((ours < np.quantile(theirs, 0.01)).mean()),
    }


def figures(real: Sample, generated: Sample) -> dict[str, float]:
    """All figures that compare two samples.

    Args:
        real: At least 6 images.
        generated: At least 6 images.

    Returns:
        `kernel_distance`, `frechet_distance`, `precision`, `recall`, `density` and `coverage`.
    """
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
