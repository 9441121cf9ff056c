"""Values as a person reads them."""

import unicodedata
from typing import Any

LONGEST_LABEL = 40
CONTROL_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, halves of characters and ends of lines."""
DIRECTION_CHARACTERS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that change the direction of the text after them."""


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
        return ", ".join(map(readable, value))
    return str(value)


def whole(text: str) -> str:
    """Replaces halves of characters by question marks: they can be read, but not written."""
    return text.encode(errors="replace").decode()


def printable(text: str) -> str:
    """Escapes characters that move the cursor, colour a terminal, end a line or turn the text.

    Args:
        text: Such as the name of a file or a class, which anybody may have chosen.

    Returns:
        One line, with those characters as Python writes them.
    """
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) in CONTROL_CATEGORIES or letter in DIRECTION_CHARACTERS
        else letter
        for letter in text
    )


def label(name: str) -> str:
    """Shortens a name to one line of at most `LONGEST_LABEL` letters, to stand beside an axis."""
    line = printable(name)
    return line if len(line) <= LONGEST_LABEL else line[: LONGEST_LABEL - 1] + "…"
