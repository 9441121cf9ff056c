"""Same command, same seed, same machine: same numbers."""

import keras
import tensorflow as tf


def make_reproducible(seed: int) -> None:
    """Seeds everything random and chooses operations whose result does not depend on timing.

    Without the latter, sums over several threads are rounded in the order in which the threads
    finish, and on a busy processor one training in some dozens ends with other weights.

    Args:
        seed: From 0 to 2^32 - 1.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
