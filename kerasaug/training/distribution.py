"""Training one model on several devices or machines: TensorFlow's strategies by name."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from kerasaug.errors import LOST_WORKER, InputError, TrainingFailed
from kerasaug.models.generative import GenerativeModel
from kerasaug.models.registry import MODELS


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes."""
    return strategy.cluster_resolver is None or not strategy.cluster_resolver.task_id


def check_model(name: str) -> None:
    """Raises `InputError` for a key of `registry.MODELS` that several replicas cannot train."""
    if not MODELS[name].replicates:
        names = ", ".join(other for other, entry in MODELS.items() if entry.replicates)
        raise InputError(f"`model` must be one of {names}. Received: model={name}")


def check_batch(strategy: tf.distribute.Strategy, batch_size: int) -> None:
    """Raises `InputError` for a batch that the replicas cannot share evenly."""
    count = strategy.num_replicas_in_sync
    if batch_size % count:
        raise InputError(f"a batch of {batch_size} cannot be shared evenly by {count} replicas")


def check_agreement(strategy: tf.distribute.Strategy, facts: Any) -> None:
    """Raises `InputError` if another worker has `facts` of another `repr`."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return
    digest = hashlib.sha256(repr(facts).encode()).digest()[:7]
    number = tf.constant([int.from_bytes(digest, "big")], tf.int64)

    @tf.function
    def gather():
        return strategy.run(lambda: tf.distribute.get_replica_context().all_gather(number, axis=0))

    numbers = strategy.experimental_local_results(gather())[0]
    if len(set(numbers.numpy().tolist())) > 1:
        raise InputError(
            "the workers have different options, data or checkpoints; all of them need the same "
            "command, and folders that all see"
        )


def distribute(batches: tf.data.Dataset, model: GenerativeModel) -> Any:
    """Gives every replica that trains a model its share of every batch, as `fit` takes it.

    Args:
        batches: Whole batches of `(images, labels)`, the same in all processes.
        model: Was made in the scope of a strategy, or in none.
    """
    strategy = model.distribute_strategy
    replicas, parts = strategy.num_replicas_in_sync, model.batches_per_step
    if replicas == 1:
        return batches

    def shares_of_process(context):
        """A stream that holds, batch by batch, the shares of this process's replicas in order."""
        count = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * count

        def shares(tensor):
            # A train step makes several equal parts of a batch; the replicas share every part.
            size = tensor.shape[0] // (parts * replicas)
            tensor = tf.reshape(tensor, (parts, replicas, size, *tensor.shape[1:]))
            tensor = tf.stack(tf.unstack(tensor, axis=1)[first : first + count])
            return tf.reshape(tensor, (count, parts * size, *tensor.shape[3:]))

        return batches.map(lambda *batch: tuple(map(shares, batch))).unbatch()

    return strategy.distribute_datasets_from_function(shares_of_process)


def strategy(name: str) -> tf.distribute.Strategy:
    """Makes a strategy; must be called before TensorFlow computes anything.

    Args:
        name: `"none"` for TensorFlow's own; `"mirrored"` for one of all devices of this process;
            `"multi-worker"` for one of the processes that `TF_CONFIG` has to list.
    """
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if name == "multi-worker":
        _check_cluster()
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


@contextlib.contextmanager
def reporting_lost_workers(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Raises `TrainingFailed` instead of what TensorFlow raises when another worker is gone."""
    try:
        yield
    except tf.errors.OpError as error:
        kind, text = type(error).__name__, str(error).lower()
        is_lost = kind in LOST_WORKER and (kind != "InternalError" or "collective" in text)
        if is_lost and isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            raise TrainingFailed(
                "another worker of this training is gone; the same commands on all workers resume "
                "it from the last checkpoint"
            ) from error
        raise


def _check_cluster() -> None:
    try:
        config = json.loads(os.environ.get("TF_CONFIG") or "{}")
        workers, task = config["cluster"]["worker"], config["task"]
        fits = set(config["cluster"]) == {"worker"} and task["type"] == "worker"
        fits = fits and isinstance(workers, list) and all(isinstance(w, str) for w in workers)
        if fits and task["index"] in range(len(workers)):
            return
    except (ValueError, KeyError, TypeError):
        pass
    raise InputError(
        "TF_CONFIG must be JSON that lists the workers and says which this one is, as "
        '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, "task": '
        '{"type": "worker", "index": 0}}'
    )
