"""Common classes that are made as rare as a rare one, to choose by.

Of a class that is rare itself, too few images can be held out to choose an augmentation or a
strength of adjustment by.
"""

import dataclasses
from collections.abc import Sequence

import keras

from kerasaug.data.dataset import ImageDataset
from kerasaug.study import trial
from kerasaug.study.arms import Arm
from kerasaug.study.config import Length

MOST = 5


def choose(dataset: ImageDataset) -> list[int]:
    """Names the classes that stand in: every second of the common ones, at most `MOST`.

    Args:
        dataset: The imbalanced data.

    Returns:
        Their indices, ascending.
    """
    rare = dataset.rare_classes
    common = [c for c, count in enumerate(dataset.class_counts) if count and c not in rare]
    return common[:: max(2, -(-len(common) // MOST))]


def f1_by_strength(
    arm: Arm,
    stand_in: int,
    dataset: ImageDataset,
    length: Length,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, float]:
    """Trains an arm with a common class cut down, and scores that on held-out images.

    One class at a time: with several, fewer common classes are left that a rare one could be said
    in the place of, and raising its scores further seems to cost nothing.

    Args:
        arm: What to train on; needs neither generated images nor the data before they were reduced.
        stand_in: The class.
        dataset: The imbalanced data, with training images held out.
        length: How long.
        seed: Of which images are left, of the initial weights and the order of the data.
        callbacks: Further Keras callbacks, for progress.

    Returns:
        The F1 of the class that stood in, in [0, 1], by one of `trial.STRENGTHS`.
    """
    least = min(count for count in dataset.class_counts if count)
    reduced = dataset.reduce({stand_in: least}, seed).cache()
    # By size alone it would not be, where the smallest class is no tenth of the largest one.
    reduced = dataclasses.replace(reduced, named_rare=(*dataset.rare_classes, stand_in))
    given = trial.Ingredients(reduced)
    classifier, _, _ = trial.train(arm, given, length, seed, callbacks)
    found = trial.score(classifier, arm, given, reduced.validation)
    return {strength: scores["f1"][stand_in] for strength, scores in found.items()}
