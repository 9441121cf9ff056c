"""What a train step has to know of the other replicas that train the same model.

Under a `tf.distribute.Strategy` every replica sees a share of the batch. Random numbers are drawn
for the whole batch, of which each replica takes its share, so that all of them together compute
what one process would on the whole batch, but for the order of sums.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf


def count() -> int:
    """How many replicas take this train step; 1 outside of one."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def normal(shape: Sequence, seed: tf.Tensor) -> tf.Tensor:
    """Draws float32 numbers from the standard normal distribution.

    Args:
        shape: Of this replica's share; its first entry is a share of the batch.
        seed: int (2,).
    """
    return _share(lambda whole: tf.random.stateless_normal(whole, seed), shape)


def uniform(
    shape: Sequence, seed: tf.Tensor, lowest: float = 0.0, highest: float = 1.0
) -> tf.Tensor:
    """Draws float32 numbers uniformly from [lowest, highest); see `normal`."""
    return _share(lambda whole: tf.random.stateless_uniform(whole, seed, lowest, highest), shape)


def scale_gradients(gradients: list[tf.Tensor | None]) -> list[tf.Tensor | None]:
    """Divides gradients by the number of replicas, because optimizers add up those of all.

    So gradients of means over shares become those of the mean over the whole batch. They are None
    for weights without one.
    """
    parts = count()
    if parts == 1:
        return gradients
    return [g if g is None else tf.math.scalar_mul(1.0 / parts, g) for g in gradients]


def _share(draw: Callable[[tuple], tf.Tensor], shape: Sequence) -> tf.Tensor:
    parts = count()
    if parts == 1:
        return draw(tuple(shape))
    whole = draw((shape[0] * parts, *shape[1:]))
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    return whole[number * shape[0] : (number + 1) * shape[0]]
