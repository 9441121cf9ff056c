"""Grow a rare image class with generative models, and learn honestly whether that helps.

The submodules are loaded when they are first used, so that importing the package, or asking a
command for help, does not wait for TensorFlow.
"""

import importlib

__version__ = "0.1.0"
_HOMES = {
    "GenerativeOverSampler": "kerasaug.oversampler",
    "ProgressBar": "kerasaug.progress",
    "quiet_tensorflow": "kerasaug.runtime",
}
__all__ = [*_HOMES, "data", "models", "study"]


def __getattr__(name: str):
    if name in __all__:
        importlib.import_module("kerasaug.runtime").check_keras()
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in __all__:
        return importlib.import_module(f"kerasaug.{name}")
    raise AttributeError(f"module 'kerasaug' has no attribute {name!r}")
