"""One arm, one seed: a classifier trained and scored."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasaug.data import augment, mixture
from kerasaug.data.dataset import ImageDataset, collect
from kerasaug.files import atomic
from kerasaug.models.classifier import build_classifier
from kerasaug.reproducibility import make_reproducible
from kerasaug.study import metrics
from kerasaug.study.arms import Arm

TEST_BATCH = 1000

Generate = Callable[[str, int, int], np.ndarray]
"""`(model, class_id, count) -> images`, uint8 (count, height, width, channels)."""


def parts(arm: Arm, dataset: ImageDataset, generate: Generate) -> list[mixture.Part]:
    """Turns an arm into the parts of its training stream.

    Args:
        arm: What to train on.
        dataset: The imbalanced data.
        generate: Makes the images of arms that name a model.

    Returns:
        The parts, for `mixture.batches`.
    """
    if arm.mixture == "balanced":
        return mixture.balanced(dataset)
    found = mixture.natural(dataset)
    if arm.mixture == "none":
        return found
    counts = dataset.class_counts
    for class_id in dataset.rare_classes:
        count = arm.count or max(counts) - counts[class_id]
        if count == 0:
            continue
        if arm.model is not None:
            found.append(mixture.added(generate(arm.model, class_id, count), class_id))
        else:
            change = augment.crop_rotate if arm.mixture == "crop-rotate" else None
            found.append(mixture.repeated(dataset, class_id, count, change))
    return found


def run_trial(
    arm: Arm,
    dataset: ImageDataset,
    *,
    seed: int,
    steps: int,
    batch_size: int,
    width: int,
    epochs: int,
    generate: Generate,
    csv_log: Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, Any]:
    """Trains a classifier on an arm and scores it on the test split.

    Every arm takes the same number of steps on batches of the same size. The test split is only
    scored: its curve is drawn, but the weights kept are those of the epoch with the lowest
    *training* loss.

    Args:
        arm: What to train on.
        dataset: The imbalanced data, cached.
        seed: Of the classifier's initial weights and the order of the data.
        steps: Training steps in all, a multiple of `epochs`.
        batch_size: Images per step.
        width: See `build_classifier`.
        epochs: How many points the curves have.
        generate: See `parts`.
        csv_log: Where the curves are written as CSV.
        callbacks: Further Keras callbacks, for progress.

    Returns:
        `arm`, `seed`, the scores of `metrics.score`, `kept_epoch`, `history` (lists by
        curve) and `seconds`.
    """
    start = time.perf_counter()
    make_reproducible(seed)
    change = augment.AUGMENTATIONS[arm.augmentation] if arm.augmentation else None
    stream = mixture.batches(parts(arm, dataset, generate), batch_size, seed=seed, augment=change)
    classifier = build_classifier(dataset.image_shape, dataset.num_classes, steps, width)
    # With as much patience as there are epochs this never stops early: the schedule is fixed.
    best_weights = keras.callbacks.EarlyStopping(
        monitor="loss", patience=epochs, restore_best_weights=True
    )
    with atomic(csv_log) as draft:
        history = classifier.fit(
            stream,
            epochs=epochs,
            steps_per_epoch=steps // epochs,
            validation_data=dataset.test_batches(TEST_BATCH),
            callbacks=[best_weights, keras.callbacks.CSVLogger(draft), *callbacks],
            shuffle=False,
            verbose=0,
        ).history
    logits = classifier.predict(dataset.test_batches(TEST_BATCH), verbose=0)
    _, labels = collect(dataset.test)
    return {
        "arm": str(arm),
        "seed": seed,
        **metrics.score(labels, logits.argmax(axis=1), dataset.num_classes, dataset.rare_classes),
        "kept_epoch": best_weights.best_epoch + 1,
        "history": {
            "train_loss": history["loss"],
            "train_accuracy": history["accuracy"],
            "test_loss": history["val_loss"],
            "test_accuracy": history["val_accuracy"],
        },
        "seconds": round(time.perf_counter() - start, 2),
    }
