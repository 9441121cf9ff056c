"""The process: TensorFlow made quiet, seeds and determinism, number format, memory released.

TensorFlow is imported when a function needs it, so that commands can import this module at once.
"""

import contextlib
import gc
import json
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from kerasaug.errors import InputError

KERAS_SETTINGS = {"backend": "tensorflow", "image_data_format": "channels_last"}
POLICIES = ("float32", "mixed_bfloat16")
"""The Keras dtype policies to choose from."""
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
BFLOAT16_CAPABILITY = (8, 0)
"""Least compute capability of a GPU that computes with bfloat16 itself."""
THREADS = 1
"""Threads of one operation in a study. The order in which threads add numbers changes how sums are
rounded, so the figures would otherwise depend on the number of processes and processors."""


def quiet_tensorflow() -> None:
    """Imports TensorFlow without the log lines that it writes past Python's own streams.

    To be called before anything imports TensorFlow, which then uses oneDNN's operations, as it does
    by itself on processors with AVX-512 alone: with AVX2, a training step takes half the time.

    Example:
        >>> quiet_tensorflow()
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Several processes may share a GPU, which TensorFlow would otherwise take whole.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
            import tensorflow_datasets  # noqa: F401
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
    import logging

    import absl.logging

    # Such as warnings of functions traced anew, of which every classifier has one.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    absl.logging.set_verbosity(absl.logging.ERROR)
    # Keras collects garbage when it clears its session, which takes a fifth of a second while it
    # looks through all imported modules. Only once: later, it would also freeze models.
    if gc.get_freeze_count() == 0:
        gc.freeze()


def check_keras() -> None:
    """Refuses settings of Keras that nothing here works with, before Keras is imported.

    Raises:
        InputError: If its backend is not TensorFlow, or images have their channels first.
    """
    file = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"), "keras.json")
    chosen: dict[str, str] = {}
    if keras := sys.modules.get("keras"):
        chosen = {name: getattr(keras.config, name)() for name in KERAS_SETTINGS}
    else:
        with contextlib.suppress(OSError, ValueError):
            chosen = json.loads(file.read_text(encoding="utf-8"))
        chosen["backend"] = os.environ.get("KERAS_BACKEND", chosen.get("backend", "tensorflow"))
    for name, needed in KERAS_SETTINGS.items():
        if (value := chosen.get(name, needed)) != needed:
            variable = " or the environment variable KERAS_BACKEND" * (name == "backend")
            raise InputError(
                f"{name} of Keras must be {needed}, as {file}{variable} sets it. Received: {value}"
            )


def limit_threads() -> None:
    """Limits operations of this process to `THREADS`, unless TensorFlow has computed before."""
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(THREADS)


def make_reproducible(seed: int) -> None:
    """Seeds everything random and chooses operations whose result does not depend on timing.

    Also clears Keras' session, because TensorFlow orders sums by the names of layers, which count
    all layers that this process has made. The choice of operations lasts for the process.

    Args:
        seed: From 0 to 2^32 - 1.
    """
    import keras
    import tensorflow as tf

    policy = keras.config.dtype_policy()
    keras.utils.clear_session()
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    # It drops the order between the gradient penalty's reading of a critic's weights and the
    # update that follows, so that now and then a step reads half of the new ones.
    tf.config.optimizer.set_experimental_options({"dependency_optimization": False})


def best_dtype_policy() -> str:
    """Names the Keras dtype policy that trains fastest here without losing accuracy.

    Returns:
        `mixed_bfloat16` where the GPU, or without one the processor, computes with bfloat16 itself;
        else `float32`, because without such instructions bfloat16 is slower.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = map(tf.config.experimental.get_device_details, gpus)
    capabilities = [gpu.get("compute_capability", (0, 0)) for gpu in details]
    if capabilities:
        supported = min(capabilities) >= BFLOAT16_CAPABILITY
    else:
        supported = bool(BFLOAT16_FLAGS & _processor_flags())
    return "mixed_bfloat16" if supported else "float32"


def choose_precision(requested: str | None, earlier: str | None) -> str:
    """One of `POLICIES`: the requested one, or that of the run that is resumed, or the fastest."""
    return requested or earlier or best_dtype_policy()


def describe_precision(policy: str) -> str:
    """One of `POLICIES` in words, such as "mixed_bfloat16, the fastest here; without XLA"."""
    fastest = ", the fastest here" if policy == best_dtype_policy() else ""
    # Models are compiled without it: on processors it is slower, see docs/performance.md.
    return f"{policy}{fastest}; without XLA"


@contextlib.contextmanager
def released_graphs() -> Iterator[None]:
    """Lets go of the graphs that a training in the block was traced into.

    Keras' optimizers sum gradients over devices by an operation with a gradient of its own, even on
    one device. TensorFlow never forgets such a gradient, and with it the whole graph: some 15 MB
    per training (tensorflow issue 97697). Nobody differentiates a train step.
    """
    from tensorflow.python.framework import ops

    registry = getattr(ops.gradient_registry, "_registry", {})
    before = set(registry)
    try:
        yield
    finally:
        for name in registry.keys() - before:
            if name.startswith("CustomGradient-"):
                del registry[name]


def _processor_flags() -> set[str]:
    if platform.system() != "Linux":
        return set()
    description = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    lines = (line.split() for line in description.splitlines() if line.startswith("flags"))
    return set(next(lines, []))
