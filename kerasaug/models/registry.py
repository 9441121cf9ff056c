"""The generative models by name; free of TensorFlow, so that commands can list them at once.

To add a model: write its module, and add one line to `MODELS`. A program of your own may add to it
too, see `examples/researcher.py`; the whole study then runs in its process (`jobs=1`).
"""

import importlib
import json
import os
import zipfile
from typing import TYPE_CHECKING, Any, NamedTuple

from kerasaug.errors import LOST_WORKER, InputError

if TYPE_CHECKING:
    from kerasaug.models.generative import GenerativeModel


class Entry(NamedTuple):
    """How a model of the registry is made.

    Attributes:
        target: `module:class` of a `GenerativeModel`, from any module that can be imported.
        all_classes: Whether it learns all classes, from balanced batches, and makes any of them;
            otherwise it learns the rare class alone.
        description: What it is, in a few words.
        transfers: Whether it is an `EncodingModel` whose latents are styles.
        augments: Whether its training images are augmented anew at every step, without which an
            autoencoder overfits the few images of a rare class.
        replicates: Whether several replicas can train it, see `replicas`. A model that grows takes
            its steps in branches, in which replicas cannot meet; others need their whole batch.
        options: Further arguments of the class.
    """

    target: str
    all_classes: bool
    description: str
    transfers: bool = False
    augments: bool = False
    replicates: bool = True
    options: dict[str, Any] = {}


MODELS = {
    "gan": Entry("kerasaug.models.gan:GAN", False, "GAN with the original loss"),
    "wgan": Entry("kerasaug.models.wgan:WGAN", False, "Wasserstein GAN with gradient penalty"),
    "conditional-wgan": Entry(
        "kerasaug.models.wgan:WGAN", True, "class-conditional Wasserstein GAN"
    ),
    "progressive-wgan": Entry(
        "kerasaug.models.progressive:ProgressiveWGAN",
        False,
        "progressively growing Wasserstein GAN",
        replicates=False,
    ),
    "conditional-progressive-wgan": Entry(
        "kerasaug.models.progressive:ProgressiveWGAN",
        True,
        "class-conditional, progressively growing Wasserstein GAN",
        replicates=False,
    ),
    "conditional-vae-wgan": Entry(
        "kerasaug.models.vae_wgan:VAEWGAN",
        True,
        "class-conditional Wasserstein GAN with an encoder",
        transfers=True,
        replicates=False,
    ),
    "vae": Entry(
        "kerasaug.models.vae:VAE",
        True,
        "variational autoencoder",
        replicates=False,
        options={"conditional": False},
    ),
    "conditional-vae": Entry(
        "kerasaug.models.vae:VAE",
        True,
        "class-conditional variational autoencoder",
        transfers=True,
        augments=True,
    ),
}


def model_class(name: str) -> type["GenerativeModel"]:
    """Imports the class of a model by its name; raises `InputError` if there is no such model."""
    if name not in MODELS:
        raise InputError(f"model must be one of {', '.join(MODELS)}. Received: {name!r}")
    module, class_name = MODELS[name].target.split(":")
    return getattr(importlib.import_module(module), class_name)


def create(
    name: str, image_shape: tuple[int, int, int], num_classes: int, **options: Any
) -> "GenerativeModel":
    """Makes an untrained model of the registry, not compiled.

    Args:
        name: A key of `MODELS`.
        image_shape: `(height, width, channels)`.
        num_classes: How many classes the data have.
        **options: Further arguments of the model's class.

    Raises:
        InputError: If there is no such model.

    Example:
        >>> create("conditional-vae", (28, 28, 1), num_classes=10).generate(3, class_id=5).shape
        (3, 28, 28, 1)
    """
    make, entry = model_class(name), MODELS[name]
    options = {**entry.options, **options}
    return make(image_shape, num_classes if entry.all_classes else None, **options)


def load(name: str, path: str | os.PathLike[str]) -> "GenerativeModel":
    """Loads a model of the registry that was saved with `model.save`.

    Args:
        name: A key of `MODELS`.
        path: The `.keras` file, with the weights and the state of the optimizers.

    Raises:
        InputError: If there is no such model, or the file is damaged or holds another one.

    Example:
        >>> create("gan", (8, 8, 1), num_classes=2, width=4).save("gan.keras")
        >>> load("gan", "gan.keras").steps_taken
        0
    """
    expected = model_class(name)
    keras = importlib.import_module("keras")
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
        # Checked before loading: a file makes objects of any class that it names.
        if config["registered_name"] != keras.saving.get_registered_name(expected):
            raise ValueError("another class")
        return keras.models.load_model(path, safe_mode=True)
    except MemoryError:
        raise
    # Damage makes many kinds of errors, among them an OSError that names no error of the system.
    except Exception as error:
        if getattr(error, "strerror", None) or type(error).__name__ in LOST_WORKER:
            raise
        raise InputError(f"{path} holds no {name} of this version, or it is damaged") from error
