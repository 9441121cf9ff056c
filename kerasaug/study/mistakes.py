"""The test images that a classifier is most wrong about."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kerasaug.data.dataset import ImageDataset
from kerasaug.study.results import Repetition

SHOWN, SHOWN_CLASSES = 10, 4


class Mistakes(NamedTuple):
    """Test images that are wrong in one way, the worst first.

    Attributes:
        title: In what way.
        images: int64 array (n,), which images of the data these are.
        other: int array (n,), the class that each was taken for, or that it is of.
    """

    title: str
    images: np.ndarray
    other: np.ndarray


def worst(
    repetitions: Sequence[Repetition], rare_classes: Sequence[int], class_names: Sequence[str]
) -> list[Mistakes]:
    """Looks for the images of rare classes that are missed, and for those taken for them.

    Args:
        repetitions: Of one arm; probabilities are means over them.
        rare_classes: Indices.
        class_names: In the order of the labels.

    Returns:
        Two rows by rare class, of at most `SHOWN_CLASSES`, each of at most `SHOWN` images, without
        empty ones.
    """
    count = 1 + max(int(fold.images.max()) for r in repetitions for fold in r.folds)
    probabilities = np.zeros((count, len(class_names)))
    labels = np.full(count, -1)
    for fold in (fold for repetition in repetitions for fold in repetition.folds):
        probabilities[fold.images] += fold.probabilities / len(repetitions)
        labels[fold.images] = fold.labels
    predictions = probabilities.argmax(axis=1)
    rows = []
    for class_id in rare_classes[:SHOWN_CLASSES]:
        own, name = probabilities[:, class_id], class_names[class_id]
        missed = np.flatnonzero((labels == class_id) & (predictions != class_id))
        missed = missed[np.argsort(own[missed], kind="stable")]
        taken = np.flatnonzero((labels >= 0) & (labels != class_id) & (predictions == class_id))
        taken = taken[np.argsort(-own[taken], kind="stable")]
        rows += [
            Mistakes(f"{name}, {len(missed)} missed; taken for", missed, predictions[missed]),
            Mistakes(f"taken for {name}, {len(taken)}; they are", taken, labels[taken]),
        ]
    return [
        row._replace(images=row.images[:SHOWN], other=row.other[:SHOWN])
        for row in rows
        if len(row.images)
    ]


def read(dataset: ImageDataset, images: np.ndarray, from_training: bool) -> dict[int, np.ndarray]:
    """Reads test images of a study.

    Args:
        dataset: The whole data set.
        images: int array (n,), which.
        from_training: Whether the numbers are those of the training split, as with folds, or of the
            test split.

    Returns:
        uint8 images (height, width, channels) by their number.
    """
    numbers = dataset.indices if from_training else dataset.test_places
    positions = np.flatnonzero(np.isin(numbers, images))
    pixels, _ = dataset.read(positions, of_test=not from_training)
    return dict(zip(numbers[positions].tolist(), pixels, strict=True))
