"""One arm, one seed: a classifier trained and scored."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import scipy.special
import tensorflow as tf

from kerasaug.data import augment, mixture
from kerasaug.data.dataset import ImageDataset
from kerasaug.data.sampling import Part
from kerasaug.files import atomic
from kerasaug.images import as_float
from kerasaug.runtime import make_reproducible, released_graphs
from kerasaug.study import classifiers
from kerasaug.study.arms import DEFERRED, ENSEMBLE, FULL_DATA, WEIGHTED, Arm
from kerasaug.study.classifiers import Classifier
from kerasaug.study.config import Recipe
from kerasaug.study.mixing import TrialInputs, class_weights, halved, parts
from kerasaug.study.scores import Predictions

TEST_BATCH = 250
"""Several are prepared ahead, in memory that larger ones would take with the test images."""
CURVE_IMAGES = 2000
"""Test images by which a curve is drawn, at most, evenly spaced; scores are those of all."""
MEMBERS = 2
"""Of an ensemble, which share the steps of the training."""
MEMBER_SEEDS = 500_000
"""Distance between the seeds of two members, so that no two trainings share one."""
DEFERRED_SHARE = 0.8
"""Of the training that `deferred` leaves the classes unweighted, as its paper does."""


class Trained(NamedTuple):
    """What came of a training.

    Attributes:
        members: The classifiers; several of an ensemble.
        history: By name, their mean curve.
        best_epoch: The epoch whose weights were restored, from 1; of the first member.
    """

    members: tuple[Classifier, ...]
    history: dict[str, list[float]]
    best_epoch: int

    def predict(self, images: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Predicts a finite stream of `(image, label)`, uint8 and int32.

        Returns:
            The labels, int32 (n,), and the logits, float32 (n, num_classes); of an ensemble, the
            logarithm of the mean of the members' probabilities.
        """
        labels, logits = [], []
        for batch, batch_labels in mixture.to_model_input(images.batch(TEST_BATCH), as_float):
            labels.append(batch_labels)
            logits.append(_mean_logits([member.logits(batch) for member in self.members]))
        return np.concatenate(labels), np.concatenate(logits)


def train(
    arm: Arm,
    inputs: TrialInputs,
    recipe: Recipe,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    validation: tf.data.Dataset | None = None,
) -> Trained:
    """Trains a classifier on an arm, or the members of an ensemble.

    Every arm takes the same number of steps on batches of the same size. The weights of the epoch
    with the lowest *training* loss are restored, but for `deferred`, whose losses do not compare.

    Args:
        arm: What to train on; its augmentation is not `auto`. `+logit-adjusted` and `+half` are
            ignored.
        inputs: Where the images come from.
        recipe: What is trained, and how long.
        seed: Of the initial weights and the order of the data.
        callbacks: Further Keras callbacks, for progress.
        validation: The test images whose curve is drawn, and which are used for nothing else; see
            `Trained.predict`.
    """
    mixed = parts(arm, inputs, seed)
    count = MEMBERS if arm.mixture == ENSEMBLE else 1
    part = recipe if count == 1 else recipe.shared_by(count)
    results = [
        _train_one(arm, inputs.dataset, mixed, part, seed + n * MEMBER_SEEDS, callbacks, validation)
        for n in range(count)
    ]
    members, histories, epochs = zip(*results, strict=True)
    curves = {name: np.mean([h[name] for h in histories], axis=0).tolist() for name in histories[0]}
    return Trained(members, curves, epochs[0])


def stream(
    arm: Arm,
    dataset: ImageDataset,
    mixed: Sequence[Part],
    recipe: Recipe,
    seed: int,
    one_hot: bool = False,
) -> tf.data.Dataset:
    """Draws the endless training batches of an arm.

    Args:
        arm: See `train`.
        dataset: The imbalanced data.
        mixed: What `mixing.parts` returned.
        recipe: See `train`.
        seed: See `mixture.batches`.
        one_hot: Whether labels are probabilities; those of an arm that blends always are.

    Returns:
        A stream of `(images, labels)`: float32 images in [0, 255], and int32 classes (batch_size,)
        or float32 probabilities (batch_size, num_classes). Of an arm that weights classes, of
        `(images, labels, weights)`.
    """
    change = augment.AUGMENTATIONS[arm.augmentation]() if arm.augmentation else None
    batches = mixture.batches(mixed, recipe.batch_size, seed=seed, augment=change, convert=as_float)
    if arm.blending:
        return mixture.blended(batches, arm.blending, dataset.num_classes, seed)
    if arm.mixture in WEIGHTED:
        begin = round(DEFERRED_SHARE * recipe.steps) if arm.mixture == DEFERRED else 0
        batches = mixture.weighted(batches, class_weights(arm, dataset), begin)
    return mixture.one_hot(batches, dataset.num_classes) if one_hot else batches


def run_trial(
    arm: Arm,
    inputs: TrialInputs,
    recipe: Recipe,
    *,
    seed: int,
    csv_log: Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[dict[str, Any], Predictions]:
    """Trains a classifier on an arm, and predicts the test split, which serves for nothing else.

    The arguments are those of `train`, and a file for the curves as CSV.

    Returns:
        `acceptance_rates` (see `Synthesizer`), `best_epoch`, `history` (lists by curve; those of
        the accuracy are empty where a model of the user's measures none), `seconds` and
        `class_counts` (of the training images, before any are added); and the predictions.
    """
    start = time.perf_counter()
    if arm.is_halved:
        inputs = inputs._replace(dataset=halved(inputs.dataset, seed))
    dataset = inputs.dataset
    with atomic(csv_log) as draft:
        callbacks = [keras.callbacks.CSVLogger(draft, append=True), *callbacks]
        every = -(-sum(dataset.test_counts) // CURVE_IMAGES)
        trained = train(arm, inputs, recipe, seed, callbacks, dataset.test.shard(every, 0))
    labels, logits = trained.predict(dataset.test)
    synthesizer, history = inputs.synthesizer, trained.history
    result = {
        "acceptance_rates": {} if synthesizer is None else synthesizer.acceptance_rates,
        "best_epoch": trained.best_epoch,
        "history": {
            "train_loss": history["loss"],
            "train_accuracy": history.get("accuracy", []),
            "test_loss": history["val_loss"],
            "test_accuracy": history.get("val_accuracy", []),
        },
        "seconds": round(time.perf_counter() - start, 2),
        "class_counts": (inputs.full if arm.mixture == FULL_DATA else dataset).class_counts,
    }
    return result, Predictions(dataset.test_places, labels, logits)


def _train_one(arm, dataset, mixed, recipe, seed, callbacks, validation):
    """Trains one classifier; returns it, its curves, and the epoch that was restored."""
    # After the parts: what makes them may use up random numbers.
    make_reproducible(seed)
    shape, num_classes = dataset.image_shape, dataset.num_classes
    loss = classifiers.loss_of(arm)
    classifier = classifiers.build(recipe.classifier, shape, num_classes, recipe.steps, loss)
    batches = stream(arm, dataset, mixed, recipe, seed, classifier.takes_one_hot)
    if validation is not None:
        validation = mixture.to_model_input(validation.batch(TEST_BATCH), as_float)
        if classifier.takes_one_hot:
            validation = mixture.one_hot(validation, num_classes)
    # With as much patience as there are epochs this never stops early: the schedule is fixed.
    best_weights = keras.callbacks.EarlyStopping(
        monitor="loss", patience=recipe.epochs, restore_best_weights=arm.mixture != DEFERRED
    )
    with released_graphs():
        history = classifier.model.fit(
            batches,
            epochs=recipe.epochs,
            steps_per_epoch=recipe.steps // recipe.epochs,
            validation_data=validation,
            callbacks=[best_weights, *callbacks],
            shuffle=False,
            verbose=0,
        ).history
    epoch = recipe.epochs if arm.mixture == DEFERRED else best_weights.best_epoch + 1
    return classifier, history, epoch


def _mean_logits(logits: list[np.ndarray]) -> np.ndarray:
    if len(logits) == 1:
        return logits[0]
    log_probabilities = scipy.special.log_softmax(logits, axis=2)
    mean = scipy.special.logsumexp(log_probabilities, axis=0) - np.log(len(logits))
    return mean.astype(np.float32)
