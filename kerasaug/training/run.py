"""Training a generative model into a folder, from where it last stopped."""

import dataclasses
import signal
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from kerasaug import plots
from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError
from kerasaug.files import locked
from kerasaug.models.encoding import EncodingModel
from kerasaug.models.generative import GenerativeModel
from kerasaug.progress import Progress, bar_where_seen
from kerasaug.quality.evaluator import Evaluator
from kerasaug.runtime import choose_precision, make_reproducible
from kerasaug.saved.folder import ModelFolder, write_classes
from kerasaug.saved.savedmodel import ExportedGenerator
from kerasaug.training import checkpoints, distribution, fit, latent_map, provenance
from kerasaug.training.callbacks import History, SampleGrid, StopOnInterrupt, read_history
from kerasaug.training.config import GeneratorConfig
from kerasaug.training.health import StopOnNonFinite, WarnOfTrouble

HISTORY_ROWS = 50
SAMPLE_GRIDS = 10


def train_generator(
    config: GeneratorConfig,
    dataset: ImageDataset,
    output: str | Path,
    *,
    fresh: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    evaluator: Evaluator | None = None,
    progress: Progress | None = None,
    strategy: tf.distribute.Strategy | None = None,
) -> ModelFolder:
    """Trains a generative model and writes its folder.

    A training that was stopped is resumed from its last checkpoint, with the same random numbers
    and the same images as if it had not been. For that Keras' session is cleared, all random
    numbers are seeded, and deterministic operations and the dtype policy are set, for the process.

    Args:
        config: What to train and how.
        dataset: The data, reduced as `config.keep` says.
        output: The folder; see `saved_models/README.md` for what it will hold.
        fresh: Whether to begin anew where a training stands already.
        callbacks: Further Keras callbacks, such as that of `Progress.callback`.
        evaluator: Measures the images, for `fidelity` in `run.json`; None to leave that out.
        progress: Is told when the training is resumed, when it goes wrong (see `WarnOfTrouble`),
            and when Ctrl-C is pressed; None for a `ProgressBar`, which shows every step too, in a
            terminal or a notebook, and for nothing elsewhere.
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
    sizes = [] if fresh else checkpoints.sizes(folder)
    distribution.check_agreement(strategy, (config, dataset.fingerprint, fresh, sizes))
    with bar_where_seen(progress, lambda: config.steps) as shown:
        if progress is None:
            callbacks = [*callbacks, shown.callback(config.model)]
        training = _Training(config, dataset, folder, fresh, tuple(callbacks), shown, strategy)
        if distribution.is_chief(strategy):
            with locked(folder.path):
                training.lead(evaluator)
        else:
            training.follow()
    return folder


@dataclasses.dataclass(frozen=True)
class _Training:
    """One training in this process, as the one that writes the folder or as another worker."""

    config: GeneratorConfig
    dataset: ImageDataset
    folder: ModelFolder
    fresh: bool
    callbacks: tuple[keras.callbacks.Callback, ...]
    progress: Progress
    strategy: tf.distribute.Strategy

    def lead(self, evaluator: Evaluator | None) -> None:
        """Trains, exports and measures, and writes all there is to write."""
        class_id = fit.learned_class(self.config.model, self.dataset)
        # Once more, since another run may have been in the folder until now.
        check_folder(self.folder, self.config, self.dataset, self.fresh)
        model = self._model()
        run = self._describe(model, class_id)
        if self.fresh:
            checkpoints.remove(self.folder)
            self.folder.clear()
        self.folder.write_run(run)
        dataset = self.dataset.cache()
        self._fit(model, dataset, run)
        self._export(model, class_id)
        if isinstance(model, EncodingModel):
            latent_map.write(model, dataset, self.folder.latent)
        if evaluator is not None:
            classes = range(dataset.num_classes) if class_id is None else [class_id]
            generator = ExportedGenerator(self.folder.generator)
            run = {**run, "fidelity": evaluator.measure(generator, dataset, classes)}
        self.folder.write_run({**run, "status": "finished"})
        checkpoints.remove(self.folder)

    def follow(self) -> None:
        """Takes the same steps as the process that leads, and writes nothing."""
        callbacks = [
            StopOnNonFinite(self.folder.checkpoints[0]),
            History(None, self.config.steps, HISTORY_ROWS),
            *self.callbacks,
        ]
        # A terminal's Ctrl-C reaches all of its processes: the chief saves, then this one ends.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            fit.fit(self._model(), self.config, self.dataset.cache(), callbacks)
        finally:
            signal.signal(signal.SIGINT, handler)

    def _model(self) -> GenerativeModel:
        """The model, from a checkpoint or new."""
        keras.config.set_dtype_policy(self.config.precision)
        make_reproducible(self.config.seed)
        with distribution.reporting_lost_workers(self.strategy), self.strategy.scope():
            model = None
            if not self.fresh:
                model = checkpoints.load_newest(
                    self.config.model,
                    self.folder,
                    self.dataset.image_shape,
                    self.progress,
                    rename=distribution.is_chief(self.strategy),
                )
            return model or fit.new_model(self.config, self.dataset)

    def _describe(self, model, class_id):
        """What `run.json` says before the training has ended."""
        resumed = (self.folder.read_run() or {}) if model.steps_taken else {}
        return {
            "status": "training",
            "config": dataclasses.asdict(self.config),
            "warnings": resumed.get("warnings", {}),
            "makes": "any class" if class_id is None else self.dataset.class_names[class_id],
            "latent_dim": model.latent_dim,
            "dataset": provenance.describe(self.dataset),
            "versions": provenance.versions(),
            "git_commit": provenance.git_commit(),
            "fidelity": None,
        }

    def _fit(self, model, dataset, run):
        def warn(text):
            self.progress.report(f"Warning: {text}")
            self.folder.write_run(run)

        steps, folder = self.config.steps, self.folder
        trouble = WarnOfTrouble(run["warnings"], warn)
        checkpoint = checkpoints.Checkpoint(folder, steps)
        callbacks = [
            StopOnNonFinite(folder.checkpoints[0]),
            trouble,
            History(folder.history, steps, HISTORY_ROWS),
            SampleGrid(folder.samples, steps, SAMPLE_GRIDS, trouble.check_images),
            checkpoint,
            *self.callbacks,
        ]
        with StopOnInterrupt(checkpoint, self.progress) as stop:
            fit.fit(model, self.config, dataset, [*callbacks, stop])

    def _export(self, model, class_id):
        rows = read_history(self.folder.history)
        curves = {name: [row[name] for row in rows] for name in rows[0]}
        title = f"{self.config.model} on {self.config.dataset}"
        plots.save_figure(plots.losses(curves, title), self.folder.losses)
        checkpoints.keep_as_model(self.folder)
        model.export(self.folder.generator)
        makes = None if class_id is None else self.dataset.class_names[class_id]
        write_classes(self.folder.generator, self.dataset.class_names, makes)


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
    earlier = None if run is None or fresh else run["config"].get("precision")
    precision = choose_precision(config.precision, earlier)
    config = dataclasses.replace(config, precision=precision)
    if run is None or fresh:
        return config
    if run["status"] == "finished":
        raise InputError(
            f"{folder.path} holds a finished training; `fresh` trains it anew, or give another "
            "`output`"
        )
    begun = {**run["config"], "data": run["dataset"]["fingerprint"]}
    for name, value in {**dataclasses.asdict(config), "data": dataset.fingerprint}.items():
        if begun.get(name) != value:
            raise InputError(
                f"{folder.path} holds a half-finished training with {name}={begun.get(name)}, "
                f"not {value}; the same options resume it, and `fresh` begins anew"
            )
    return config
