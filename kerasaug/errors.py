"""The errors that a command answers with one line instead of a traceback."""

import contextlib
from collections.abc import Iterator


class InputError(ValueError):
    """Raised for an input that cannot be used: an option, a file, a data set.

    The message is one line that names what was given and what is accepted, so that a command can
    print it as it is and exit with code 2.
    """


@contextlib.contextmanager
def naming(option: str) -> Iterator[None]:
    """Puts the name of an option before what is wrong with its value.

    Args:
        option: Such as `--keep 5=54`.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{option}: {error}") from error


class TrainingFailed(RuntimeError):
    """Raised when a training cannot go on; the message is one line."""


LOST_WORKER = ("UnavailableError", "AbortedError", "InternalError", "DeadlineExceededError")
"""Names of what TensorFlow raises when another worker of a training is gone."""
