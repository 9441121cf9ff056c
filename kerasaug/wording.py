"""Values as a person reads them."""

from typing import Any


def readable(value: Any) -> str:
    """Writes a value of a configuration without Python's punctuation.

    Args:
        value: A number, a text, None, or a list, tuple or dictionary of such.

    Returns:
        Such as `5=54`, `none, oversample` or `none`.
    """
    if value is None or value == {}:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}={readable(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(readable(part) for part in value)
    return str(value)
