"""The generative models and the classifier; loaded when first used."""

import importlib

from kerasaug.models.registry import MODELS, Entry, create, load

_HOMES = {
    "GAN": "kerasaug.models.gan",
    "ProgressiveWGAN": "kerasaug.models.progressive",
    "VAE": "kerasaug.models.vae",
    "VAEWGAN": "kerasaug.models.vae_wgan",
    "WGAN": "kerasaug.models.wgan",
    "AdversarialModel": "kerasaug.models.adversarial",
    "EncodingModel": "kerasaug.models.encoding",
    "GenerativeModel": "kerasaug.models.generative",
    "build_classifier": "kerasaug.models.classifier",
}
__all__ = ["MODELS", "Entry", "create", "load", *_HOMES]


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'kerasaug.models' has no attribute {name!r}")
