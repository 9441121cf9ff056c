"""The errors that a command prints as one line instead of a traceback."""

import contextlib
from collections.abc import Iterator


class InputError(ValueError):
    """Raised for an option, a file or a data set that cannot be used.

    The message is one line with what must be and what was received. A command prints it as it is
    and exits with code 2.
    """


@contextlib.contextmanager
def naming(option: str) -> Iterator[None]:
    """Puts the name of an option before the message of an `InputError`.

    Args:
        option: Its name, and perhaps its value.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{option}: {error}") from error


class TrainingFailed(RuntimeError):
    """Raised when a training cannot go on; the message is one line."""


LOST_WORKER = ("UnavailableError", "AbortedError", "InternalError", "DeadlineExceededError")
"""Names of the errors that TensorFlow raises when another worker of a training is gone."""
