"""An arm turned into the parts of its training stream."""

from typing import NamedTuple

import numpy as np

from kerasaug.data import augment, mixture
from kerasaug.data.dataset import ImageDataset
from kerasaug.data.sampling import Part
from kerasaug.errors import InputError
from kerasaug.study.arms import (
    AS_THEY_ARE,
    DEFERRED,
    DRAWN_BALANCED,
    FULL_DATA,
    LATENT_PERTURBATION,
    SHARES,
    Arm,
)
from kerasaug.study.synthesis import Synthesizer

SMOTE_NEIGHBOURS = 5
EFFECTIVE = 0.9999
"""How much an image of a class still tells beside another; see `class_weights`."""


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
    if arm.mixture in DRAWN_BALANCED:
        return dataset.balanced_parts()
    if arm.form:
        source, perturbs = inputs.synthesizer, arm.form == LATENT_PERTURBATION
        images = source.latent_perturbation() if perturbs else source.class_balanced()
        return mixture.with_synthetic_share(dataset.balanced_parts(), images, SHARES[arm.form])
    natural = dataset.natural_parts()
    if arm.mixture in AS_THEY_ARE:
        return natural
    counts = dataset.class_counts
    missing = {c: arm.count or max(counts) - counts[c] for c in dataset.rare_classes}
    added = [_added(arm, inputs, c, count, seed) for c, count in missing.items() if count]
    return natural + added


def class_weights(arm: Arm, dataset: ImageDataset) -> np.ndarray:
    """How much an image of each class counts in the loss: float32 (num_classes,), 1 on average.

    For `class-weight`, inverse to the size of the class. For `deferred`, inverse to the effective
    number of its images, `(1 - b^n) / (1 - b)` for `n` images and `b` of 0.9999.

    References:
        Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples", arXiv
        1901.05555; Cao et al. 2019, "Learning Imbalanced Datasets with Label-Distribution-Aware
        Margin Loss", arXiv 1906.07413.
    """
    counts: np.ndarray = np.array(dataset.class_counts, np.float64)
    sizes = 1.0 - EFFECTIVE**counts if arm.mixture == DEFERRED else counts
    present = counts > 0
    weights = np.where(present, 1.0 / np.maximum(sizes, 1e-12), 0.0)
    return (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)


def halved(dataset: ImageDataset, seed: int) -> ImageDataset:
    """The data without half of the images of rare classes."""
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
