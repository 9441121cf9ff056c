"""The generative models by name; free of TensorFlow, so that commands can list them at once.

To add a model: write its module, and add one line to `MODELS`.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from kerasaug.errors import InputError

if TYPE_CHECKING:
    from kerasaug.models.generative import GenerativeModel


class Entry(NamedTuple):
    """How a model of the registry is made.

    Attributes:
        target: `module:class` of a `GenerativeModel`.
        conditional: Whether it is told the number of classes. A conditional model learns from all
            classes in balanced batches, an unconditional one from the rare class alone.
        description: What it is, in a few words.
    """

    target: str
    conditional: bool
    description: str


MODELS = {
    "wgan": Entry("kerasaug.models.wgan:WGAN", False, "Wasserstein GAN with gradient penalty"),
    "conditional-wgan": Entry(
        "kerasaug.models.wgan:WGAN", True, "Wasserstein GAN that is told the class of every image"
    ),
}


def create(
    name: str, image_shape: tuple[int, int, int], num_classes: int, **options: Any
) -> "GenerativeModel":
    """Makes an untrained model of the registry.

    Args:
        name: A key of `MODELS`.
        image_shape: `(height, width, channels)`.
        num_classes: How many classes the data have.
        **options: Further arguments of the model's class.

    Returns:
        The model, not yet compiled.

    Raises:
        InputError: If there is no such model.
    """
    model_class = _class(name)
    conditional = MODELS[name].conditional
    return model_class(image_shape, num_classes if conditional else None, **options)


def load(name: str, path: str | os.PathLike[str]) -> "GenerativeModel":
    """Loads a model of the registry that was saved with `model.save`.

    Args:
        name: A key of `MODELS`.
        path: The `.keras` file.

    Returns:
        The model with its weights and the state of its optimizers.

    Raises:
        InputError: If there is no such model.
    """
    _class(name)  # Keras only knows the classes of modules that were imported.
    return importlib.import_module("keras").models.load_model(path)


def _class(name: str) -> type:
    if name not in MODELS:
        raise InputError(f"there is no model {name!r}; accepted: {', '.join(MODELS)}")
    module, class_name = MODELS[name].target.split(":")
    return getattr(importlib.import_module(module), class_name)
