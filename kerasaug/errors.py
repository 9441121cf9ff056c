"""The errors that a command prints as one line instead of a traceback."""

import contextlib
from collections.abc import Iterator


class InputError(ValueError):
    """Raised for an option, a file or a data set that cannot be used.

    The message is one line with what must be and what was received. A command prints it as it is
    and exits with code 2.
    """


class UserCodeError(InputError):
    """Raised where code that the user handed over fails.

    Attributes:
        trace: The traceback of their code, which a command prints before the message.
    """

    def __init__(self, message: str, trace: str):
        super().__init__(message)
        self.trace = trace


@contextlib.contextmanager
def naming(option: str) -> Iterator[None]:
    """Puts the name of an option before the message of an `InputError`.

    Args:
        option: Its name, and perhaps its value.
    """
    try:
        yield
    except UserCodeError as error:
        raise UserCodeError(f"{option}: {error}", error.trace) from error
    except InputError as error:
        raise InputError(f"{option}: {error}") from error


class TrainingFailed(RuntimeError):
    """Raised when a training cannot go on; the message is one line."""


LOST_WORKER = ("UnavailableError", "AbortedError", "InternalError", "DeadlineExceededError")
"""Names of the errors that TensorFlow raises when another worker of a training is gone."""
