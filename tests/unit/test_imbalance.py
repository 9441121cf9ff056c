import numpy as np
import pytest

from kerasaug.data import imbalance
from kerasaug.errors import InputError

LABELS = np.repeat([0, 1, 2], [100, 100, 30])


def test_only_the_named_class_shrinks():
    positions = imbalance.keep_indices(LABELS, {1: 5}, seed=0)
    assert np.bincount(LABELS[positions]).tolist() == [100, 5, 30]
    assert (np.diff(positions) > 0).all()


def test_the_choice_is_a_function_of_seed_and_class():
    both = imbalance.keep_indices(LABELS, {1: 5, 2: 3}, seed=7)
    alone = imbalance.keep_indices(LABELS, {1: 5}, seed=7)
    other = imbalance.keep_indices(LABELS, {1: 5}, seed=8)
    chosen = [rows[LABELS[rows] == 1].tolist() for rows in (both, alone, other)]
    assert chosen[0] == chosen[1] != chosen[2]


@pytest.mark.parametrize(
    ("amount", "expected"), [(1, 1), (30, 30), (0.1, 3), (0.01, 1), (1.0, 30), (0.05, 2)]
)
def test_counts_and_fractions(amount, expected):
    assert imbalance.kept_count(amount, 30) == expected


@pytest.mark.parametrize("amount", [0, -1, 31, 0.0, 1.1, -0.5, float("nan")])
def test_amounts_out_of_range_are_refused(amount):
    with pytest.raises(InputError, match="to keep must be"):
        imbalance.kept_count(amount, 30)


def test_a_class_is_found_by_name_before_index():
    assert imbalance.class_index("Shirt", ("Bag", "Shirt")) == 1
    assert imbalance.class_index("0", ("1", "0")) == 1
    assert imbalance.class_index(0, ("1", "0")) == 0
    assert imbalance.class_index("1", ("Bag", "Shirt")) == 1
    for unknown in ("Hat", "2", 2, -1, "-1"):
        with pytest.raises(InputError, match="there is no class"):
            imbalance.class_index(unknown, ("Bag", "Shirt"))


@pytest.mark.parametrize("names", [("001", "002", "003"), ("1", "2", "10"), ("b", "7")])
def test_where_classes_are_called_by_numbers_text_is_a_name(names):
    for number, name in enumerate(names):
        assert imbalance.class_index(name, names) == imbalance.class_index(number, names) == number
        with pytest.raises(InputError, match=f"there is no class '0{number}'; it must be one of"):
            imbalance.class_index(f"0{number}", names)
    with pytest.raises(InputError, match="there is no class '0'"):
        imbalance.class_index("0", names)


@pytest.mark.parametrize(
    ("counts", "rare"),
    [
        ([100, 9, 100], [1]),
        ([100, 9, 5], [1, 2]),
        ([10, 9, 8], [2]),
        ([9, 0, 8], [2]),
        ([0, 8, 8], [1]),
    ],
)
def test_rare_classes(counts, rare):
    assert imbalance.rare_classes(counts) == rare


def test_a_long_tail_falls_exponentially_from_first_to_last():
    amounts = imbalance.long_tail([1000] * 5, 100)
    assert amounts == {0: 1000, 1: 316, 2: 100, 3: 32, 4: 10}
    assert imbalance.long_tail([3, 3], 100) == {0: 3, 1: 1}
    assert imbalance.long_tail([100, 0, 100], 100) == {0: 100, 2: 1}
    assert imbalance.long_tail([7], 100) == {0: 7}
    for ratio in (0.5, float("inf"), float("nan")):
        with pytest.raises(InputError, match="at least 1"):
            imbalance.long_tail([10, 10], ratio)
