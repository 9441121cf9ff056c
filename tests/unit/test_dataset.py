import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasaug import data
from kerasaug.data.readers import tfds
from kerasaug.data.streams import collect
from kerasaug.errors import InputError


def test_reduce_streams_fewer_images_and_leaves_the_test_split(tiny):
    reduced = tiny.reduce({"bottom": 4}, seed=3)
    images, labels = collect(tiny.train)
    reduced_images, reduced_labels = collect(reduced.train)
    assert reduced.class_counts == [40, 40, 4]
    assert tiny.class_counts == [40, 40, 12]
    np.testing.assert_array_equal(reduced_images, images[reduced.indices])
    np.testing.assert_array_equal(reduced_labels, labels[reduced.indices])
    assert reduced.test is tiny.test


def test_indices_of_a_twice_reduced_set_name_the_first_split(tiny):
    images, _ = collect(tiny.train)
    twice = tiny.reduce({0: 10}).reduce({1: 5})
    np.testing.assert_array_equal(collect(twice.train)[0], images[twice.indices])


def test_reduce_reads_no_more_than_is_asked_for(streamed):
    read = []

    def count(image, label):
        tf.py_function(lambda: read.append(1), [], [])
        return image, label

    counted = dataclasses.replace(streamed, records=streamed.records.map(count)).reduce({2: 6})
    next(iter(counted.train))
    assert len(read) < 10
    assert len(counted.class_images(0, most=2)) == 2
    assert len(read) < 30


@pytest.mark.thorough
def test_a_large_set_is_read_like_a_small_one(monkeypatch):
    small = data.load("mnist")
    monkeypatch.setattr(tfds, "MOST_KEPT", 0)
    large = tfds.read.__wrapped__("mnist")  # What is under the cache of conftest.py.
    assert large.train_labels.dtype == np.int32
    np.testing.assert_array_equal(large.train_labels, small.train_labels)
    assert large.test_counts == small.test_counts
    pairs = (collect(dataset.train.take(300)) for dataset in (large, small))
    for array, expected in zip(*pairs, strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("first", ["cache", "reduce"])
def test_a_cached_set_holds_the_same_images(streamed, first):
    reduced = streamed.reduce({2: 5}, seed=1)
    cached = reduced.cache() if first == "reduce" else streamed.cache().reduce({2: 5}, seed=1)
    for stream, expected in ((cached.train, reduced.train), (cached.test, reduced.test)):
        for array, expected_array in zip(collect(stream), collect(expected), strict=True):
            np.testing.assert_array_equal(array, expected_array)
    np.testing.assert_array_equal(cached.indices, reduced.indices)
    assert cached.fingerprint == reduced.fingerprint
    for class_id in range(3):
        images = reduced.class_images(class_id)
        np.testing.assert_array_equal(cached.class_images(class_id), images)
        np.testing.assert_array_equal(cached.class_images(class_id, 2), images[:2])
        np.testing.assert_array_equal(reduced.class_images(class_id, 2), images[:2])


def test_a_fingerprint_depends_on_the_images_and_the_labels_of_both_splits():
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (2, 6, 8, 8, 1), np.uint8)
    labels = np.array([[0, 1, 2, 0, 1, 2]] * 2)
    prints = {data.from_arrays(images[0], labels[0], images[1], labels[1]).fingerprint}
    for which in range(4):
        arrays = [images[0].copy(), labels[0].copy(), images[1].copy(), labels[1].copy()]
        arrays[which][0] = (arrays[which][0] + 1) % 3
        prints.add(data.from_arrays(*arrays).fingerprint)
    assert len(prints) == 5


def test_fingerprint_tells_splits_apart(tiny):
    prints = {tiny.reduce({2: 5}, seed).fingerprint for seed in range(3)}
    assert len(prints | {tiny.fingerprint}) == 4


def test_reductions_and_splits_of_a_cached_set_share_its_memory(streamed):
    whole = streamed.cache()
    split = whole.split_test(0.25)
    fold = split.fold(1, 3)
    for part in (whole.cache(), whole.reduce({2: 5}), split, fold, split.cache(), fold.cache()):
        assert part.in_memory.images is whole.in_memory.images
        assert len(part.in_memory.rows) == len(part.train_labels)


def test_images_given_as_arrays_are_copied():
    images = np.full((12, 8, 8, 1), 7, np.uint8)
    dataset = data.from_arrays(images, np.arange(12) % 2)
    images[...] = 0
    assert (collect(dataset.train)[0] == 7).all()


@pytest.mark.parametrize("cached", [False, True])
def test_batches_are_a_function_of_the_seed(streamed, cached):
    dataset = streamed.cache() if cached else streamed

    def first(seed):
        return [images.numpy() for images, _ in dataset.batches(8, seed=seed).take(20)]

    np.testing.assert_array_equal(first(0), first(0))
    assert not np.array_equal(first(0), first(1))


@pytest.mark.parametrize("cached", [False, True])
def test_balanced_batches_draw_every_class_equally_often(streamed, cached):
    dataset = streamed.reduce({2: 3})
    dataset = dataset.cache() if cached else dataset

    def shares(**options):
        _, labels = next(iter(dataset.batches(3000, **options)))
        return np.bincount(labels, minlength=3) / 3000

    np.testing.assert_allclose(shares(balanced=True), 1 / 3, atol=0.04)
    np.testing.assert_allclose(shares(), np.array([40, 40, 3]) / 83, atol=0.04)
    np.testing.assert_array_equal(shares(class_id=2), [0, 0, 1])


def test_batches_are_what_the_models_take(tiny):
    images, labels = next(iter(tiny.batches(16)))
    assert images.dtype == tf.float32
    assert labels.dtype == tf.int32
    assert images.shape == (16, 8, 8, 1)
    assert -1.0 <= float(tf.reduce_min(images)) < float(tf.reduce_max(images)) <= 1.0


def test_arrays_that_do_not_fit_are_refused():
    images, labels = np.zeros((4, 8, 8, 1), np.uint8), np.array([0, 1, 0, 1])
    good = [images, labels, images, labels]
    data.from_arrays(*good)
    for position, bad in [
        (0, images.astype(float)),
        (0, images[..., 0]),
        (2, images[:, :4]),
        (1, labels[:3]),
        (1, labels * 0.5),
        (3, labels - 1),
    ]:
        with pytest.raises(InputError, match="must be"):
            data.from_arrays(*good[:position], bad, *good[position + 1 :])


def test_a_long_tail_is_cut_class_by_class(tiny):
    assert tiny.long_tail(4).class_counts == [40, 20, 3]


def test_named_classes_are_rare_whatever_their_size(tiny):
    assert tiny.rare_classes == [2]
    assert tiny.naming_rare(["top", 2]).reduce({1: 2}).rare_classes == [0, 2]
    with pytest.raises(InputError, match="no class 'left'"):
        tiny.naming_rare(["left"])


def test_what_is_larger_than_the_limit_is_not_read_into_memory(streamed):
    size = 8 * 8 * (92 + 60)
    assert streamed.cache(most_bytes=size - 1).in_memory is None
    assert streamed.cache(most_bytes=size).in_memory is not None


@pytest.mark.parametrize("of_test", [False, True])
def test_the_first_images_of_every_class_are_taken(of_test, tiny, streamed):
    images, labels = collect(tiny.test if of_test else tiny.train)
    for dataset in (tiny, streamed):
        few, few_labels = dataset.first_of_each(3, of_test)
        assert few_labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
        for class_id in range(3):
            expected = images[labels == class_id][:3]
            np.testing.assert_array_equal(few[few_labels == class_id], expected)


def as_pairs(*streams):
    """The images of some streams with their labels, in no order."""
    pairs = [pair for stream in streams for pair in zip(*collect(stream), strict=True)]
    return sorted((image.tobytes(), int(label)) for image, label in pairs)


@pytest.mark.parametrize("cached", [False, True])
def test_a_test_split_is_taken_from_every_class(streamed, cached):
    whole = streamed.cache() if cached else streamed
    reduced = whole.reduce({2: 1})
    split = reduced.split_test(0.25, seed=1)
    assert (split.class_counts, split.test_counts) == ([30, 30, 1], [10, 10, 0])
    images, labels = collect(split.test)
    np.testing.assert_array_equal(split.test_labels, labels)
    np.testing.assert_array_equal(images, collect(whole.train)[0][split.test_indices])
    assert as_pairs(split.train, split.test) == as_pairs(reduced.train)
    np.testing.assert_array_equal(collect(split.cache().test)[0], images)
    assert split.fingerprint != reduced.fingerprint
    assert not (split.has_own_test or whole.split_test(0.25).cache().has_own_test)
    assert reduced.has_own_test
    for share in (0.0, 1.0):
        with pytest.raises(InputError, match="share"):
            reduced.split_test(share)


@pytest.mark.parametrize("cached", [False, True])
def test_every_image_is_tested_in_one_fold_and_trained_on_in_the_others(streamed, cached):
    whole = (streamed.cache() if cached else streamed).pooled()
    assert as_pairs(whole.train) == as_pairs(streamed.train, streamed.test)
    assert (whole.class_counts, whole.test, whole.test_counts) == ([60, 60, 32], None, [0] * 3)
    whole = whole.cache() if cached else whole
    images, labels = collect(whole.train)
    np.testing.assert_array_equal(whole.train_labels, labels)
    reduced = whole.reduce({2: 12})
    folds = [reduced.fold(number, 4, seed=2) for number in range(4)]
    tested = np.concatenate([fold.test_indices for fold in folds])
    np.testing.assert_array_equal(np.sort(tested), np.sort(reduced.indices))
    for fold in folds:
        assert (fold.class_counts, fold.test_counts) == ([45, 45, 9], [15, 15, 3])
        assert as_pairs(fold.train, fold.test) == as_pairs(reduced.train)
        test_images, test_labels = collect(fold.test)
        np.testing.assert_array_equal(test_images, images[fold.test_indices])
        np.testing.assert_array_equal(test_labels, labels[fold.test_indices])
        assert not set(fold.indices) & set(fold.test_indices)
    others = [reduced.fold(number, 4, seed=3) for number in range(4)]
    prints = {fold.fingerprint for fold in (*folds, *others)}
    assert len(prints) == 8
    assert reduced.fold(0, 4, seed=2).fingerprint == folds[0].fingerprint


def test_a_split_that_was_put_back_knows_where_its_images_stood(streamed):
    images, labels = collect(streamed.train)
    for split in (streamed.split_test(0.25, seed=1), streamed.reduce({0: 5}).split_test(0.25)):
        whole = split.pooled()
        assert len(whole.indices) == len(split.indices) + len(split.test_indices)
        np.testing.assert_array_equal(collect(whole.train)[0], images[whole.indices])
        np.testing.assert_array_equal(whole.train_labels, labels[whole.indices])
        assert len(whole.test_indices) == 0


def test_test_images_of_pooled_data_are_numbered_after_all_training_images(streamed):
    """Also after those that were left out, as in the names."""
    named = dataclasses.replace(streamed, names=tuple(map(str, range(152))))
    for dataset in (named, named.reduce({2: 3}), named.reduce({0: 1, 1: 1, 2: 1})):
        np.testing.assert_array_equal(dataset.pooled().indices[-60:], np.arange(92, 152))
    few = streamed.reduce({2: 3}).pooled()
    assert len(set(few.indices)) == len(few.train_labels) == 143


def test_all_images_but_the_tested_ones_of_a_reduced_fold(streamed):
    whole = streamed.pooled()
    fold = whole.reduce({2: 12}).fold(1, 4)
    full = whole.without(fold)
    np.testing.assert_array_equal(full.test_indices, fold.test_indices)
    assert as_pairs(full.test) == as_pairs(fold.test)
    assert sorted([*full.indices, *full.test_indices]) == list(range(152))
    assert full.class_counts == [45, 45, 29]


def grouped(dataset):
    """Four images after one another show the same thing."""
    whole = dataset.pooled()
    return dataclasses.replace(whole, groups=np.arange(len(whole.train_labels)) // 4)


@pytest.mark.parametrize("make", ["fold", "fold of a reduction", "test split", "large test split"])
def test_groups_are_never_split(streamed, make):
    whole = grouped(streamed)
    few = whole.reduce({0: 30})
    share = {"test split": 0.2, "large test split": 0.7}.get(make)
    splits = {
        "fold": lambda: [whole.fold(number, 5) for number in range(5)],
        "fold of a reduction": lambda: [few.fold(number, 5) for number in range(5)],
    }.get(make, lambda: [whole.split_test(share, seed=1)])()
    for split in splits:
        train, test = (set(whole.groups[rows]) for rows in (split.indices, split.test_indices))
        assert train and test and not train & test
    if share:
        assert len(split.test_labels) / 152 == pytest.approx(share, abs=0.08)
        again = whole.split_test(share, seed=2)
        assert set(again.test_indices) != set(split.test_indices)
    else:
        tested = np.concatenate([split.test_indices for split in splits])
        assert sorted(tested) == sorted([*few.indices] if "reduction" in make else range(152))
