"""The comparison: arms, trials, scores, verdict, report; loaded when first used."""

import importlib

_HOMES = {
    "Study": "kerasaug.study.runner",
    "StudyConfig": "kerasaug.study.config",
    "choose_protocol": "kerasaug.study.protocol",
    "choose_steps": "kerasaug.study.config",
    "winner": "kerasaug.study.recommended",
}
__all__ = list(_HOMES)


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'kerasaug.study' has no attribute {name!r}")
