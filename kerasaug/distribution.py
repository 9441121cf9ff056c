"""Training one model on several devices or machines: TensorFlow's strategies by name."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from kerasaug.errors import LOST_WORKER, InputError, TrainingFailed
from kerasaug.models.registry import MODELS


def is_chief(strategy: Any) -> bool:
    """Whether this process is the one that writes.

    Args:
        strategy: A `tf.distribute.Strategy`.
    """
    return strategy.cluster_resolver is None or not strategy.cluster_resolver.task_id


def check_model(name: str) -> None:
    """Refuses a model that several replicas cannot train.

    Args:
        name: A key of `registry.MODELS`.

    Raises:
        InputError: If it takes its steps in branches, or looks at its batch as a whole.
    """
    if not MODELS[name].replicates:
        able = ", ".join(other for other, entry in MODELS.items() if entry.replicates)
        raise InputError(f"accepted with --model {able}")


def check_batch(strategy: Any, batch_size: int) -> None:
    """Refuses a batch that the replicas cannot share evenly.

    Args:
        strategy: A `tf.distribute.Strategy`.
        batch_size: Images of it.

    Raises:
        InputError: If there is a rest.
    """
    count = strategy.num_replicas_in_sync
    if batch_size % count:
        raise InputError(f"a batch of {batch_size} cannot be shared evenly by {count} replicas")


def check_agreement(strategy: Any, facts: Any) -> None:
    """Refuses workers that were started with different options or data.

    Args:
        strategy: A `tf.distribute.Strategy`.
        facts: What all have to agree on; anything whose `repr` tells it.

    Raises:
        InputError: If another worker has other facts.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return
    digest = hashlib.sha256(repr(facts).encode()).digest()[:7]
    own = tf.constant([int.from_bytes(digest, "big")], tf.int64)

    @tf.function
    def gather():
        return strategy.run(lambda: tf.distribute.get_replica_context().all_gather(own, axis=0))

    (found,) = strategy.experimental_local_results(gather())[:1]
    if len(set(found.numpy().tolist())) > 1:
        raise InputError(
            "the workers have different options, data or checkpoints; accepted is the same command "
            "on all of them, with folders that all see"
        )


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
        lambda context: _shares(batches, parts, context)
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
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if name == "multi-worker":
        _check_cluster()
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
        kind, text = type(error).__name__, str(error).lower()
        lost = kind in LOST_WORKER and (kind != "InternalError" or "collective" in text)
        if many and lost:
            raise TrainingFailed(
                "another worker of this training is gone; the same commands on all workers go on "
                "from the last checkpoint"
            ) from error
        raise


def _shares(batches: tf.data.Dataset, parts: int, context: tf.distribute.InputContext):
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


def _check_cluster() -> None:
    try:
        found = json.loads(os.environ.get("TF_CONFIG") or "{}")
        workers, task = found["cluster"]["worker"], found["task"]
        fits = set(found["cluster"]) == {"worker"} and task["type"] == "worker"
        fits = fits and isinstance(workers, list) and all(isinstance(w, str) for w in workers)
        if fits and task["index"] in range(len(workers)):
            return
    except (ValueError, KeyError, TypeError):
        pass
    raise InputError(
        "--strategy multi-worker: TF_CONFIG must be JSON that lists the workers and says which "
        'this one is, as {"cluster": {"worker": ["host1:12345", "host2:12345"]}, "task": '
        '{"type": "worker", "index": 0}}'
    )
