"""The pieces of work that a study consists of: what each needs, and what it leaves on disk.

A piece is a pure function of the study's configuration, so it may run in any process and on any
machine that sees the study's folder, and one that is finished is never run again.
"""

import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras

from kerasaug import provenance
from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError, TrainingFailed
from kerasaug.files import atomic, read_json, write_json
from kerasaug.study import arms, stand_ins, trial
from kerasaug.study.arms import Arm
from kerasaug.study.choices import Choices
from kerasaug.study.config import Follower, StudyConfig
from kerasaug.study.generators import LATENT_MAP, MAP_STEP_COST, STEP_COST, Generators
from kerasaug.study.supply import Supply

CANDIDATE, GENERATOR, TEACHER, TRIAL = "candidate", "generator", "teacher", "trial"
MOST_POOLED = 5000
HELD_OUT = 0.2
"""Share of every class that is held out of the training images to choose by."""
FORMAT = 4
"""Of the files that tasks leave; those of an earlier one are not read."""


class Task(NamedTuple):
    """One piece of work.

    Attributes:
        kind: Which kind.
        name: Of the arm or of the model.
        seed: Number of the repetition.
    """

    kind: str
    name: str
    seed: int = 0

    def __str__(self) -> str:
        """The task in words."""
        words = {
            CANDIDATE: f"trying {self.name}",
            GENERATOR: f"training {self.name}",
            TEACHER: f"training the teacher {self.name}",
            TRIAL: self.name,
        }
        return f"{words[self.kind]}, seed {self.seed}"


class Tasks:
    """The work of one study.

    Args:
        config: The study.
        dataset: The whole data set.
        output: The study's folder.

    Raises:
        InputError: If the generator that `config` names does not fit.
    """

    def __init__(self, config: StudyConfig, dataset: ImageDataset, output: Path):
        self.config = config
        self.output = output
        self.generators = Generators(config, dataset, output / "generators")
        # Of data too large to be held as a whole, those of a repetition are read once.
        self._cached = functools.lru_cache(1)(lambda seed: self.generators.reduced(seed).cache())
        self._full = functools.lru_cache(1)(lambda seed: self.generators.full(seed).cache())
        self.choices = Choices(config.parsed_arms, lambda name: self._read(Task(CANDIDATE, name)))

    def stages(self) -> Iterator[list[Task]]:
        """What is left to do, in groups; each needs those before it, and nothing of its own."""
        yield self._missing(Task(CANDIDATE, name) for name in self.choices.for_augmentation())
        yield self._missing(Task(CANDIDATE, name) for name in self.choices.for_strength())
        trials = self._missing(
            dict.fromkeys(
                Task(TRIAL, str(self.choices.training_of(arm)), seed)
                for seed in range(self.config.seeds)
                for arm in self.config.parsed_arms
            )
        )
        missing = [(arms.parse(each.name), each.seed) for each in trials]
        needed = [Task(GENERATOR, arm.model, seed) for arm, seed in missing if arm.model]
        needed += [Task(TEACHER, _teacher(arm), seed) for arm, seed in missing if arm.filters]
        needed += [Task(GENERATOR, LATENT_MAP)] * self.config.latent_map
        yield self._missing(dict.fromkeys(needed))
        yield trials

    def cost(self, task: Task) -> float:
        """About how long a task takes, in steps of a classifier.

        Args:
            task: Any.
        """
        if task.kind != GENERATOR:
            return float(self.config.steps)
        return self.config.generator.steps * (
            MAP_STEP_COST if task.name == LATENT_MAP else STEP_COST
        )

    def done(self, task: Task) -> bool:
        """Whether a task was finished with the same options, data and versions.

        Args:
            task: Any.
        """
        if task.kind == GENERATOR:
            return self.generators.ready(task.name, task.seed)
        if task.kind == TEACHER and not self._network(task).exists():
            return False
        return self._read(task) is not None

    def perform(self, task: Task, follower: Follower) -> None:
        """Does a task, and writes what it leaves.

        Args:
            task: One of `stages`, after those of earlier stages.
            follower: Is told of the progress.
        """
        keras.config.set_dtype_policy(self.config.precision)
        self.generators.hold()
        perform = {
            CANDIDATE: self._try_candidate,
            GENERATOR: self._train_generator,
            TEACHER: self._train_teacher,
            TRIAL: self._run_trial,
        }
        perform[task.kind](task, follower)

    def describe(self, task: Task) -> str:
        """Says in a line what a finished task found.

        Args:
            task: A finished one.
        """
        if task.kind == CANDIDATE:
            f1 = max(self._read(task).values())
            return f"{task}: F1 {f1:.4f} of common classes made as rare"
        if task.kind != TRIAL:
            return f"{task}: done"
        found = self._read(task)
        scores = found["scores"][trial.UNADJUSTED]
        return (
            f"{task}: recall {scores['rare_recall']:.3f}, precision {scores['rare_precision']:.3f} "
            f"of the rare class, accuracy {scores['accuracy']:.4f} ({found['seconds']:.0f} s)"
        )

    def result(self, arm: Arm, seed: int) -> dict[str, Any] | None:
        """What a finished trial found; None if it was not finished.

        Args:
            arm: The arm.
            seed: Number of the repetition.
        """
        found = self._read(Task(TRIAL, str(self.choices.training_of(arm)), seed))
        strength = self.choices.strength(arm)
        if found is None or strength is None:
            return None
        scores = found.pop("scores")
        return {**scores[strength], **found, "arm": str(arm)}

    def _missing(self, tasks) -> list[Task]:
        return [task for task in tasks if not self.done(task)]

    def _train_generator(self, task, follower):
        self.generators.train(task.name, task.seed, self._cached(task.seed), follower)

    def _try_candidate(self, task, follower):
        held_out = self._cached(task.seed).hold_out(HELD_OUT)
        arm, callbacks = arms.parse(task.name), [follower.following(str(task))]
        f1 = stand_ins.mean_f1(arm, held_out, self.config.length, task.seed, callbacks)
        self._write(task, f1)

    def _train_teacher(self, task, follower):
        callbacks = [follower.following(str(task))]
        arm = self.choices.resolved(arms.parse(task.name))
        given = self._given(self._cached(task.seed), task)
        teacher, _, _ = trial.train(arm, given, self.config.length, task.seed, callbacks)
        with atomic(self._network(task)) as draft:
            teacher.save(draft)
        self._write(task, {"arm": str(arm)})

    def _run_trial(self, task, follower):
        arm = self.choices.resolved(arms.parse(task.name))
        dataset = self._cached(task.seed)
        supply = None if arm.model is None else self._supply(arm, dataset, task.seed)
        file = self._file(task)
        file.parent.mkdir(parents=True, exist_ok=True)
        found = trial.run_trial(
            arm,
            self._given(dataset, task, supply),
            self.config.length,
            seed=task.seed,
            csv_log=file.with_suffix(".csv"),
            callbacks=[follower.following(str(task))],
        )
        self._write(task, found)

    def _given(self, dataset, task, supply=None):
        full = functools.partial(self._full, task.seed)
        return trial.Ingredients(dataset, full, supply, self._share(arms.parse(task.name)))

    def _share(self, arm: Arm) -> float:
        own = arms.SHARES.get(arm.form, 0.0)
        return own if self.config.share is None else self.config.share

    def _supply(self, arm: Arm, dataset: ImageDataset, seed: int) -> Supply:
        if not self.generators.ready(arm.model, seed):
            raise TrainingFailed("its generator was not trained")
        teacher = Task(TEACHER, _teacher(arm), seed)
        if arm.filters and not self.done(teacher):
            raise TrainingFailed("its teacher was not trained")
        # As many images of a class as an arm with a form draws, so that few are repeated.
        drawn = self.config.steps * self.config.batch_size * self._share(arm)
        return Supply(
            dataset,
            self.generators.folder_of(arm.model, seed),
            functools.cache(lambda: keras.models.load_model(self._network(teacher))),
            min(MOST_POOLED, max(1, round(drawn / dataset.num_classes))),
            self.config.threshold,
            seed,
        )

    def _network(self, task: Task) -> Path:
        return self._file(task).with_suffix(".keras")

    def _file(self, task: Task) -> Path:
        name = arms.parse(task.name).file_name
        return self.output / f"{task.kind}s" / f"{name}-seed{task.seed}.json"

    def _read(self, task: Task) -> dict[str, Any] | None:
        try:
            kept = read_json(self._file(task))
        except (FileNotFoundError, InputError):
            return None
        return kept.get("result") if kept.get("key") == self._key(task) else None

    def _write(self, task: Task, result: dict[str, Any]) -> None:
        write_json(self._file(task), {"key": self._key(task), "result": result})

    def _key(self, task: Task) -> str:
        """Tells a result from that of other options, data or versions."""
        facts = [
            FORMAT,
            self.base_config,
            task,
            self.generators.fingerprint(task.seed),
            provenance.versions(),
        ]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    @functools.cached_property
    def base_config(self) -> dict[str, Any]:
        """What must agree for trials to be comparable: all but the choice of arms and seeds."""
        given = self.generators.given
        config = {
            **self.config.as_dict(),
            "generator_digest": None if given is None else given.digest(),
        }
        # Of a given generator its content counts, not its place.
        free = ("arms", "seeds", "generator_folder")
        return {name: config[name] for name in config if name not in free}


def _teacher(arm: Arm) -> str:
    """The control that confirms an arm's generated images: balanced, with its augmentation."""
    return str(Arm("balanced", modifiers=(arm.augmentation,) if arm.augmentation else ()))
