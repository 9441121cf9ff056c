"""A generative model, made and trained; writes nothing."""

from collections.abc import Sequence
from typing import Any

import keras

from kerasaug.data import augment
from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError
from kerasaug.models import networks, registry
from kerasaug.models.adversarial import AdversarialModel
from kerasaug.models.generative import GenerativeModel
from kerasaug.runtime import released_graphs
from kerasaug.training import distribution
from kerasaug.training.config import GeneratorConfig

FEW_IMAGES = 1000


def learned_class(model: str, dataset: ImageDataset) -> int | None:
    """The index of the rare class for a model that learns one class; None if it learns all.

    Args:
        model: A key of `registry.MODELS`.
        dataset: The imbalanced data.

    Raises:
        InputError: If the model learns one class and several are rare.
    """
    if registry.MODELS[model].all_classes:
        return None
    rare = dataset.rare_classes
    if len(rare) > 1:
        names = ", ".join(dataset.class_names[class_id] for class_id in rare)
        models = [name for name, entry in registry.MODELS.items() if entry.all_classes]
        raise InputError(
            f"{model} makes one class, but {len(rare)} are rare ({names}); "
            f"it must be one of {', '.join(models)}"
        )
    return rare[0]


def new_model(config: GeneratorConfig, dataset: ImageDataset) -> GenerativeModel:
    """Makes an untrained model, compiled, for the reduced data."""
    model_class = registry.model_class(config.model)
    options: dict[str, Any] = {"width": config.width, "seed": config.seed}
    if config.latent_dim is not None:
        options["latent_dim"] = config.latent_dim
    if config.augment and issubclass(model_class, AdversarialModel):
        counts = enumerate(dataset.class_counts)
        options["augmented_classes"] = [c for c, count in counts if 0 < count < FEW_IMAGES]
    if model_class.grows:
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
    """
    class_id = learned_class(config.model, dataset)
    done = model.steps_taken
    if done >= config.steps:
        return
    augments = config.augment and registry.MODELS[config.model].augments
    batches = dataset.batches(
        config.batch_size * model.batches_per_step,
        balanced=class_id is None,
        class_id=class_id,
        seed=config.seed,
        augment=augment.affine if augments else None,
    )
    batches = distribution.distribute(batches.skip(done), model)
    with released_graphs(), distribution.reporting_lost_workers(model.distribute_strategy):
        model.fit(
            batches,
            steps_per_epoch=config.steps - done,
            callbacks=list(callbacks),
            shuffle=False,
            verbose=0,
        )
