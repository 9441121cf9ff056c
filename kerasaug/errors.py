"""The errors that a command answers with one line instead of a traceback."""


class InputError(ValueError):
    """Raised for an input that cannot be used: an option, a file, a data set.

    The message is one line that names what was given and what is accepted, so that a command can
    print it as it is and exit with code 2.
    """


class TrainingFailed(RuntimeError):
    """Raised when a training cannot go on; the message is one line."""


LOST_WORKER = ("UnavailableError", "AbortedError", "InternalError", "DeadlineExceededError")
"""Names of what TensorFlow raises when another worker of a training is gone."""
