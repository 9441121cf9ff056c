"""A generative model made and trained on a data set, in memory."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from kerasaug import distribution, graphs
from kerasaug.data import augment
from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError
from kerasaug.models import networks, registry
from kerasaug.models.generative import GenerativeModel

FEW_IMAGES = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Everything that a training is a function of, beside the data set's content.

    Attributes:
        model: A key of `registry.MODELS`.
        dataset: What `data.load` takes.
        keep: Class to what is kept of it, as `ImageDataset.reduce` takes it; empty for all.
        steps: Generator steps.
        batch_size: Real images per critic step.
        width: Feature maps at full resolution.
        learning_rate: Of all optimizers.
        seed: Of the split, the initial weights and everything random.
        precision: One of `precision.POLICIES`; None for what the training in the folder was begun
            with, or else what is fastest here.
        judge_steps: How long the classifier is trained that measures the images afterwards.
        augment: Whether an adversarial model sees classes with few images through
            `models.differentiable_augmentation`, and a conditional autoencoder all images through
            `augment.affine`.
        latent_dim: Length of the latents; None for the model's own.
        loading: What `data.load` takes beside the name.
    """

    model: str
    dataset: str
    keep: dict[str, int | float] = dataclasses.field(default_factory=dict)
    steps: int
    batch_size: int
    width: int
    learning_rate: float
    seed: int = 0
    precision: str | None = None
    judge_steps: int = 400
    augment: bool = True
    latent_dim: int | None = None
    loading: dict[str, Any] = dataclasses.field(default_factory=dict)


def learned_class(model: str, dataset: ImageDataset) -> int | None:
    """The one class that a model learns.

    Args:
        model: A key of `registry.MODELS`.
        dataset: The imbalanced data.

    Returns:
        The index of the rare class; None for a model that learns them all.

    Raises:
        InputError: If several classes are rare, so that it is not clear which.
    """
    if registry.MODELS[model].all_classes:
        return None
    rare = dataset.rare_classes
    if len(rare) > 1:
        names = ", ".join(dataset.class_names[class_id] for class_id in rare)
        raise InputError(
            f"{model} makes one class, but {len(rare)} are rare ({names}); accepted here: "
            + ", ".join(name for name, entry in registry.MODELS.items() if entry.all_classes)
        )
    return rare[0]


def new_model(config: GeneratorConfig, dataset: ImageDataset) -> GenerativeModel:
    """Makes an untrained model.

    Args:
        config: What to train and how.
        dataset: The data, reduced.

    Returns:
        The model, compiled.
    """
    entry = registry.MODELS[config.model]
    options: dict[str, Any] = {"width": config.width, "seed": config.seed}
    if config.latent_dim is not None:
        options["latent_dim"] = config.latent_dim
    if entry.adversarial and config.augment:
        counts = dataset.class_counts
        options["augmented_classes"] = [
            class_id for class_id, count in enumerate(counts) if 0 < count < FEW_IMAGES
        ]
    if entry.grows:
        # Two phases per size but the last, which has what is left.
        sizes = len(networks.sizes(dataset.image_shape))
        options["phase_steps"] = max(1, config.steps // (2 * sizes))
    model = registry.create(config.model, dataset.image_shape, dataset.num_classes, **options)
    model.compile_for_training(config.learning_rate)
    return model


def fit(
    model: GenerativeModel,
    config: GeneratorConfig,
    dataset: ImageDataset,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Trains a model, from where it stopped.

    Args:
        model: What `new_model` made.
        config: What to train and how.
        dataset: The data, reduced.
        callbacks: Keras callbacks.

    Raises:
        InputError: If the model learns one class and several are rare.
    """
    class_id = learned_class(config.model, dataset)
    done = model.steps_taken
    if done >= config.steps:
        return
    entry = registry.MODELS[config.model]
    batches = dataset.batches(
        config.batch_size * model.batches_per_step,
        balanced=class_id is None,
        class_id=class_id,
        seed=config.seed,
        augment=augment.affine if config.augment and entry.augments else None,
    )
    batches = distribution.shared(batches.skip(done), model)
    lost = distribution.reporting_lost_workers(model.distribute_strategy)
    with graphs.released(), lost:
        model.fit(
            batches,
            steps_per_epoch=config.steps - done,
            callbacks=list(callbacks),
            shuffle=False,
            verbose=0,
        )
