"""One arm, one seed: a classifier trained and scored."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasaug import graphs
from kerasaug.data import augment, mixture
from kerasaug.data.dataset import ImageDataset
from kerasaug.data.sampling import Part
from kerasaug.errors import InputError
from kerasaug.files import atomic
from kerasaug.models.classifier import adjusted_logits, build_classifier
from kerasaug.reproducibility import make_reproducible
from kerasaug.study import metrics
from kerasaug.study.arms import CEILING, VARIED, Arm
from kerasaug.study.config import Length
from kerasaug.study.supply import Supply

TEST_BATCH = 250
"""Several are prepared ahead, in memory that larger ones would take with the test images."""
SMOTE_NEIGHBOURS = 5
UNADJUSTED = "0"
STRENGTHS = ("0.5", "0.25", "0.75", UNADJUSTED, "1")
"""What `+adjusted` chooses from; of equals, the first."""


class Ingredients(NamedTuple):
    """What an arm may be made of.

    Attributes:
        dataset: The imbalanced data, in memory.
        full: Gives the data before they were reduced; only the arm `full` asks for them.
        supply: Makes generated images, if the arm names a model.
        share: What is made by the model in the batches of an arm with a form, in [0, 1].
    """

    dataset: ImageDataset
    full: Callable[[], ImageDataset] | None = None
    supply: Supply | None = None
    share: float = 0.0


def parts(arm: Arm, given: Ingredients, seed: int = 0) -> list[Part]:
    """Turns an arm into the parts of its training stream.

    Args:
        arm: What to train on.
        given: What to take it from.
        seed: Of what is drawn here, which is `smote`.

    Returns:
        The parts, for `mixture.batches`.

    Raises:
        InputError: If there are too few images for the arm.
        TrainingFailed: If a teacher lets no generated image pass.
    """
    dataset = given.dataset
    if arm.mixture == CEILING:
        return mixture.natural(given.full())
    if arm.mixture == "balanced":
        return mixture.balanced(dataset)
    if arm.form:
        made = given.supply.varied() if arm.form == VARIED else given.supply.symmetric()
        return mixture.symmetric(dataset, made, given.share)
    found = mixture.natural(dataset)
    if arm.mixture in ("none", "class-weight", "mixup"):
        return found
    counts = dataset.class_counts
    for class_id in dataset.rare_classes:
        count = arm.count or max(counts) - counts[class_id]
        if count == 0:
            continue
        if arm.model is not None:
            images = given.supply.added(class_id, count, arm.filters)
            found.append(mixture.added(images, class_id))
        elif arm.mixture == "smote":
            found.append(mixture.added(_smote(dataset, class_id, count, seed), class_id))
        else:
            change = augment.crop_rotate if arm.mixture == "crop-rotate" else None
            found.append(mixture.repeated(dataset, class_id, count, change))
    return found


def train(
    arm: Arm,
    given: Ingredients,
    length: Length,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    validation: tf.data.Dataset | None = None,
) -> tuple[keras.Model, dict[str, list[float]], int]:
    """Trains a classifier on an arm.

    Every arm takes the same number of steps on batches of the same size. The weights kept are those
    of the epoch with the lowest *training* loss.

    Args:
        arm: What to train on; its augmentation is not `auto`. Whether it `adjusts` is not asked.
        given: What to take it from.
        length: How long.
        seed: Of the initial weights and the order of the data.
        callbacks: Further Keras callbacks, for progress.
        validation: Batches whose curve is drawn, and which are used for nothing else.

    Returns:
        The classifier, its curves by name, and the epoch whose weights were kept, from 1.

    Raises:
        InputError: See `parts`, as for `TrainingFailed`.
        TrainingFailed: See there.
    """
    found = parts(arm, given, seed)
    # After the parts: what makes them may use up random numbers.
    make_reproducible(seed)
    dataset = given.dataset
    change = augment.AUGMENTATIONS[arm.augmentation] if arm.augmentation else None
    stream = mixture.batches(found, length.batch_size, seed=seed, augment=change)
    if arm.blends:
        stream = mixture.blended(stream, dataset.num_classes, seed)
        validation = validation and validation.map(
            lambda images, labels: (images, tf.one_hot(labels, dataset.num_classes))
        )
    classifier = build_classifier(
        dataset.image_shape, dataset.num_classes, length.steps, soft_labels=arm.blends
    )
    # With as much patience as there are epochs this never stops early: the schedule is fixed.
    best_weights = keras.callbacks.EarlyStopping(
        monitor="loss", patience=length.epochs, restore_best_weights=True
    )
    with graphs.released():
        history = classifier.fit(
            stream,
            epochs=length.epochs,
            steps_per_epoch=length.steps // length.epochs,
            validation_data=validation,
            class_weight=_class_weights(dataset) if arm.mixture == "class-weight" else None,
            callbacks=[best_weights, *callbacks],
            shuffle=False,
            verbose=0,
        ).history
    return classifier, history, best_weights.best_epoch + 1


def run_trial(
    arm: Arm,
    given: Ingredients,
    length: Length,
    *,
    seed: int,
    csv_log: Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, Any]:
    """Trains a classifier on an arm and scores it on the test split, which is only scored.

    Args:
        arm: What to train on; see `train`.
        given: What to take it from.
        length: How long.
        seed: Of the classifier's initial weights and the order of the data.
        csv_log: Where the curves are written as CSV.
        callbacks: Further Keras callbacks, for progress.

    Returns:
        `seed`, `scores` (by strength of the adjustment, one of `STRENGTHS`: those of
        `metrics.score`, and as `validation` the same on images held out of the training split, or
        None if there are none), `kept_shares` (share of generated images that the teacher let
        pass, by class), `kept_epoch`, `history` (lists by curve) and `seconds`.
    """
    start = time.perf_counter()
    dataset = given.dataset
    tests = dataset.test_batches(TEST_BATCH)
    with atomic(csv_log) as draft:
        callbacks = [keras.callbacks.CSVLogger(draft), *callbacks]
        classifier, history, epoch = train(arm, given, length, seed, callbacks, tests)
    scores = score(classifier, arm, given, dataset.test)
    held_out = dataset.validation and score(classifier, arm, given, dataset.validation)
    return {
        "seed": seed,
        "scores": {
            strength: {**found, "validation": held_out and held_out[strength]}
            for strength, found in scores.items()
        },
        "kept_shares": {} if given.supply is None else given.supply.kept_shares,
        "kept_epoch": epoch,
        "history": {
            "train_loss": history["loss"],
            "train_accuracy": history["accuracy"],
            "test_loss": history["val_loss"],
            "test_accuracy": history["val_accuracy"],
        },
        "seconds": round(time.perf_counter() - start, 2),
    }


def score(
    classifier: keras.Model, arm: Arm, given: Ingredients, images: tf.data.Dataset
) -> dict[str, dict[str, Any]]:
    """Scores a classifier, once with every strength of the adjustment.

    Args:
        classifier: From float32 images in [-1, 1] to logits.
        arm: What it was trained on.
        given: What that was taken from.
        images: Finite stream of `(image, label)`, uint8 and int32.

    Returns:
        By one of `STRENGTHS`, what `metrics.score` gives.
    """
    dataset = given.dataset
    learned = given.full() if arm.mixture == CEILING else dataset
    batches = mixture.to_model_input(images.batch(TEST_BATCH))
    pairs = [(classifier.predict_on_batch(some), labels) for some, labels in batches]
    logits, labels = map(np.concatenate, zip(*pairs, strict=True))
    return {
        strength: metrics.score(
            labels,
            adjusted_logits(logits, learned.class_counts, float(strength)).argmax(axis=1),
            dataset.num_classes,
            dataset.rare_classes,
        )
        for strength in STRENGTHS
    }


def _class_weights(dataset: ImageDataset) -> dict[int, float]:
    """Inverse to the class's share; 1 if all classes are of one size."""
    counts = dataset.class_counts
    present = sum(count > 0 for count in counts)
    return {c: sum(counts) / (present * n) if n else 0.0 for c, n in enumerate(counts)}


def _smote(dataset: ImageDataset, class_id: int, count: int, seed: int) -> np.ndarray:
    """Makes images between neighbours; Chawla et al. 2002 (arXiv 1106.1813)."""
    from imblearn.over_sampling import SMOTE

    real = dataset.class_images(class_id)
    if len(real) < 2:
        raise InputError(
            f"arm smote: class {dataset.class_names[class_id]} has one image; needed are 2"
        )
    # SMOTE fills a class up to a size; the other class is there because it asks for two.
    pixels = np.concatenate([real, np.zeros_like(real)]).reshape(2 * len(real), -1)
    labels: np.ndarray = np.repeat([1, 0], len(real))
    sampler = SMOTE(
        sampling_strategy={1: len(real) + count},
        k_neighbors=min(SMOTE_NEIGHBOURS, len(real) - 1),
        random_state=seed,
    )
    made, _ = sampler.fit_resample(pixels.astype(np.float32), labels)
    return np.rint(made[2 * len(real) :]).astype(np.uint8).reshape(count, *dataset.image_shape)
