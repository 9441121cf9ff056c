"""The tasks of a study: in which order they are done, and what each does.

A task is a pure function of the study's configuration, so it may run in any process and on any
machine that sees the study's folder, and a finished one is never run again.
"""

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import keras

from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError, TrainingFailed
from kerasaug.files import atomic
from kerasaug.progress import Progress
from kerasaug.study import classifiers, ranking, selection, trial
from kerasaug.study.arms import FULL_DATA, SHARES, Arm
from kerasaug.study.config import SMALL_CNN, StudyConfig
from kerasaug.study.generators import LATENT_MAP, Generators, check_trained
from kerasaug.study.protocol import Protocol, Split
from kerasaug.study.results import Repetition
from kerasaug.study.scores import Predictions
from kerasaug.study.synthesis import Synthesizer
from kerasaug.study.task import GENERATOR, LABEL_FILTER, PROXY, TRIAL, Task
from kerasaug.study.task_files import TaskFiles

LARGEST_POOL = 2500
"""Synthetic images of a class; with twice as many, a classifier ranks no better."""
FILTER_BATCH = 256
"""Images per step of a label filter, at least, where the study's classifier may take fewer."""
FORM_COST = 1.4
"""Of a trial with synthetic images of every class, in trials without them."""


class Tasks:
    """The tasks of one study, for its whole data set and its output folder."""

    def __init__(self, config: StudyConfig, dataset: ImageDataset, output: Path):
        self.config = config
        self.output = output
        trained_folder = check_trained(config, dataset)
        seed = None if trained_folder is None else trained_folder.read_run()["config"]["seed"]
        self.protocol = Protocol(config, dataset, seed)
        self.generators = Generators(config, self.protocol, output / "generators", trained_folder)
        self.files = TaskFiles(output, self._facts)
        # Where the whole data do not fit into memory, those of a split are read once.
        self._reduced = functools.lru_cache(1)(lambda split: self.protocol.reduced(split).cache())
        self.selection = selection.Selection(
            config.arms,
            lambda arm, split: self.files.read(Task(PROXY, arm, self.protocol.choosing(split))),
        )

    def stages(self) -> Iterator[list[Task]]:
        """What is left to do, in groups whose tasks need only those of earlier groups.

        The longest tasks of a group come first, so that no process waits for one at its end.
        """
        trials = self._missing(self._trials())
        generators = [Task(GENERATOR, t.subject.model, t.split) for t in trials if t.subject.model]
        if self.config.latent_map:
            generators.append(Task(GENERATOR, LATENT_MAP, self.protocol.splits[0]))
        candidates = [
            Task(PROXY, arm, split)
            for split in self._choosing()
            for arm in self.selection.candidates()
        ]
        first = self._missing([*generators, *candidates, *self._proxies()])
        yield first
        trials = self._missing(self._trials())
        filters = [
            Task(LABEL_FILTER, _filter_arm(task.subject), task.split)
            for task in trials
            if task.subject.filters_labels
        ]
        # What has failed is not tried a second time.
        tried = set(first)
        yield [task for task in self._missing([*self._proxies(), *filters]) if task not in tried]
        yield trials

    def _choosing(self) -> list[Split]:
        return list(dict.fromkeys(map(self.protocol.choosing, self.protocol.splits)))

    def _proxies(self) -> list[Task]:
        """The trainings on proxy classes for tau and thresholds, as far as they are known yet."""
        return [
            Task(PROXY, arm, split)
            for split in self._choosing()
            for arm in self.selection.proxy_arms(split)
        ]

    def cost(self, task: Task) -> float:
        """About how long a task takes, in training steps of a classifier."""
        if task.kind == PROXY:
            return self.config.steps * selection.LENGTH
        if task.kind == GENERATOR:
            return self.generators.cost(task.subject, task.split)
        return self.config.steps * (FORM_COST if task.subject.form else 1.0)

    def is_done(self, task: Task) -> bool:
        """Whether a task was finished with the same options, data and versions."""
        if task.kind == GENERATOR:
            return self.generators.is_ready(task.subject, task.split)
        if task.kind == LABEL_FILTER and not self.files.network(task).exists():
            return False
        if task.kind == TRIAL and self.files.read_predictions(task) is None:
            return False
        return self.files.read(task) is not None

    def perform(self, task: Task, progress: Progress) -> None:
        """Does a task, and writes its result."""
        classifier = self.config.classifier
        if classifiers.digest(classifier) != self.base_config["classifier_digest"]:
            raise InputError(f"`classifier` {classifier} was changed since the study began")
        keras.config.set_dtype_policy(self.config.precision)
        self.protocol.load_into_memory()
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
            return f"{task}: average precision {self.files.read(task)['average_precision']:.4f}"
        if task.kind != TRIAL:
            return f"{task}: done"
        predictions = Predictions.load(self.files.predictions(task))
        tested = set(predictions.labels.tolist()) & set(self.protocol.rare_classes)
        words = (
            f"test accuracy {(predictions.logits.argmax(axis=1) == predictions.labels).mean():.4f}"
        )
        if tested:
            value = ranking.average_precision([[predictions]], sorted(tested)).mean
            words = f"average precision {value:.3f} of the rare class, {words}"
        return f"{task}: {words} ({self.files.read(task)['seconds']:.0f} s)"

    def trial(self, arm: Arm, split: Split) -> tuple[dict[str, Any], Predictions] | None:
        """The result of a finished trial, and its predictions; None if it was not finished.

        What `run_trial` returned, with `thresholds`, see `Selection.thresholds`, and predictions
        with the arm's adjusted logits.
        """
        task = Task(TRIAL, self.selection.trained_arm(arm, split), split)
        thresholds, tau = self.selection.thresholds(arm, split), self.selection.tau(arm, split)
        result, predictions = self.files.read(task), self.files.read_predictions(task)
        if tau is None or result is None or predictions is None:
            return None
        counts = result.pop("class_counts")
        fold = {} if split.fold is None else {"fold": split.fold}
        result = {
            "seed": split.repetition,
            **fold,
            "trained": str(task.subject),
            "tau": float(tau),
            "thresholds": thresholds,
            **result,
        }
        return result, predictions.adjusted(counts, float(tau))

    def repetitions(self) -> dict[str, list[Repetition]]:
        """By arm, its complete repetitions; without arms that have none."""
        arms: dict[str, list[Repetition]] = {}
        for arm in self.config.arms:
            for number in range(self.config.seeds):
                splits = [s for s in self.protocol.splits if s.repetition == number]
                trials = [self.trial(arm, split) for split in splits]
                finished = [trial for trial in trials if trial is not None]
                if len(finished) == len(splits):
                    trainings, folds = (list(part) for part in zip(*finished, strict=True))
                    own = arms.setdefault(str(arm), [])
                    own.append(Repetition(number, trainings, folds))
        return arms

    def count_finished(self) -> int:
        """How many trials, of all arms, are finished."""
        return sum(map(self.is_done, self._trials()))

    def _trials(self) -> dict[Task, None]:
        """The trials of all arms, each once."""
        return dict.fromkeys(
            Task(TRIAL, self.selection.trained_arm(arm, split), split)
            for split in self.protocol.splits
            for arm in self.config.arms
        )

    def _missing(self, tasks: Iterable[Task]) -> list[Task]:
        missing = [task for task in dict.fromkeys(tasks) if not self.is_done(task)]
        return sorted(missing, key=self.cost, reverse=True)

    def _train_generator(self, task, progress):
        self.generators.train(task.subject, task.split, self._reduced(task.split), progress)

    def _train_on_proxies(self, task, progress):
        callbacks = [progress.callback(str(task))]
        dataset, recipe = self._reduced(task.split), self.config.recipe
        result = selection.proxy_scores(task.subject, dataset, recipe, task.split.seed, callbacks)
        self.files.write(task, result)

    def _train_label_filter(self, task, progress):
        callbacks = [progress.callback(str(task))]
        arm = self.selection.resolve(task.subject, task.split)
        inputs = trial.TrialInputs(self._reduced(task.split))
        # Any process can load the built-in classifier, which confirms labels well enough.
        recipe = self.config.recipe
        if recipe.classifier != SMALL_CNN:
            size = max(recipe.batch_size, FILTER_BATCH)
            recipe = recipe._replace(classifier=SMALL_CNN, batch_size=size)
        (network,), _, _ = trial.train(arm, inputs, recipe, task.split.seed, callbacks)
        with atomic(self.files.network(task)) as draft:
            network.model.save(draft)
        self.files.write(task, {"arm": str(arm)})

    def _run_trial(self, task, progress):
        arm = self.selection.resolve(task.subject, task.split)
        dataset = self._reduced(task.split)
        synthesizer = None if arm.model is None else self.synthesizer(arm, dataset, task.split)
        full = self.protocol.full(task.split) if arm.mixture == FULL_DATA else None
        file = self.files.result(task)
        file.parent.mkdir(parents=True, exist_ok=True)
        result, predictions = trial.run_trial(
            arm,
            trial.TrialInputs(dataset, full, synthesizer),
            self.config.recipe,
            seed=task.split.seed,
            csv_log=file.with_suffix(".csv"),
            callbacks=[progress.callback(str(task), self.cost(task) / self.config.steps)],
        )
        predictions.save(self.files.predictions(task))
        self.files.write(task, result)

    def synthesizer(self, arm: Arm, dataset: ImageDataset, split: Split) -> Synthesizer:
        """Makes the synthetic images of an arm, by what was trained on a split."""
        if not self.generators.is_ready(arm.model, split):
            raise TrainingFailed("its generator was not trained")
        filter_task = Task(LABEL_FILTER, _filter_arm(arm), split)
        if arm.filters_labels and not self.is_done(filter_task):
            raise TrainingFailed("its label filter was not trained")
        # As many images of a class as an arm with a form draws, so that few are repeated.
        drawn = self.config.steps * self.config.batch_size * SHARES.get(arm.form, 0.0)
        return Synthesizer(
            dataset,
            self.generators.folder_of(arm.model, split),
            pool_size=min(LARGEST_POOL, max(1, round(drawn / dataset.num_classes))),
            seed=split.seed,
            label_filter=self.files.network(filter_task),
        )

    def _facts(self, split: Split) -> list[Any]:
        fingerprint = self.generators.fingerprint(split)
        return [self.base_config, fingerprint, self.protocol.rare_classes]

    @functools.cached_property
    def base_config(self) -> dict[str, Any]:
        """What must agree for trials to be comparable: all but the choice of arms and seeds."""
        folder = self.generators.trained_folder
        digest = None if folder is None else folder.digest()
        config = {
            **self.config.as_dict(),
            "classifier": Path(self.config.classifier).name,
            "classifier_digest": classifiers.digest(self.config.classifier),
            "generator_digest": digest,
        }
        # Of files their content counts, not their place.
        free = ("arms", "seeds", "generator_folder")
        return {name: config[name] for name in config if name not in free}


def _filter_arm(arm: Arm) -> Arm:
    """The control that confirms an arm's generated images: balanced, with its augmentation."""
    return Arm("balanced", modifiers=(arm.augmentation,) if arm.augmentation else ())
