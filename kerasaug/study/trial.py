"""One arm, one seed: a classifier trained and scored."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasaug.data import augment, mixture
from kerasaug.data.dataset import ImageDataset
from kerasaug.data.sampling import Part
from kerasaug.errors import InputError
from kerasaug.files import atomic
from kerasaug.models.classifier import build_classifier
from kerasaug.runtime import make_reproducible, released_graphs
from kerasaug.study.arms import BASELINE, CLASS_WEIGHT, FULL_DATA, LATENT_PERTURBATION, SHARES, Arm
from kerasaug.study.config import Length
from kerasaug.study.scores import Predictions
from kerasaug.study.synthesis import Synthesizer

TEST_BATCH = 250
"""Several are prepared ahead, in memory that larger ones would take with the test images."""
SMOTE_NEIGHBOURS = 5


class TrialInputs(NamedTuple):
    """What an arm may be trained on.

    Attributes:
        dataset: The imbalanced data, in memory.
        full: The data before they were reduced, for the arm `full`.
        synthesizer: Makes synthetic images, if the arm names a model.
    """

    dataset: ImageDataset
    full: ImageDataset | None = None
    synthesizer: Synthesizer | None = None


def parts(arm: Arm, inputs: TrialInputs, seed: int = 0) -> list[Part]:
    """Turns an arm into the parts of its training stream, for `mixture.batches`.

    Args:
        arm: What to train on.
        inputs: Where the images come from.
        seed: Of the images of `smote`.

    Raises:
        InputError: If there are too few images for the arm.
        TrainingFailed: If a label filter confirms no generated image.
    """
    dataset = inputs.dataset
    if arm.mixture == FULL_DATA:
        return inputs.full.natural_parts()
    if arm.mixture == "balanced":
        return dataset.balanced_parts()
    if arm.form:
        source, perturbs = inputs.synthesizer, arm.form == LATENT_PERTURBATION
        images = source.latent_perturbation() if perturbs else source.class_balanced()
        return mixture.with_synthetic_share(dataset.balanced_parts(), images, SHARES[arm.form])
    natural = dataset.natural_parts()
    if arm.mixture in (BASELINE, CLASS_WEIGHT):
        return natural
    counts = dataset.class_counts
    missing = {c: arm.count or max(counts) - counts[c] for c in dataset.rare_classes}
    added = [_added(arm, inputs, c, count, seed) for c, count in missing.items() if count]
    return natural + added


def train(
    arm: Arm,
    inputs: TrialInputs,
    length: Length,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    validation: tf.data.Dataset | None = None,
) -> tuple[keras.Model, dict[str, list[float]], int]:
    """Trains a classifier on an arm.

    Every arm takes the same number of steps on batches of the same size. The weights of the epoch
    with the lowest *training* loss are restored.

    Args:
        arm: What to train on; its augmentation is not `auto`. `+logit-adjusted` and `+half` are
            ignored.
        inputs: Where the images come from.
        length: How long.
        seed: Of the initial weights and the order of the data.
        callbacks: Further Keras callbacks, for progress.
        validation: Batches whose curve is drawn, and which are used for nothing else.

    Returns:
        The classifier, its curves by name, and the epoch whose weights were restored, from 1.
    """
    stream_parts = parts(arm, inputs, seed)
    # After the parts: what makes them may use up random numbers.
    make_reproducible(seed)
    dataset = inputs.dataset
    change = augment.build(arm.augmentation) if arm.augmentation else None
    stream = mixture.batches(stream_parts, length.batch_size, seed=seed, augment=change)
    if arm.blending:
        stream = mixture.blended(stream, arm.blending, dataset.num_classes, seed)
        validation = validation and validation.map(
            lambda images, labels: (images, tf.one_hot(labels, dataset.num_classes))
        )
    classifier = build_classifier(
        dataset.image_shape, dataset.num_classes, length.steps, soft_labels=bool(arm.blending)
    )
    # With as much patience as there are epochs this never stops early: the schedule is fixed.
    best_weights = keras.callbacks.EarlyStopping(
        monitor="loss", patience=length.epochs, restore_best_weights=True
    )
    with released_graphs():
        history = classifier.fit(
            stream,
            epochs=length.epochs,
            steps_per_epoch=length.steps // length.epochs,
            validation_data=validation,
            class_weight=_class_weights(dataset) if arm.mixture == CLASS_WEIGHT else None,
            callbacks=[best_weights, *callbacks],
            shuffle=False,
            verbose=0,
        ).history
    return classifier, history, best_weights.best_epoch + 1


def run_trial(
    arm: Arm,
    inputs: TrialInputs,
    length: Length,
    *,
    seed: int,
    csv_log: Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[dict[str, Any], Predictions]:
    """Trains a classifier on an arm, and predicts the test split, which serves for nothing else.

    The arguments are those of `train`, and a file for the curves as CSV.

    Returns:
        `acceptance_rates` (see `Synthesizer`), `best_epoch`, `history` (lists by curve), `seconds`
        and `class_counts` (of the training images, before any are added); and the predictions.
    """
    start = time.perf_counter()
    if arm.is_halved:
        inputs = inputs._replace(dataset=_halved(inputs.dataset, seed))
    dataset = inputs.dataset
    tests = dataset.test_batches(TEST_BATCH)
    with atomic(csv_log) as draft:
        callbacks = [keras.callbacks.CSVLogger(draft), *callbacks]
        classifier, history, epoch = train(arm, inputs, length, seed, callbacks, tests)
    labels, logits = predict(classifier, dataset.test)
    images = dataset.test_indices if len(dataset.test_indices) else np.arange(len(labels))
    synthesizer = inputs.synthesizer
    result = {
        "acceptance_rates": {} if synthesizer is None else synthesizer.acceptance_rates,
        "best_epoch": epoch,
        "history": {
            "train_loss": history["loss"],
            "train_accuracy": history["accuracy"],
            "test_loss": history["val_loss"],
            "test_accuracy": history["val_accuracy"],
        },
        "seconds": round(time.perf_counter() - start, 2),
        "class_counts": (inputs.full if arm.mixture == FULL_DATA else dataset).class_counts,
    }
    return result, Predictions(images, labels, logits)


def predict(classifier: keras.Model, images: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Predicts a finite stream of `(image, label)`, uint8 and int32.

    Returns:
        The labels, int32 (n,), and the logits, float32 (n, num_classes).
    """
    batches = mixture.to_model_input(images.batch(TEST_BATCH))
    pairs = [(labels, classifier.predict_on_batch(batch)) for batch, labels in batches]
    labels, logits = map(np.concatenate, zip(*pairs, strict=True))
    return labels, logits


def _halved(dataset: ImageDataset, seed: int) -> ImageDataset:
    """Without half of the images of rare classes."""
    counts, rare = dataset.class_counts, dataset.rare_classes
    keep = {class_id: -(-counts[class_id] // 2) for class_id in rare if counts[class_id]}
    return dataset.reduce(keep, seed).naming_rare(rare)


def _added(arm: Arm, inputs: TrialInputs, class_id: int, count: int, seed: int) -> Part:
    """The images that an arm adds to a rare class."""
    if arm.model is not None:
        return mixture.added(inputs.synthesizer.draw(class_id, count), class_id)
    if arm.mixture == "smote":
        return mixture.added(_smote(inputs.dataset, class_id, count, seed), class_id)
    change = augment.crop_rotate if arm.mixture == "crop-rotate" else None
    return mixture.repeated(inputs.dataset.class_part(class_id), count, change)


def _class_weights(dataset: ImageDataset) -> dict[int, float]:
    """Inverse to the class's share; 1 if all classes are of one size."""
    counts = dataset.class_counts
    present = sum(count > 0 for count in counts)
    return {c: sum(counts) / (present * n) if n else 0.0 for c, n in enumerate(counts)}


def _smote(dataset: ImageDataset, class_id: int, count: int, seed: int) -> np.ndarray:
    """Interpolates between neighbouring images; Chawla et al. 2002 (arXiv 1106.1813)."""
    from imblearn.over_sampling import SMOTE

    real = dataset.class_images(class_id)
    if len(real) < 2:
        name = dataset.class_names[class_id]
        raise InputError(f"arm smote: class {name} must have 2 images or more; it has one")
    # SMOTE fills a class up to a size; the other class is there because it asks for two.
    pixels = np.concatenate([real, np.zeros_like(real)]).reshape(2 * len(real), -1)
    labels: np.ndarray = np.repeat([1, 0], len(real))
    sampler = SMOTE(
        sampling_strategy={1: len(real) + count},
        k_neighbors=min(SMOTE_NEIGHBOURS, len(real) - 1),
        random_state=seed,
    )
    resampled, _ = sampler.fit_resample(pixels.astype(np.float32), labels)
    images = np.rint(resampled[2 * len(real) :]).astype(np.uint8)
    return images.reshape(count, *dataset.image_shape)
