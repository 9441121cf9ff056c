"""Which number format to train in on this machine; free of TensorFlow until it is asked."""

import platform
from pathlib import Path

BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
BFLOAT16_CAPABILITY = (8, 0)
"""Least compute capability of a GPU that computes with bfloat16 itself."""
POLICIES = ("float32", "mixed_bfloat16")


def best_dtype_policy() -> str:
    """Names the Keras dtype policy that trains fastest here without losing accuracy.

    `mixed_bfloat16` where the GPU, or without one the processor, computes with bfloat16 itself,
    else `float32`: without such instructions bfloat16 is the slower one.

    Returns:
        One of `POLICIES`.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capabilities = [
            tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
            for gpu in gpus
        ]
        return POLICIES[min(capabilities) >= BFLOAT16_CAPABILITY]
    return POLICIES[bool(BFLOAT16_FLAGS & _processor_flags())]


def chosen(asked_for: str | None, begun_with: str | None) -> str:
    """What a training or a study computes with.

    Args:
        asked_for: By the user; None if they left it to the machine.
        begun_with: By what is gone on with; None for nothing.
    """
    return asked_for or begun_with or best_dtype_policy()


def described(policy: str) -> str:
    """Says in words what a training computes with.

    Args:
        policy: One of `POLICIES`.

    Returns:
        Such as "mixed_bfloat16, the fastest here; without XLA".
    """
    fastest = ", the fastest here" if policy == best_dtype_policy() else ""
    # Models are compiled without it: on processors it is slower, see docs/performance.md.
    return f"{policy}{fastest}; without XLA"


def _processor_flags() -> set[str]:
    if platform.system() != "Linux":
        return set()
    description = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    lines = (line.split() for line in description.splitlines() if line.startswith("flags"))
    return set(next(lines, []))
