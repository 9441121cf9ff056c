"""What TensorFlow keeps of a training that is over."""

import contextlib
from collections.abc import Iterator

from tensorflow.python.framework import ops

PREFIX = "CustomGradient-"


@contextlib.contextmanager
def released() -> Iterator[None]:
    """Lets go of the graphs that a training in the block was traced into.

    Keras' optimizers sum gradients over devices by an operation with a gradient of its own, even on
    one device. TensorFlow never forgets such a gradient, and with it the whole graph: some 15 MB
    per training (tensorflow issue 97697). Nobody differentiates a train step.
    """
    registry = getattr(ops.gradient_registry, "_registry", {})
    before = set(registry)
    try:
        yield
    finally:
        for name in registry.keys() - before:
            if name.startswith(PREFIX):
                del registry[name]
