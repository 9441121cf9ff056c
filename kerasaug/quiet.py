"""TensorFlow without its noise."""

import gc
import os
import sys


def quiet_tensorflow() -> None:
    """Imports TensorFlow without the log lines that it writes past Python's own streams."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Several processes may share a GPU, which TensorFlow would otherwise take whole.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
            import tensorflow_datasets  # noqa: F401
        finally:
            os.dup2(kept, 2)
            os.close(kept)
    import logging

    import absl.logging

    # Such as warnings of functions traced anew, of which every classifier has one.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)

    absl.logging.set_verbosity(absl.logging.ERROR)
    # What was imported stays. Looking for garbage in it takes a fifth of a second, every time that
    # Keras clears its session. Only once: later, what a training left would stay too.
    if gc.get_freeze_count() == 0:
        gc.freeze()
