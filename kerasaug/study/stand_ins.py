"""Common classes that are made as rare as a rare one, to choose by.

Of a class that is rare itself, too few images can be held out to tell augmentations apart.
"""

from collections.abc import Sequence

import keras
import numpy as np

from kerasaug.data.dataset import ImageDataset
from kerasaug.models.classifier import adjust_logits
from kerasaug.study import trial
from kerasaug.study.arms import Arm
from kerasaug.study.config import Length

STEP = 2
"""Every which of the common classes stands in.

Every third would leave three of Fashion-MNIST's, of which a single one could decide.
"""


def mean_f1(
    arm: Arm,
    dataset: ImageDataset,
    length: Length,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> float:
    """Trains an arm with some common classes cut down, and scores those on held-out images.

    The scores are adjusted, so that it does not decide which arm moves the line most.

    Args:
        arm: What to train on; needs no generated images.
        dataset: The imbalanced data, with training images held out.
        length: How long.
        seed: Of which images are left, of the initial weights and the order of the data.
        callbacks: Further Keras callbacks, for progress.

    Returns:
        The mean F1 of the classes that stood in, in [0, 1].
    """
    counts, rare = dataset.class_counts, dataset.rare_classes
    common = [c for c, count in enumerate(counts) if count and c not in rare]
    chosen, least = common[::STEP], min(count for count in counts if count)
    reduced = dataset.reduce(dict.fromkeys(chosen, least), seed).cache()
    given = trial.Ingredients(reduced, reduced.cache)
    classifier, _, _ = trial.train(arm, given, length, seed, callbacks)
    adjust_logits(classifier, reduced.class_counts)
    f1 = trial.score(classifier, reduced, reduced.validation)["f1"]
    return float(np.mean([f1[class_id] for class_id in chosen]))
