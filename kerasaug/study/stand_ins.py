"""Common classes that are made as rare as a rare one, to choose by.

Of a class that is rare itself, too few images can be held out to choose an augmentation or a
strength of adjustment by.
"""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np

from kerasaug.data.dataset import ImageDataset
from kerasaug.study import trial
from kerasaug.study.arms import Arm
from kerasaug.study.config import Length

STEP = 2
"""Every which of the common classes stands in, all at once.

Every third would leave three of Fashion-MNIST's, of which a single one could decide. A training for
each chose the same strength on MNIST and Fashion-MNIST, at five times the cost.
"""


def mean_f1(
    arm: Arm,
    dataset: ImageDataset,
    length: Length,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, float]:
    """Trains an arm with some common classes cut down, and scores those on held-out images.

    Args:
        arm: What to train on; needs neither generated images nor the data before they were reduced.
        dataset: The imbalanced data, with training images held out.
        length: How long.
        seed: Of which images are left, of the initial weights and the order of the data.
        callbacks: Further Keras callbacks, for progress.

    Returns:
        The mean F1 of the classes that stood in, in [0, 1], by one of `trial.STRENGTHS`.
    """
    counts, rare = dataset.class_counts, dataset.rare_classes
    common = [c for c, count in enumerate(counts) if count and c not in rare]
    chosen, least = common[::STEP], min(count for count in counts if count)
    reduced = dataset.reduce(dict.fromkeys(chosen, least), seed).cache()
    # By size alone they would not be, where the smallest class is no tenth of the largest one.
    reduced = dataclasses.replace(reduced, named_rare=(*rare, *chosen))
    given = trial.Ingredients(reduced)
    classifier, _, _ = trial.train(arm, given, length, seed, callbacks)
    found = trial.score(classifier, arm, given, reduced.validation)
    return {
        strength: float(np.mean([scores["f1"][class_id] for class_id in chosen]))
        for strength, scores in found.items()
    }
