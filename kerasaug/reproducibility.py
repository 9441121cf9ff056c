"""Same command, same seed, same machine: same numbers."""

import keras
import tensorflow as tf


def make_reproducible(seed: int) -> None:
    """Seeds everything random and chooses operations whose result does not depend on timing.

    Without the latter, sums over several threads are rounded in the order in which the threads
    finish, and on a busy processor one training in some dozens ends with other weights. Names are
    given anew, as in a new process: TensorFlow orders sums by the names of their parts, which
    otherwise count all layers that this process has ever made, by `keras.utils.clear_session`. The
    choice of operations, and that TensorFlow's dependency optimizer is off, last for the process.

    Args:
        seed: From 0 to 2^32 - 1.
    """
    policy = keras.config.dtype_policy()
    keras.utils.clear_session()
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    # It drops the order between the gradient penalty's reading of a critic's weights and the
    # update that follows, so that now and then a step reads half of the new ones.
    tf.config.optimizer.set_experimental_options({"dependency_optimization": False})
