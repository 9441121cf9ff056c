"""Values as a person reads them."""

import unicodedata
from typing import Any

LONGEST_LABEL = 40
MOVING = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, halves of characters and ends of lines."""
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""What changes the direction of the text that follows."""


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


def whole(text: str) -> str:
    """Replaces halves of characters, which can be read from files, but not written.

    Args:
        text: Any.

    Returns:
        The text with question marks in their places.
    """
    return text.encode(errors="replace").decode()


def printable(text: str) -> str:
    """Writes what would move the cursor, colour a terminal or end a line as Python would write it.

    Args:
        text: Such as the name of a file or a class, which anybody may have chosen.

    Returns:
        One line.
    """
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) in MOVING or letter in TURNING
        else letter
        for letter in text
    )


def label(name: str) -> str:
    """Makes a name fit beside an axis.

    Args:
        name: Any text.

    Returns:
        One line of at most `LONGEST_LABEL` letters.
    """
    line = printable(name)
    return line if len(line) <= LONGEST_LABEL else line[: LONGEST_LABEL - 1] + "…"
