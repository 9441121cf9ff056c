"""The tasks of a study: what each needs, and what it leaves on disk.

A task is a pure function of the study's configuration, so it may run in any process and on any
machine that sees the study's folder, and a finished one is never run again.
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras

from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError, TrainingFailed
from kerasaug.files import atomic, read_json, write_json
from kerasaug.progress import Progress
from kerasaug.study import selection, trial
from kerasaug.study.arms import SHARES, Arm, parse
from kerasaug.study.config import StudyConfig
from kerasaug.study.generators import LATENT_MAP, Generators
from kerasaug.study.synthesis import Synthesizer
from kerasaug.training import provenance
from kerasaug.training.config import MAP_STEP_COST, STEP_COST

PROXY, GENERATOR, LABEL_FILTER, TRIAL = "proxy", "generator", "label-filter", "trial"
FOLDERS = {PROXY: "proxies", LABEL_FILTER: "label-filters", TRIAL: "trials"}
"""Where results go, by kind of task; those of generators are folders of their own."""
LARGEST_POOL = 5000
HELD_OUT = 0.2
"""Share of every class that is held out of the training images to score proxy classes by."""
FORMAT = 5
"""Of the files that tasks leave; those of another format are not read."""


class Task(NamedTuple):
    """One task of a study.

    Attributes:
        kind: One of the kinds above.
        subject: The arm to train; of a generator, the name of the model.
        seed: Number of the repetition.
    """

    kind: str
    subject: Any
    seed: int = 0

    def __str__(self) -> str:
        """The task in words."""
        words = {
            PROXY: f"training {self.subject} on proxy classes",
            GENERATOR: f"training {self.subject}",
            LABEL_FILTER: f"training the label filter {self.subject}",
            TRIAL: str(self.subject),
        }
        return f"{words[self.kind]}, seed {self.seed}"

    def as_text(self) -> tuple[str, str, int]:
        """The fields as another process can be sent them."""
        return self.kind, str(self.subject), self.seed

    @classmethod
    def from_text(cls, kind: str, subject: str, seed: int) -> "Task":
        """Makes a task from what `as_text` returned."""
        return cls(kind, subject if kind == GENERATOR else parse(subject), seed)


class Tasks:
    """The tasks of one study, for its whole data set and its output folder."""

    def __init__(self, config: StudyConfig, dataset: ImageDataset, output: Path):
        self.config = config
        self.output = output
        self.generators = Generators(config, dataset, output / "generators")
        # Where the whole data do not fit into memory, those of a repetition are read once.
        self._reduced = functools.lru_cache(1)(lambda seed: self.generators.reduced(seed).cache())
        self.selection = selection.Selection(config.arms, lambda arm: self._read(Task(PROXY, arm)))

    def stages(self) -> Iterator[list[Task]]:
        """What is left to do, in groups whose tasks need only those of earlier groups."""
        yield self._missing(Task(PROXY, arm) for arm in self.selection.augmentation_candidates())
        yield self._missing(Task(PROXY, arm) for arm in self.selection.tau_candidates())
        trials = self._missing(
            dict.fromkeys(
                Task(TRIAL, self.selection.trained_arm(arm), seed)
                for seed in range(self.config.seeds)
                for arm in self.config.arms
            )
        )
        pairs = [(task.subject, task.seed) for task in trials]
        needed = [Task(GENERATOR, arm.model, seed) for arm, seed in pairs if arm.model]
        needed += [
            Task(LABEL_FILTER, _filter_arm(a), seed) for a, seed in pairs if a.filters_labels
        ]
        needed += [Task(GENERATOR, LATENT_MAP)] * self.config.latent_map
        yield self._missing(dict.fromkeys(needed))
        yield trials

    def cost(self, task: Task) -> float:
        """About how long a task takes, in training steps of a classifier."""
        if task.kind != GENERATOR:
            return float(self.config.steps)
        step_cost = MAP_STEP_COST if task.subject == LATENT_MAP else STEP_COST
        return self.config.generator.steps * step_cost

    def is_done(self, task: Task) -> bool:
        """Whether a task was finished with the same options, data and versions."""
        if task.kind == GENERATOR:
            return self.generators.is_ready(task.subject, task.seed)
        if task.kind == LABEL_FILTER and not self._network(task).exists():
            return False
        return self._read(task) is not None

    def perform(self, task: Task, progress: Progress) -> None:
        """Does a task, and writes its result."""
        keras.config.set_dtype_policy(self.config.precision)
        self.generators.load_into_memory()
        perform = {
            PROXY: self._train_on_proxies,
            GENERATOR: self._train_generator,
            LABEL_FILTER: self._train_label_filter,
            TRIAL: self._run_trial,
        }
        perform[task.kind](task, progress)

    def describe(self, task: Task) -> str:
        """Says in a line what came of a finished task."""
        if task.kind == PROXY:
            return f"{task}: F1 {max(self._read(task).values()):.4f}"
        if task.kind != TRIAL:
            return f"{task}: done"
        result = self._read(task)
        scores = result["scores"][trial.NO_ADJUSTMENT]
        return (
            f"{task}: recall {scores['rare_recall']:.3f}, precision {scores['rare_precision']:.3f} "
            f"of the rare class, accuracy {scores['accuracy']:.4f} ({result['seconds']:.0f} s)"
        )

    def result(self, arm: Arm, seed: int) -> dict[str, Any] | None:
        """The result of a finished trial; None if it was not finished."""
        result = self._read(Task(TRIAL, self.selection.trained_arm(arm), seed))
        tau = self.selection.tau(arm)
        if result is None or tau is None:
            return None
        scores = result.pop("scores")
        return {**scores[tau], **result, "arm": str(arm)}

    def _missing(self, tasks: Iterable[Task]) -> list[Task]:
        return [task for task in tasks if not self.is_done(task)]

    def _train_generator(self, task, progress):
        self.generators.train(task.subject, task.seed, self._reduced(task.seed), progress)

    def _train_on_proxies(self, task, progress):
        dataset = self._reduced(task.seed).hold_out(HELD_OUT)
        callbacks = [progress.callback(str(task))]
        length = self.config.length
        f1 = selection.proxy_f1(task.subject, dataset, length, task.seed, callbacks)
        self._write(task, f1)

    def _train_label_filter(self, task, progress):
        callbacks = [progress.callback(str(task))]
        arm = self.selection.resolve(task.subject)
        inputs = trial.TrialInputs(self._reduced(task.seed))
        network, _, _ = trial.train(arm, inputs, self.config.length, task.seed, callbacks)
        with atomic(self._network(task)) as draft:
            network.save(draft)
        self._write(task, {"arm": str(arm)})

    def _run_trial(self, task, progress):
        arm = self.selection.resolve(task.subject)
        dataset = self._reduced(task.seed)
        synthesizer = None if arm.model is None else self._synthesizer(arm, dataset, task.seed)
        file = self._file(task)
        file.parent.mkdir(parents=True, exist_ok=True)
        result = trial.run_trial(
            arm,
            trial.TrialInputs(dataset, self.generators.dataset, synthesizer),
            self.config.length,
            seed=task.seed,
            csv_log=file.with_suffix(".csv"),
            callbacks=[progress.callback(str(task))],
        )
        self._write(task, result)

    def _synthesizer(self, arm: Arm, dataset: ImageDataset, seed: int) -> Synthesizer:
        if not self.generators.is_ready(arm.model, seed):
            raise TrainingFailed("its generator was not trained")
        filter_task = Task(LABEL_FILTER, _filter_arm(arm), seed)
        if arm.filters_labels and not self.is_done(filter_task):
            raise TrainingFailed("its label filter was not trained")
        # As many images of a class as an arm with a form draws, so that few are repeated.
        drawn = self.config.steps * self.config.batch_size * SHARES.get(arm.form, 0.0)
        return Synthesizer(
            dataset,
            self.generators.folder_of(arm.model, seed),
            pool_size=min(LARGEST_POOL, max(1, round(drawn / dataset.num_classes))),
            seed=seed,
            label_filter=self._network(filter_task),
        )

    def _network(self, task: Task) -> Path:
        return self._file(task).with_suffix(".keras")

    def _file(self, task: Task) -> Path:
        name = f"{task.subject.file_name}-seed{task.seed}.json"
        return self.output / FOLDERS[task.kind] / name

    def _read(self, task: Task) -> dict[str, Any] | None:
        try:
            content = read_json(self._file(task))
        except (FileNotFoundError, InputError):
            return None
        return content.get("result") if content.get("key") == self._key(task) else None

    def _write(self, task: Task, result: dict[str, Any]) -> None:
        write_json(self._file(task), {"key": self._key(task), "result": result})

    def _key(self, task: Task) -> str:
        """Tells a result from that of other options, data or versions."""
        facts = [
            FORMAT,
            self.base_config,
            task.as_text(),
            self.generators.fingerprint(task.seed),
            provenance.versions(),
        ]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    @functools.cached_property
    def base_config(self) -> dict[str, Any]:
        """What must agree for trials to be comparable: all but the choice of arms and seeds."""
        folder = self.generators.trained_folder
        digest = None if folder is None else folder.digest()
        config = {**self.config.as_dict(), "generator_digest": digest}
        # Of a trained generator its content counts, not its place.
        free = ("arms", "seeds", "generator_folder")
        return {name: config[name] for name in config if name not in free}


def _filter_arm(arm: Arm) -> Arm:
    """The control that confirms an arm's generated images: balanced, with its augmentation."""
    return Arm("balanced", modifiers=(arm.augmentation,) if arm.augmentation else ())
