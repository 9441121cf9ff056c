"""The generative models by name; free of TensorFlow, so that commands can list them at once.

To add a model: write its module, and add one line to `MODELS`; a program of your own may add to it,
see `examples/researcher.py`, and then has the whole study in its own process (`jobs=1`).
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
        all_classes: Whether it learns from all classes, in balanced batches, and makes any of them;
            otherwise it learns from the rare class alone.
        description: What it is, in a few words.
        adversarial: Whether it is an `AdversarialModel`.
        grows: Whether it grows, and so has to know how long it is trained.
        learning_rate: Its own, where it differs from the preset's.
        transfers: Whether it is an `EncodingModel` whose codes are styles.
        augments: Whether it learns from images that are changed anew at every step, without which
            an autoencoder learns the few images of a rare class by heart.
        steps_factor: Steps that it takes for each of a preset's. One without a critic takes a
            fraction of the time.
        replicates: Whether several replicas can train it, see `replicas`. One that grows takes its
            steps in branches, in which they cannot meet; others look at their batch as a whole.
        options: Further arguments of the class.
    """

    target: str
    all_classes: bool
    description: str
    adversarial: bool = True
    grows: bool = False
    learning_rate: float | None = None
    transfers: bool = False
    augments: bool = False
    steps_factor: int = 1
    replicates: bool = True
    options: dict[str, Any] = {}


_PROGRESSIVE: dict[str, Any] = {
    "target": "kerasaug.models.progressive:ProgressiveWGAN",
    "grows": True,
    "replicates": False,
}
_VAE: dict[str, Any] = {
    "target": "kerasaug.models.vae:VAE",
    "adversarial": False,
    "learning_rate": 1e-3,
}
MODELS = {
    "gan": Entry("kerasaug.models.gan:GAN", False, "GAN with the original loss"),
    "wgan": Entry("kerasaug.models.wgan:WGAN", False, "Wasserstein GAN with gradient penalty"),
    "conditional-wgan": Entry(
        "kerasaug.models.wgan:WGAN", True, "Wasserstein GAN that is told the classes"
    ),
    "progressive-wgan": Entry(
        all_classes=False,
        description="Wasserstein GAN that grows from coarse to fine",
        **_PROGRESSIVE,
    ),
    "conditional-progressive-wgan": Entry(
        all_classes=True,
        description="growing Wasserstein GAN that is told the classes",
        **_PROGRESSIVE,
    ),
    "conditional-vae-wgan": Entry(
        "kerasaug.models.vae_wgan:VAEWGAN",
        True,
        "Wasserstein GAN with an encoder that is told the classes",
        transfers=True,
        replicates=False,
    ),
    "vae": Entry(
        all_classes=True,
        description="variational autoencoder",
        replicates=False,
        options={"conditional": False},
        **_VAE,
    ),
    "conditional-vae": Entry(
        all_classes=True,
        description="variational autoencoder that is told the classes",
        transfers=True,
        augments=True,
        steps_factor=4,
        **_VAE,
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

    Example:
        >>> create("conditional-vae", (28, 28, 1), num_classes=10).generate(3, class_id=5).shape
        (3, 28, 28, 1)
    """
    model_class = _class(name)
    entry = MODELS[name]
    known = num_classes if entry.all_classes else None
    return model_class(image_shape, known, **{**entry.options, **options})


def load(name: str, path: str | os.PathLike[str]) -> "GenerativeModel":
    """Loads a model of the registry that was saved with `model.save`.

    Args:
        name: A key of `MODELS`.
        path: The `.keras` file.

    Returns:
        The model with its weights and the state of its optimizers.

    Raises:
        InputError: If there is no such model, or the file is damaged or holds another one.

    Example:
        >>> create("gan", (8, 8, 1), num_classes=2, width=4).save("gan.keras")
        >>> load("gan", "gan.keras").steps_taken
        0
    """
    wanted = _class(name)
    keras = importlib.import_module("keras")
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
        # Looked at first: what a file is made of is up to who made it.
        if config["registered_name"] != keras.saving.get_registered_name(wanted):
            raise ValueError("another class")
        return keras.models.load_model(path, safe_mode=True)
    except OSError as error:
        if error.strerror:
            raise
        raise InputError(f"{path} is damaged") from error
    except MemoryError:
        raise
    # Damage makes many kinds of errors.
    except Exception as error:
        if type(error).__name__ in LOST_WORKER:
            raise
        raise InputError(f"{path} holds no {name} of this version, or it is damaged") from error


def _class(name: str) -> type:
    if name not in MODELS:
        raise InputError(f"there is no model {name!r}; accepted: {', '.join(MODELS)}")
    module, class_name = MODELS[name].target.split(":")
    return getattr(importlib.import_module(module), class_name)
