"""The generative models and the classifier; loaded when first used."""

import importlib

from kerasaug.models.registry import MODELS, Entry, create, load

_HOMES = {
    "GAN": "gan",
    "ProgressiveWGAN": "progressive",
    "VAE": "vae",
    "VAEWGAN": "vae_wgan",
    "WGAN": "wgan",
    "AdversarialModel": "adversarial",
    "EncodingModel": "encoding",
    "GenerativeModel": "generative",
    "build_classifier": "classifier",
}
__all__ = ["MODELS", "Entry", "create", "load", *_HOMES]


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
