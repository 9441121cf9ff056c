"""Grow a rare image class with generative models, and learn honestly whether that helps.

The submodules are loaded when they are first used, so that importing the package, or asking a
command for help, does not wait for TensorFlow.
"""

import importlib

__version__ = "0.1.0"
__all__ = ["GenerativeOverSampler", "data", "models", "study"]


def __getattr__(name: str):
    if name == "GenerativeOverSampler":
        return importlib.import_module("kerasaug.oversampler").GenerativeOverSampler
    if name in __all__:
        return importlib.import_module(f"kerasaug.{name}")
    raise AttributeError(f"module 'kerasaug' has no attribute {name!r}")
