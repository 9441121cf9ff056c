"""The test images that a classifier is most wrong about."""

import numpy as np

from kerasaug.data.streams import collect
from kerasaug.study import mistakes
from kerasaug.study.results import Repetition
from kerasaug.study.scores import Predictions

NAMES = ("top", "middle", "bottom")


def fold(images, labels, probabilities):
    logits = np.log(np.array(probabilities, np.float32))
    return Predictions(np.array(images), np.array(labels, np.int32), logits)


def rows_of(*repetitions, rare=(2,)):
    made = [Repetition(seed, [], list(folds)) for seed, folds in enumerate(repetitions)]
    rows = mistakes.worst(made, rare, NAMES)
    return {row.title: (row.images.tolist(), row.other.tolist()) for row in rows}


def test_images_are_missed_or_taken_for_the_class_the_worst_first():
    one = fold([0, 1, 7], [2, 2, 2], [[0.5, 0.2, 0.3], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    two = fold([3, 5, 9], [0, 1, 0], [[0.3, 0.2, 0.5], [0.1, 0.2, 0.7], [0.9, 0.05, 0.05]])
    assert rows_of([one, two]) == {
        "bottom, 2 missed; taken for": ([1, 0], [1, 0]),
        "taken for bottom, 2; they are": ([5, 3], [1, 0]),
    }


def test_probabilities_are_means_over_repetitions():
    missed = fold([0, 1], [2, 2], [[0.8, 0.1, 0.1], [0.5, 0.1, 0.4]])
    found = fold([0, 1], [2, 2], [[0.5, 0.1, 0.4], [0.1, 0.1, 0.8]])
    assert rows_of([missed], [found]) == {"bottom, 1 missed; taken for": ([0], [0])}


def test_without_mistakes_there_is_no_row():
    right = fold([0, 1], [2, 0], [[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]])
    assert rows_of([right]) == {}


def test_every_rare_class_has_rows_of_at_most_ten():
    count = 3 * mistakes.SHOWN
    both = fold(range(count), [1] * count, [[0.2, 0.2, 0.6]] * count)
    rows = rows_of([both], rare=(1, 2))
    assert list(rows) == [
        f"middle, {count} missed; taken for",
        f"taken for bottom, {count}; they are",
    ]
    assert all(len(images) == mistakes.SHOWN for images, _ in rows.values())


def test_pictures_are_those_of_the_numbers(tiny, streamed):
    wanted = np.array([7, 3, 7])
    for dataset in (tiny, streamed):
        for from_training, stream in ((True, tiny.train), (False, tiny.test)):
            pixels, _ = collect(stream)
            images = mistakes.read(dataset, wanted, from_training)
            assert sorted(images) == [3, 7]
            for number, image in images.items():
                np.testing.assert_array_equal(image, pixels[number])


def test_pictures_of_a_split_that_was_split_off_are_those_of_the_numbers(streamed):
    pixels, _ = collect(streamed.train)
    split = streamed.split_test(0.25, seed=1)
    wanted = split.test_indices[[9, 2]]
    for dataset, from_training in ((split, False), (split.pooled(), True)):
        images = mistakes.read(dataset, wanted, from_training)
        assert sorted(images) == sorted(wanted)
        for number, image in images.items():
            np.testing.assert_array_equal(image, pixels[number])
