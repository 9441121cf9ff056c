"""Training a generative model into a folder, from where it last stopped."""

import dataclasses
import functools
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasaug import callbacks as ours
from kerasaug import (
    checkpoints,
    distribution,
    fitting,
    health,
    latent_map,
    plots,
    precision,
    provenance,
)
from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError
from kerasaug.exported import ExportedGenerator
from kerasaug.files import atomic, link, locked
from kerasaug.fitting import GeneratorConfig
from kerasaug.model_folder import ModelFolder
from kerasaug.models.encoding import EncodingModel
from kerasaug.models.generative import GenerativeModel
from kerasaug.reproducibility import make_reproducible

HISTORY_ROWS = 50
CHECKPOINTS, MOST_UNSAVED = 10, 500
"""A kill costs at most a tenth of a training, or 500 steps, and Ctrl-C nothing: it saves."""
SAMPLE_GRIDS = 10

Measure = Callable[[Callable[[int, int], np.ndarray], ImageDataset, Sequence[int]], dict[str, Any]]
"""What `Judge.measure` does: takes a generator, the data in memory, and the classes it makes."""


def train_generator(
    config: GeneratorConfig,
    dataset: ImageDataset,
    output: str | Path,
    *,
    fresh: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    measure: Measure | None = None,
    tell: Callable[[str], None] = lambda line: None,
    strategy: tf.distribute.Strategy | None = None,
) -> ModelFolder:
    """Trains a generative model and writes its folder.

    A training that was stopped goes on from its last checkpoint, with the same random numbers and
    the same images as if it had not been. For that Keras' session is cleared, all random numbers
    are seeded and deterministic operations chosen, and the dtype policy is set, for the process.

    Args:
        config: What to train and how.
        dataset: The data, reduced as `config.keep` says.
        output: The folder; see `saved_models/README.md` for what it will hold.
        fresh: Whether to begin anew where a training stands already.
        callbacks: Further Keras callbacks, for progress.
        measure: Says how good the images are, for `fidelity` in `run.json`.
        tell: Is given a line when the training goes on from a checkpoint, or one is damaged, if it
            goes wrong (see `health.WarnOfTrouble`), and when Ctrl-C is pressed.
        strategy: Of `distribution.strategy`, to train on several devices or in several processes,
            of which only the chief writes the folder, which all have to see.

    Returns:
        The folder.

    Raises:
        InputError: If the folder holds something that may not be written over, another run is in
            it, or the model does not fit the data.
        TrainingFailed: If a loss or its gradient stops being a finite number, or another worker of
            the strategy is gone.
    """
    folder = ModelFolder(output)
    config = check_folder(folder, config, dataset, fresh)
    strategy = strategy or tf.distribute.get_strategy()
    if strategy.num_replicas_in_sync > 1:
        distribution.check_model(config.model)
    distribution.check_batch(strategy, config.batch_size)
    held = [each.stat().st_size for each in folder.checkpoints if each.exists() and not fresh]
    distribution.check_agreement(strategy, (config, dataset.fingerprint, fresh, held))
    if not distribution.is_chief(strategy):
        _follow(config, dataset, folder, fresh, callbacks, tell, strategy)
        return folder
    with locked(folder.path):
        _train(config, dataset, folder, fresh, callbacks, measure, tell, strategy)
    return folder


def _follow(config, dataset, folder, fresh, callbacks, tell, strategy):
    """Takes the same steps as the chief, and writes nothing."""
    model = _ready(config, dataset, folder, fresh, strategy, tell)
    kept = [
        health.StopOnNonFinite(folder.checkpoint),
        ours.History(None, config.steps, HISTORY_ROWS),
    ]
    # A terminal's Ctrl-C reaches all of its processes: the chief saves, then this one ends.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        fitting.fit(model, config, dataset.cache(), [*kept, *callbacks])
    finally:
        signal.signal(signal.SIGINT, before)


def _ready(config, dataset, folder, fresh, strategy, tell):
    """The model, as a checkpoint has it or new."""
    keras.config.set_dtype_policy(config.precision)
    make_reproducible(config.seed)
    with distribution.reporting_lost_workers(strategy), strategy.scope():
        rename = distribution.is_chief(strategy)
        model = None if fresh else checkpoints.newest(config.model, folder, dataset, tell, rename)
        return fitting.new_model(config, dataset) if model is None else model


def _train(config, dataset, folder, fresh, callbacks, measure, tell, strategy):
    class_id = fitting.learned_class(config.model, dataset)
    # Once more, since another run may have been in it until now.
    config = check_folder(folder, config, dataset, fresh)
    model = _ready(config, dataset, folder, fresh, strategy, tell)
    run = {
        "status": "training",
        "config": dataclasses.asdict(config),
        "warnings": {} if model.steps_taken == 0 else (folder.read_run() or {}).get("warnings", {}),
        "makes": "any class" if class_id is None else dataset.class_names[class_id],
        "latent_dim": model.latent_dim,
        "dataset": provenance.describe(dataset),
        "versions": provenance.versions(),
        "git_commit": provenance.git_commit(),
    }
    if fresh:
        folder.clear()
    folder.write_run(run)
    dataset = dataset.cache()

    def warn(text):
        tell(f"Warning: {text}")
        folder.write_run(run)

    trouble = health.WarnOfTrouble(run["warnings"], warn)
    saves = max(CHECKPOINTS, -(-config.steps // MOST_UNSAVED))
    checkpoint = ours.Checkpoint(*folder.checkpoints, config.steps, saves)
    kept = [
        health.StopOnNonFinite(folder.checkpoint),
        trouble,
        ours.History(folder.history, config.steps, HISTORY_ROWS),
        ours.SampleGrid(folder.samples, config.steps, SAMPLE_GRIDS, trouble.look_at),
        checkpoint,
    ]
    with ours.StopOnInterrupt(checkpoint, tell) as stop:
        fitting.fit(model, config, dataset, [*kept, *callbacks, stop])
    _finish(model, folder, f"{config.model} on {config.dataset}")
    if isinstance(model, EncodingModel):
        latent_map.write(model, dataset, folder.latent)
    fidelity = None
    if measure is not None:
        classes = range(dataset.num_classes) if class_id is None else [class_id]
        draw = functools.partial(ExportedGenerator(folder.generator).generate, seed=0)
        fidelity = measure(draw, dataset, classes)
    folder.write_run({**run, "status": "finished", "fidelity": fidelity})
    for path in folder.checkpoints:
        path.unlink(missing_ok=True)


def check_folder(
    folder: ModelFolder, config: GeneratorConfig, dataset: ImageDataset, fresh: bool
) -> GeneratorConfig:
    """Refuses a folder that must not be written to.

    Args:
        folder: Where the training is to go.
        config: The training.
        dataset: The data, reduced.
        fresh: Whether an earlier training may be replaced.

    Returns:
        The configuration, with a precision.

    Raises:
        InputError: If the folder holds a finished training, one of another configuration or on
            other data, or something else.
    """
    run = folder.read_run()
    begun_with = None if run is None or fresh else run["config"].get("precision")
    chosen = precision.chosen(config.precision, begun_with)
    config = dataclasses.replace(config, precision=chosen)
    if run is None or fresh:
        return config
    if run["status"] == "finished":
        raise InputError(
            f"{folder.path} holds a finished training; use --fresh to train it anew, "
            "or another --output"
        )
    begun = {**run["config"], "data": run["dataset"].get("fingerprint")}
    for name, value in {**dataclasses.asdict(config), "data": dataset.fingerprint}.items():
        if begun.get(name) != value:
            raise InputError(
                f"{folder.path} holds a half-finished training with {name}={begun.get(name)}, "
                f"not {value}; use the same options to go on, or --fresh to begin anew"
            )
    return config


def _finish(model: GenerativeModel, folder: ModelFolder, title: str) -> None:
    rows = ours.read_history(folder.history)
    curves = {name: [row[name] for row in rows] for name in rows[0]}
    plots.save_figure(plots.losses(curves, title), folder.losses)
    with atomic(folder.model) as draft:
        link(folder.checkpoint, draft)
    model.export(folder.generator)
