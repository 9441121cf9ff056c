"""Which images are put aside, and which folds they are dealt into."""

import numpy as np
import pytest

from kerasaug.data import folds
from kerasaug.errors import InputError

LABELS = np.array([0] * 23 + [1] * 12 + [2] * 3)


@pytest.mark.parametrize(
    ("share", "aside"), [(0.25, [6, 3, 1]), (0.01, [1, 1, 1]), (0.99, [22, 11, 2])]
)
def test_a_share_of_every_class_is_put_aside_and_one_stays(share, aside):
    stays = folds.all_but(LABELS, share, seed=0)
    assert np.bincount(LABELS[~stays]).tolist() == aside
    np.testing.assert_array_equal(stays, folds.all_but(LABELS, share, seed=0))
    assert (stays != folds.all_but(LABELS, share, seed=1)).any()


def test_a_class_of_one_image_stays():
    assert folds.all_but(np.array([0, 0, 0, 0, 1]), 0.5, seed=0)[4]


def test_every_class_is_dealt_evenly_into_folds():
    fold_of = folds.numbers(LABELS, 4, seed=0)
    assert fold_of.shape == LABELS.shape
    for class_id in range(3):
        sizes = np.bincount(fold_of[LABELS == class_id], minlength=4)
        assert sizes.max() - sizes.min() <= 1
    assert set(fold_of) == set(range(4))


def test_folds_are_a_function_of_the_seed():
    first = folds.numbers(LABELS, 4, seed=0)
    np.testing.assert_array_equal(first, folds.numbers(LABELS, 4, seed=0))
    assert (first != folds.numbers(LABELS, 4, seed=1)).any()


def test_a_group_is_in_one_fold_and_the_rare_class_in_as_many_as_it_can_be():
    # Photographs of 60 parts, 1 to 4 of each; each class has parts of its own.
    sizes = np.arange(60) % 4 + 1
    groups = np.repeat(np.arange(60), sizes)
    labels = np.repeat((np.arange(60) % 6 == 0).astype(int), sizes)
    order = np.random.default_rng(0).permutation(len(groups))
    groups, labels = groups[order], labels[order]
    fold_of = folds.numbers(labels, 5, seed=3, groups=groups)
    for group in range(60):
        assert len(set(fold_of[groups == group])) == 1
    assert np.bincount(fold_of, minlength=5).min() > len(labels) / 5 / 2
    assert np.bincount(fold_of[labels == 1], minlength=5).min() > 0
    # Ungrouped, the same images would be split.
    split = folds.numbers(labels, 5, seed=3)
    assert any(len(set(split[groups == group])) > 1 for group in range(60))


@pytest.mark.parametrize(
    ("count", "groups", "message"),
    [
        (1, None, "`folds` must be from 2 to 23, the number of images of the largest class, not 1"),
        (24, None, "`folds` must be from 2 to 23, the number of images of the largest class, no"),
        (4, np.arange(38) % 3, "`folds` must be from 2 to 3, the number of groups, not 4"),
    ],
)
def test_more_folds_than_images_or_groups_are_refused(count, groups, message):
    with pytest.raises(InputError, match=message):
        folds.numbers(LABELS, count, 0, groups)
