"""How good generated images are: figures that compare two sets of features.

The features are those that a classifier computes of images; see `evaluator.Evaluator`. The figures
say how much generated images resemble real ones, and not whether they help a classifier: Ravuri and
Vinyals 2019 (arXiv 1905.10887) found that one does not follow from the other.
"""

import functools
from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import polynomial_kernel

NEIGHBOURS = 5
FEWEST = NEIGHBOURS + 1
"""With fewer images of a class, none of the figures has a meaning."""
MEMORISED = 0.1
"""A generator with a larger share `copied` is said to repeat its training images."""
NAMES = {
    "classification_accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "kernel_distance": "KID",
    "frechet_distance": "Fréchet",
    "nearest_ratio": "nearest",
    "copied": "copied",
}
"""The figures of a generator, as they are called in tables."""
REFERENCES = {"repeated": "training images, repeated", "real": "real images"}
"""What generated images are compared with, as it is called in tables."""


class Sample:
    """The features of some images, and what several figures compute of them alone.

    Args:
        features: Float array (n, d); n >= 2 for the distances, n >= 6 for `neighbourhoods`.
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

    Bińkowski et al. 2018, "Demystifying MMD GANs" (arXiv 1801.01401), here in the features of the
    evaluation classifier instead of Inception's.

    Returns:
        About 0 for two samples of one distribution, also below it; more the more they differ.
    """
    between = polynomial_kernel(real.features, generated.features, degree=3, coef0=1.0).mean()
    return float(real.kernel_mean + generated.kernel_mean - 2.0 * between)


def frechet_distance(real: Sample, generated: Sample) -> float:
    """Distance between normal distributions with the means and covariances of two samples.

    Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule" (arXiv 1706.08500), equation
    6, here in the features of the evaluation classifier instead of Inception's. Small samples make
    it too large, so it only compares samples of one size.
    """
    difference = real.features.mean(axis=0) - generated.features.mean(axis=0)
    first, second = (np.cov(sample.features, rowvar=False) for sample in (real, generated))
    # The trace of the root of a product is the sum of the roots of its eigenvalues, which are
    # real and not negative but for rounding.
    eigenvalues = np.linalg.eigvals(first @ second).real
    root_trace = np.sqrt(np.maximum(eigenvalues, 0.0)).sum()
    squared = difference @ difference + np.trace(first) + np.trace(second) - 2.0 * root_trace
    return float(max(0.0, squared))


def neighbourhoods(real: Sample, generated: Sample) -> dict[str, float]:
    """Precision, recall, density and coverage: who lies in whose neighbourhood.

    An image's neighbourhood reaches to its fifth nearest neighbour of its own kind. Kynkäänniemi et
    al. 2019 (arXiv 1904.06991); Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for
    Generative Models" (arXiv 2002.09797).

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
    """How near generated images are to training images, compared with unseen real ones.

    Args:
        training: The images that the generator learned from.
        real: Real images that it did not learn from.
        generated: Its own images.

    Returns:
        `nearest_ratio`: ratio of the median distances to the nearest training image, 0 for copies
        and about 1 for images as new as real ones. `copied`: share of generated images that are
        nearer to one than all but the nearest hundredth of the real ones are; about 0.01 for images
        as new as real ones.
    """
    of_generated, of_real = (
        pairwise_distances(sample.features, training.features).min(axis=1)
        for sample in (generated, real)
    )
    # Equal, and not undefined, where both are copies.
    smallest = np.finfo(np.float32).eps
    ratio = (np.median(of_generated) + smallest) / (np.median(of_real) + smallest)
    copied = (of_generated < np.quantile(of_real, 0.01)).mean()
    return {"nearest_ratio": float(ratio), "copied": float(copied)}


def figures(real: Sample, generated: Sample) -> dict[str, float]:
    """All figures that compare two samples: the distances and `neighbourhoods`."""
    return {
        "kernel_distance": kernel_distance(real, generated),
        "frechet_distance": frechet_distance(real, generated),
        **neighbourhoods(real, generated),
    }


def rows(measured: dict[str, Any], class_name: str) -> dict[str, dict[str, float]]:
    """The figures of one class, as rows of a table.

    Args:
        measured: What `Evaluator.measure` returned.
        class_name: Which class.

    Returns:
        For `generated` and for every key of `REFERENCES`, those figures of `NAMES` that it has;
        empty if the class was not measured.
    """
    samples = measured["classes"].get(class_name)
    if samples is None:
        return {}
    return {
        source: {name: samples[source][name] for name in NAMES if name in samples[source]}
        for source in ("generated", *REFERENCES)
    }


def memorised(measured: dict[str, Any], class_name: str) -> bool:
    """Whether a generator repeats its training images of a class; see `rows`."""
    samples = measured["classes"].get(class_name)
    return samples is not None and samples["generated"]["copied"] > MEMORISED
