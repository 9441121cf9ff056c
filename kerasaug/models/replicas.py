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
    """Draws numbers from the standard normal distribution.

    Args:
        shape: Of this replica's share; its first entry is a share of the batch.
        seed: int (2,).

    Returns:
        float32 tensor of that shape.
    """
    return _own(lambda whole: tf.random.stateless_normal(whole, seed), shape)


def uniform(
    shape: Sequence, seed: tf.Tensor, lowest: float = 0.0, highest: float = 1.0
) -> tf.Tensor:
    """Draws numbers uniformly.

    Args:
        shape: See `normal`.
        seed: int (2,).
        lowest: Least number.
        highest: Bound that is not reached.

    Returns:
        float32 tensor of that shape.
    """
    return _own(lambda whole: tf.random.stateless_uniform(whole, seed, lowest, highest), shape)


def shared(gradients: list[tf.Tensor | None]) -> list[tf.Tensor | None]:
    """Makes gradients of means over a share of the batch parts of those over the whole.

    Args:
        gradients: Which optimizers add up over all replicas.
    """
    parts = count()
    if parts == 1:
        return gradients
    return [g if g is None else tf.math.scalar_mul(1.0 / parts, g) for g in gradients]


def share(batches: tf.data.Dataset, parts: int, context: tf.distribute.InputContext):
    """Gives every replica of a process its share of every batch.

    Args:
        batches: Of `(images, labels)`; the same in all processes.
        parts: How many equal parts a train step makes of a batch; each is shared.
        context: Tells which replicas this process has.

    Returns:
        A stream that holds, batch by batch, the shares of this process's replicas in their order.
    """
    replicas = context.num_replicas_in_sync
    here = replicas // context.num_input_pipelines
    first = context.input_pipeline_id * here

    def shares(tensor):
        size = tensor.shape[0] // (parts * replicas)
        tensor = tf.reshape(tensor, (parts, replicas, size, *tensor.shape[1:]))
        tensor = tf.stack(tf.unstack(tensor, axis=1)[first : first + here])
        return tf.reshape(tensor, (here, parts * size, *tensor.shape[3:]))

    return batches.map(lambda *batch: tuple(map(shares, batch))).unbatch()


def _own(draw: Callable[[tuple], tf.Tensor], shape: Sequence) -> tf.Tensor:
    parts = count()
    if parts == 1:
        return draw(tuple(shape))
    whole = draw((shape[0] * parts, *shape[1:]))
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    return whole[number * shape[0] : (number + 1) * shape[0]]
