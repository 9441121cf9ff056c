"""All trials of a study: those already done are read, the others run; then the results."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from kerasaug import plots, training
from kerasaug.data.dataset import ImageDataset, collect
from kerasaug.errors import InputError
from kerasaug.files import write_json
from kerasaug.model_folder import ModelFolder
from kerasaug.presets import GeneratorPreset
from kerasaug.study import report, results
from kerasaug.study.arms import Arm, parse
from kerasaug.study.trial import run_trial

SCHEMA = 1
CLASSIFIER_WIDTH = 32
GENERATOR_STEP_COST = 2.5
PICTURED = 36


class Follower(Protocol):
    """What a study tells of its progress to."""

    def advance(self, units: float) -> None:
        """Counts units of work as done."""

    def say(self, line: str) -> None:
        """Shows a line."""

    def following(self, description: str, units_per_step: float = 1.0) -> keras.callbacks.Callback:
        """Makes a callback that follows a training."""


@dataclasses.dataclass(frozen=True)
class StudyConfig:
    """Everything that a study is a function of, beside the data set's content.

    Attributes:
        dataset: What `data.load` takes.
        keep: Class to what is kept of it, as `ImageDataset.reduce` takes it; empty for all.
        arms: The arms, as they are written.
        seeds: Number of repetitions; each has its own split, generator and classifier.
        steps: Steps of each classifier.
        batch_size: Images per step.
        epochs: Points on the learning curves.
        generator: How generators are trained.
        generator_folder: A trained generator that is used instead, or None. All repetitions then
            share the split that it was trained on.
        precision: The Keras dtype policy.
    """

    dataset: str
    keep: dict[str, int | float]
    arms: tuple[str, ...]
    seeds: int
    steps: int
    batch_size: int
    epochs: int
    generator: GeneratorPreset
    generator_folder: str | None
    precision: str

    @property
    def parsed_arms(self) -> list[Arm]:
        """The arms."""
        return [parse(text) for text in self.arms]

    @property
    def models(self) -> list[str]:
        """The generative models that the arms need."""
        return sorted({arm.model for arm in self.parsed_arms if arm.model is not None})

    def units(self) -> float:
        """The work in units of one classifier step, roughly, for a progress bar."""
        generators = 0 if self.generator_folder else len(self.models) * self.generator.steps
        per_seed = len(self.arms) * self.steps + generators * GENERATOR_STEP_COST
        return self.seeds * per_seed


class Study:
    """A comparison of arms on one data set, in one output folder.

    Args:
        config: What to compare and how.
        dataset: The whole data set; each repetition reduces it with its own seed.
        output: The folder to fill.

    Raises:
        InputError: If the generator folder does not fit, or the output folder holds another study
            or something else.
    """

    def __init__(self, config: StudyConfig, dataset: ImageDataset, output: str | Path):
        self.config = config
        self.dataset = dataset
        self.output = Path(output)
        self.run_file = self.output / "run.json"
        self.given_generator = self._check_generator()
        for model in config.models:
            training.learned_class(model, self._reduced(0))
        self._check_output()

    def run(self, follower: Follower) -> dict[str, Any]:
        """Runs what is missing, and writes `results.json`, the figures and `report.html`.

        Args:
            follower: Is told of the progress.

        Returns:
            The content of `results.json`.
        """
        write_json(self.run_file, {"schema": SCHEMA, "config": self._base_config()})
        keras.config.set_dtype_policy(self.config.precision)
        trials = []
        for seed in range(self.config.seeds):
            dataset = self._reduced(seed).cache()
            for arm in self.config.parsed_arms:
                trials.append(self._trial(arm, seed, dataset, follower))
        found = results.summarise(
            {**dataclasses.asdict(self.config), "generator_note": self._generator_note()},
            training.describe(self._reduced(0)),
            trials,
        )
        write_json(self.output / "results.json", found)
        self._picture_samples()
        report.write(found, self.output)
        return found

    def _trial(self, arm: Arm, seed: int, dataset: ImageDataset, follower: Follower):
        file = self.output / "trials" / f"{str(arm).replace(':', '-')}-seed{seed}.json"
        key = self._key(arm, seed, dataset)
        if file.exists():
            kept = json.loads(file.read_text(encoding="utf-8"))
            if kept["key"] == key:
                follower.advance(self.config.steps)
                return kept["result"]
        if arm.model is not None:
            # Before the classifier's seed is set: training a generator uses up random numbers.
            self._generator(arm.model, seed, dataset, follower)
        file.parent.mkdir(parents=True, exist_ok=True)
        result = run_trial(
            arm,
            dataset,
            seed=seed,
            steps=self.config.steps,
            batch_size=self.config.batch_size,
            width=CLASSIFIER_WIDTH,
            epochs=self.config.epochs,
            generate=lambda model, class_id, count: self._generator(
                model, seed, dataset, follower
            ).generate(count, class_id, seed),
            csv_log=file.with_suffix(".csv"),
            callbacks=[follower.following(f"{arm}, seed {seed}")],
        )
        write_json(file, {"key": key, "result": result})
        follower.say(
            f"{arm}, seed {seed}: recall {result['rare_recall']:.3f}, "
            f"precision {result['rare_precision']:.3f} of the rare class, "
            f"accuracy {result['accuracy']:.4f} ({result['seconds']:.0f} s)"
        )
        return result

    def _generator(self, model, seed, dataset, follower) -> ModelFolder:
        if self.given_generator is not None:
            return self.given_generator
        folder = self._generator_folder(model, seed)
        preset = self.config.generator
        run = folder.read_run()
        if run is not None and run["status"] == "finished":
            return folder
        config = training.GeneratorConfig(
            model=model,
            dataset=self.config.dataset,
            keep=self.config.keep,
            seed=seed,
            precision=self.config.precision,
            **preset._asdict(),
        )
        callback = follower.following(f"training {model}, seed {seed}", GENERATOR_STEP_COST)
        return training.train_generator(config, dataset, folder.path, callbacks=[callback])

    def _generator_folder(self, model: str, seed: int) -> ModelFolder:
        if self.given_generator is not None:
            return self.given_generator
        return ModelFolder(self.output / "generators" / f"{model}-seed{seed}")

    def _reduced(self, seed: int) -> ImageDataset:
        if self.given_generator is not None:
            seed = self.given_generator.read_run()["config"]["seed"]
        return self.dataset.reduce(self.config.keep, seed)

    def _check_generator(self) -> ModelFolder | None:
        path = self.config.generator_folder
        if path is None:
            return None
        folder = ModelFolder(path)
        run = folder.read_run() if folder.path.exists() else None
        if run is None or run["status"] != "finished":
            raise InputError(f"--generator {path}: there is no finished training of train-gan")
        trained = run["config"]
        if self.config.models != [trained["model"]]:
            needed = ", ".join(self.config.models) or "none"
            raise InputError(
                f"--generator {path} is a {trained['model']}, but the arms need: {needed}"
            )
        split = self.dataset.reduce(self.config.keep, trained["seed"])
        if split.fingerprint != run["dataset"]["fingerprint"]:
            raise InputError(
                f"--generator {path} was trained on other images ({trained['dataset']}, "
                f"keep {trained['keep']}); it would have seen what the comparison holds back"
            )
        return folder

    def _check_output(self) -> None:
        if not self.output.exists() or not any(self.output.iterdir()):
            return
        if not self.run_file.exists():
            raise InputError(
                f"--output {self.output} is not empty and holds no study (no run.json)"
            )
        kept = json.loads(self.run_file.read_text(encoding="utf-8"))["config"]
        ours = json.loads(json.dumps(self._base_config()))
        for name, value in ours.items():
            if kept.get(name) != value:
                raise InputError(
                    f"--output {self.output} holds a study with {name}={kept.get(name)}, "
                    f"not {value}; use another folder"
                )

    def _base_config(self) -> dict[str, Any]:
        """What must agree for trials to be comparable: all but the choice of arms and seeds."""
        config = dataclasses.asdict(self.config)
        return {name: config[name] for name in config if name not in ("arms", "seeds")}

    def _key(self, arm: Arm, seed: int, dataset: ImageDataset) -> str:
        facts = [self._base_config(), str(arm), seed, dataset.fingerprint, training.versions()]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def _generator_note(self) -> str | None:
        if not self.config.models:
            return None
        if self.given_generator is None:
            return "Each repetition trained its own generator, on its own split."
        seed = self.given_generator.read_run()["config"]["seed"]
        return (
            f"The generator of {self.given_generator.path} was used; it saw only the imbalanced "
            f"split of seed {seed}, which all repetitions share."
        )

    def _picture_samples(self) -> None:
        if not self.config.models:
            return
        dataset = self._reduced(0)
        class_id = dataset.rare_classes[0]
        real, _ = collect(dataset.class_stream(class_id).take(PICTURED))
        generated = {
            model: self._generator_folder(model, 0).generate(PICTURED, class_id, seed=0)
            for model in self.config.models
        }
        figure = plots.real_beside_generated(np.asarray(real), generated)
        plots.save_figure(figure, self.output / "figures" / "samples.png")
