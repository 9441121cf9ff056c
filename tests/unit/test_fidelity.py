"""Every figure on samples whose answer is known."""

import numpy as np
import pytest

from kerasaug.quality import fidelity
from kerasaug.quality.fidelity import Sample

DIMENSIONS = 6


def points(count, seed, shift=0.0):
    return np.random.default_rng(seed).normal(size=(count, DIMENSIONS)) + shift


def test_real_against_real_is_as_good_as_can_be():
    figures = fidelity.figures(Sample(points(400, 0)), Sample(points(400, 1)))
    assert figures["kernel_distance"] == pytest.approx(0.0, abs=0.05)
    assert figures["frechet_distance"] < 0.2
    assert figures["precision"] > 0.9
    assert figures["recall"] > 0.9
    assert figures["density"] == pytest.approx(1.0, abs=0.15)
    assert figures["coverage"] > 0.9


def test_the_kernel_distance_has_no_bias():
    """Small samples of one distribution: around 0, and not above it."""
    distances = [
        fidelity.kernel_distance(Sample(points(12, 2 * k)), Sample(points(12, 2 * k + 1)))
        for k in range(300)
    ]
    assert abs(np.mean(distances)) < 3 * np.std(distances) / np.sqrt(len(distances))
    assert min(distances) < 0 < max(distances)


def test_the_kernel_distance_of_single_points_in_closed_form():
    """k(x, y) = (x y / d + 1)^3 of two repeated points: k(0,0) + k(a,a) - 2 k(0,a)."""
    zeros, ones = np.zeros((5, 4)), np.ones((7, 4))
    assert fidelity.kernel_distance(Sample(zeros), Sample(ones)) == pytest.approx(1 + 2**3 - 2)


def test_the_frechet_distance_in_closed_form():
    real = points(300, 0)
    shift = np.arange(DIMENSIONS)
    assert fidelity.frechet_distance(Sample(real), Sample(real)) == pytest.approx(0.0, abs=1e-6)
    assert fidelity.frechet_distance(Sample(real), Sample(real + shift)) == pytest.approx(
        shift @ shift
    )
    # Of equal means and covariances C and 9 C: trace(C + 9 C - 6 C).
    centred = real - real.mean(axis=0)
    expected = 4 * np.trace(np.cov(centred, rowvar=False))
    assert fidelity.frechet_distance(Sample(centred), Sample(3 * centred)) == pytest.approx(
        expected
    )


def test_one_image_repeated_covers_nothing():
    real = points(300, 0)
    figures = fidelity.figures(Sample(real), Sample(np.repeat(real[:1], 200, axis=0)))
    assert figures["coverage"] < 0.1
    assert figures["recall"] < 0.05
    assert figures["precision"] == 1.0


def test_images_from_elsewhere_have_neither_precision_nor_coverage():
    figures = fidelity.figures(Sample(points(200, 0)), Sample(points(200, 1, shift=50.0)))
    assert not any(figures[name] for name in ("precision", "recall", "density", "coverage"))
    assert figures["frechet_distance"] == pytest.approx(DIMENSIONS * 50**2, rel=0.05)


def test_a_lost_half_is_missing_in_coverage_only():
    real = np.concatenate([points(200, 0), points(200, 1, shift=30.0)])
    figures = fidelity.figures(Sample(real), Sample(points(400, 2)))
    assert figures["coverage"] == pytest.approx(0.5, abs=0.05)
    assert figures["precision"] > 0.9


def test_copies_are_nearer_than_new_images():
    training, unseen = points(200, 0), points(2000, 1)
    copies = fidelity.nearness(Sample(training), Sample(unseen), Sample(training[:50]))
    assert copies["nearest_ratio"] == pytest.approx(0.0, abs=1e-6)
    assert copies["copied"] == 1.0
    new = fidelity.nearness(Sample(training), Sample(unseen), Sample(points(2000, 2)))
    assert new["nearest_ratio"] == pytest.approx(1.0, abs=0.1)
    assert new["copied"] == pytest.approx(0.01, abs=0.01)


def test_a_few_copies_among_new_images_are_counted():
    training = points(200, 0)
    mixed = np.concatenate([training[:60], points(240, 2)])
    figures = fidelity.nearness(Sample(training), Sample(points(2000, 1)), Sample(mixed))
    assert figures["copied"] == pytest.approx(0.2, abs=0.03)
    assert figures["nearest_ratio"] > 0.8


def test_where_even_real_images_are_copies_the_figures_are_numbers():
    same = np.zeros((10, 3))
    copies, others = (
        fidelity.nearness(Sample(same), Sample(same), Sample(generated))
        for generated in (same, same + 1)
    )
    assert copies == {"nearest_ratio": 1.0, "copied": 0.0}
    assert np.isfinite(others["nearest_ratio"])


def measured(accuracy, copied):
    figures = {"coverage": accuracy / 2}
    generated = {**figures, "classification_accuracy": accuracy, "copied": copied}
    return {"classes": {"five": {"generated": generated, "repeated": figures, "real": figures}}}


def test_rows_are_the_figures_of_a_class_and_of_its_references():
    rows = fidelity.rows(measured(0.8, 0.0), "five")
    shown = {"classification_accuracy": 0.8, "coverage": 0.4, "copied": 0.0}
    assert rows["generated"] == pytest.approx(shown)
    assert rows["real"] == rows["repeated"] == pytest.approx({"coverage": 0.4})
    assert fidelity.rows(measured(0.8, 0.0), "six") == {}


def test_a_generator_that_copies_is_said_to():
    assert not fidelity.memorised(measured(1.0, 0.03), "five")
    assert fidelity.memorised(measured(1.0, 0.4), "five")
    assert not fidelity.memorised(measured(1.0, 0.4), "six")
