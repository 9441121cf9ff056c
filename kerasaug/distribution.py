"""Training one model on several devices or machines: TensorFlow's strategies by name."""

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from kerasaug.errors import InputError, TrainingFailed
from kerasaug.models import replicas

MIRRORED, MULTI_WORKER = "mirrored", "multi-worker"
LOST = ("UnavailableError", "AbortedError", "InternalError", "DeadlineExceededError")
"""What TensorFlow raises when another worker is gone."""


def is_chief(strategy: Any) -> bool:
    """Whether this process is the one that writes.

    Args:
        strategy: A `tf.distribute.Strategy`.
    """
    resolver = strategy.cluster_resolver
    if resolver is None or resolver.task_type is None:
        return True
    return resolver.task_type == "chief" or resolver.task_id == 0


def check_batch(strategy: Any, batch_size: int) -> None:
    """Refuses a batch that the replicas cannot share evenly.

    Args:
        strategy: A `tf.distribute.Strategy`.
        batch_size: Images of it.

    Raises:
        InputError: If there is a rest.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise InputError(f"a batch of {batch_size} cannot be shared by {replicas} replicas evenly")


def shared(batches: Any, model: Any) -> Any:
    """Gives every replica that trains a model its share of every batch.

    Args:
        batches: A `tf.data.Dataset` of whole batches, the same in all processes.
        model: A `GenerativeModel` that was made in the scope of a strategy, or in none.

    Returns:
        What the model's `fit` takes.
    """
    strategy = model.distribute_strategy
    if strategy.num_replicas_in_sync == 1:
        return batches
    parts = model.batches_per_step
    return strategy.distribute_datasets_from_function(
        lambda context: replicas.share(batches, parts, context)
    )


def strategy(name: str) -> Any:
    """Makes a strategy; has to come before TensorFlow computes anything.

    Args:
        name: `"none"`, `"mirrored"` or `"multi-worker"`.

    Returns:
        A `tf.distribute.Strategy`: for `"none"` TensorFlow's own; for `"mirrored"` all devices of
        this process; for `"multi-worker"` the processes that `TF_CONFIG` lists.

    Raises:
        InputError: If `TF_CONFIG` is needed and lacks workers.
    """
    if name == MIRRORED:
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if name == MULTI_WORKER:
        cluster = _cluster()
        if not cluster.get("cluster", {}).get("worker") or "task" not in cluster:
            raise InputError(
                "--strategy multi-worker: TF_CONFIG must list the workers and say which of them "
                "this one is, as TensorFlow documents it"
            )
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


@contextlib.contextmanager
def reporting_lost_workers(strategy: Any) -> Iterator[None]:
    """Says in one line that another worker is gone.

    Args:
        strategy: A `tf.distribute.Strategy`.

    Raises:
        TrainingFailed: In the place of what TensorFlow raises then.
    """
    try:
        yield
    except tf.errors.OpError as error:
        many = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        if many and type(error).__name__ in LOST:
            raise TrainingFailed(
                "another worker of this training is gone; the same commands on all workers go on "
                "from the last checkpoint"
            ) from error
        raise


def _cluster() -> dict[str, Any]:
    try:
        cluster = json.loads(os.environ.get("TF_CONFIG") or "{}")
    except ValueError as error:
        raise InputError(f"TF_CONFIG is no JSON: {error}") from error
    if not isinstance(cluster, dict):
        raise InputError("TF_CONFIG must be a JSON object")
    return cluster
