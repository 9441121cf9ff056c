import pytest

from kerasaug.study.verdict import interval, paired_difference, too_few_tests, verdict


def test_interval_is_students():
    half = 4.302653 * 0.1 / 3**0.5
    expected = {"mean": 0.5, "low": 0.5 - half, "high": 0.5 + half}
    assert interval([0.4, 0.5, 0.6]) == pytest.approx(expected, abs=1e-6)
    assert interval([0.9, 1.0])["high"] == 1.0
    assert interval([0.5]) == {"mean": 0.5, "low": None, "high": None}


def test_pairing_removes_what_both_arms_share():
    difference = paired_difference([0.91, 0.81, 0.71], [0.90, 0.80, 0.70])
    assert difference == pytest.approx({"difference": 0.01, "low": 0.01, "high": 0.01})
    # Of two repetitions the interval is so wide that it would leave what is possible.
    wide = paired_difference([1.0, 0.0], [0.0, 0.9])
    assert (wide["low"], wide["high"]) == (-1.0, 1.0)
    assert paired_difference([0.5], [0.4])["low"] is None


def differences(f1, balanced):
    names = ("difference", "low", "high")
    return {
        "rare_f1": dict(zip(names, f1, strict=True)),
        "balanced_accuracy": dict(zip(names, balanced, strict=True)),
    }


@pytest.mark.parametrize(
    ("f1", "balanced", "expected"),
    [
        ((0.05, 0.01, 0.09), (0.01, -0.01, 0.03), "helps"),
        ((0.05, -0.01, 0.11), (0.01, 0.0, 0.02), "not significant"),
        ((0.05, 0.01, 0.09), (-0.002, -0.01, 0.01), "not significant"),
        ((0.05, 0.01, 0.09), (-0.02, -0.03, -0.01), "hurts"),
        ((0.05, 0.01, 0.09), (-0.005, -0.0095, -0.0005), "not significant"),
        ((0.05, 0.01, 0.09), (-0.005, -0.0085, -0.0015), "hurts"),
        ((-0.05, -0.09, -0.01), (0.0, -0.01, 0.01), "hurts"),
        ((0.05, None, None), (0.01, None, None), "not significant"),
    ],
)
def test_verdict(f1, balanced, expected):
    assert verdict(differences(f1, balanced)) == expected


@pytest.mark.parametrize(
    ("test_counts", "expected"),
    [
        ((3, 30, 30), None),
        ((50, 30, 29), "There are only 29 test images of bottom, too few for a verdict, which "),
        ((50, 1, 2), "There is only 1 test image of middle, too few for a verdict, which "),
    ],
)
def test_thirty_test_images_of_every_rare_class_are_enough_for_a_verdict(test_counts, expected):
    data = {"class_names": ["top", "middle", "bottom"], "rare_classes": [1, 2]}
    expected = expected and f"{expected}needs at least 30"
    assert too_few_tests({**data, "test_counts": test_counts}) == expected
