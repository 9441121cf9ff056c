"""The one error type for a user's mistake."""


class InputError(ValueError):
    """Raised for an input that cannot be used: an option, a file, a data set.

    The message is one line that names what was given and what is accepted, so that a command can
    print it as it is and exit with code 2.
    """
