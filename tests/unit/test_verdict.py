import numpy as np
import pytest
import scipy.stats

from kerasaug.study.ranking import Estimate, average_precision
from kerasaug.study.scores import Predictions
from kerasaug.study.verdict import difference, doubling, interval, verdict

LABELS = np.repeat([0, 1], 10)


def estimate(cells, influences=None):
    """Of scores by repetition and fold, the score of a repetition being their mean."""
    cells = np.array(cells, float)
    values, none = cells.mean(axis=1), np.zeros((len(cells), len(LABELS)))
    deviations = (cells - values[:, None]) / cells.shape[1]
    influences = none if influences is None else np.array(influences)
    return Estimate(values, deviations, influences, LABELS, fewest=10)


def test_where_images_do_not_matter_it_is_students_t_over_repetitions():
    half = 4.302653 * 0.1 / 3**0.5
    result = interval(estimate([[0.4], [0.5], [0.6]]))
    assert result["mean"] == pytest.approx(0.5)
    assert result["low"] == pytest.approx(0.5 - half, abs=1e-6)
    assert result["high"] == pytest.approx(0.5 + half, abs=1e-6)
    assert interval(estimate([[0.9], [1.0]]))["high"] == 1.0
    unknown = {"mean": 0.5, "low": None, "high": None, "detectable": None}
    assert interval(estimate([[0.5]])) == unknown


def test_folds_of_one_repetition_have_an_interval():
    """The score is their mean."""
    values = [0.5, 0.6, 0.4, 0.5, 0.55]
    result = interval(estimate([values]))
    half = scipy.stats.t.ppf(0.975, 4) * np.sqrt(np.var(values, ddof=1) / 5)
    assert result["high"] - result["mean"] == pytest.approx(half)
    twice = interval(estimate([values, values]))
    ratio = scipy.stats.t.ppf(0.975, 8) / scipy.stats.t.ppf(0.975, 4) / 2**0.5
    assert twice["high"] - twice["mean"] == pytest.approx(ratio * half)


def test_where_trainings_agree_the_test_images_decide():
    influence = 0.01 * np.random.default_rng(0).normal(size=(1, 20))
    cells = [[0.5], [0.5]]
    result = interval(estimate(cells, np.repeat(influence, 2, axis=0)))
    variance = sum(10 * np.var(part, ddof=1) for part in np.split(influence[0], 2))
    half = scipy.stats.t.ppf(0.975, 9) * np.sqrt(variance)
    assert result["high"] - result["mean"] == pytest.approx(half)
    # That all images of a class are worth more says nothing: their number is no accident.
    moved = influence + np.where(LABELS == 1, 0.5, 0.0)
    assert interval(estimate(cells, np.repeat(moved, 2, axis=0))) == result


def test_what_both_arms_share_does_not_widen_the_interval():
    one, other = estimate([[0.91], [0.81], [0.71]]), estimate([[0.90], [0.80], [0.70]])
    result = difference(one, other)
    assert (result["low"], result["high"]) == pytest.approx((0.01, 0.01))
    wide = difference(estimate([[1.0], [0.0]]), estimate([[0.0], [0.9]]))
    assert (wide["low"], wide["high"]) == (-1.0, 1.0)


def test_the_detectable_difference_is_found_in_four_of_five_studies():
    """Simulated: a true difference of that size, and five repetitions of known variance."""
    random = np.random.default_rng(0)
    noise = random.normal(size=(4000, 5))
    noise *= 0.05
    detectable = np.mean([interval(estimate(n[:, None]), -np.inf)["detectable"] for n in noise])
    shown = [interval(estimate((n + detectable)[:, None]), -np.inf)["low"] > 0 for n in noise]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.05)


def test_false_verdicts_are_rare_in_trainings_that_differ_by_chance_alone():
    """Scores of both arms are drawn anew for every fold; the truth of an image is shared."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], [160, 40]).astype(np.int32)
    wrong = 0
    for _ in range(300):
        folds = random.permutation(np.arange(200) % 5)
        truth = labels + random.normal(size=200)
        arms = []
        for _ in range(2):
            seen = truth + 0.7 * random.normal(size=200) + 0.3 * random.normal(size=5)[folds]
            arms.append(
                average_precision(
                    [
                        [
                            Predictions(
                                np.flatnonzero(folds == n),
                                labels[folds == n],
                                np.stack([0 * seen, seen], axis=1)[folds == n].astype(np.float32),
                            )
                            for n in range(5)
                        ]
                    ],
                    [1],
                )
            )
        result = difference(*arms)
        wrong += not result["low"] <= 0.0 <= result["high"]
    assert 0 < wrong / 300 <= 0.05


def differences(rare, mean):
    names = ("mean", "low", "high")
    return {
        "rare_average_precision": dict(zip(names, rare, strict=True)),
        "mean_average_precision": dict(zip(names, mean, strict=True)),
    }


@pytest.mark.parametrize(
    ("rare", "mean", "expected"),
    [
        ((0.05, 0.01, 0.09), (0.01, -0.01, 0.03), "helps"),
        ((0.05, -0.01, 0.11), (0.01, 0.0, 0.02), "not significant"),
        ((0.05, 0.01, 0.09), (-0.004, -0.01, 0.01), "helps"),
        ((0.05, 0.01, 0.09), (-0.006, -0.01, 0.01), "not significant"),
        ((0.05, 0.01, 0.09), (-0.02, -0.03, -0.01), "hurts"),
        ((0.05, 0.01, 0.09), (-0.008, -0.012, -0.004), "not significant"),
        ((-0.05, -0.09, -0.01), (0.0, -0.01, 0.01), "hurts"),
        ((0.05, None, None), (0.01, None, None), "not significant"),
    ],
)
def test_verdict(rare, mean, expected):
    assert verdict(differences(rare, mean)) == expected


def test_doubling_leaves_of_the_error_what_the_last_doubling_left():
    whole, half = estimate([[0.9], [0.9]]), estimate([[0.8], [0.8]])
    result = doubling(whole, half)
    # The error fell from 0.2 to 0.1, so it falls to 0.05.
    assert result["mean"] == pytest.approx(0.05)
    assert (result["low"], result["high"]) == pytest.approx((0.05, 0.05))
    # Half of the images are not taken to be better than all of them.
    assert doubling(half, whole)["mean"] == 0.0
    perfect = estimate([[1.0], [1.0]])
    assert doubling(perfect, perfect)["mean"] == 0.0


def test_the_interval_of_doubling_is_that_of_its_slopes():
    cells, halves = [[0.91], [0.89]], [[0.8], [0.8]]
    result = doubling(estimate(cells), estimate(halves))
    # e - e²/h at e = 0.1, h = 0.2, by the average precision: -(1 - 2 e / h) = 0.
    assert result["high"] - result["low"] == pytest.approx(0.0, abs=1e-9)
    result = doubling(estimate(halves), estimate([[0.61], [0.59]]))
    # By that of the half: -(e / h)² = -0.25 at e = 0.2, h = 0.4.
    half = interval(estimate([[0.61], [0.59]]))
    assert result["high"] - result["mean"] == pytest.approx(0.25 * (half["high"] - half["mean"]))
