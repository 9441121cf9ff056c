"""All trials of a study: those already done are read, the others run; then the results."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import keras

from kerasaug import plots, training
from kerasaug.data.dataset import ImageDataset, collect
from kerasaug.errors import InputError
from kerasaug.files import atomic, is_empty, write_json
from kerasaug.study import generators, report, results
from kerasaug.study.arms import Arm
from kerasaug.study.config import Follower, StudyConfig
from kerasaug.study.trial import run_trial

SCHEMA = 1
CLASSIFIER_WIDTH = 32
PICTURED = 36


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
        self.output = Path(output)
        self.run_file = self.output / "run.json"
        kept = self._kept_config()
        if kept is not None:
            # The precision depends on the machine; a study stays with the one it was begun with.
            config = dataclasses.replace(config, precision=kept["precision"])
        self.config = config
        self.generators = generators.Generators(config, dataset, self.output / "generators")
        for model in config.models:
            try:
                training.learned_class(model, self.generators.reduced(0))
            except InputError as error:
                raise InputError(f"--arms: {error}") from error
        for name, value in self._base_config().items():
            if kept is not None and kept.get(name) != value:
                raise InputError(
                    f"--output {output} holds a study with {name}={kept.get(name)}, "
                    f"not {value}; use another folder"
                )

    def run(self, follower: Follower) -> dict[str, Any]:
        """Runs what is missing, and writes `results.json`, the figures and `report.html`.

        Args:
            follower: Is told of the progress.

        Returns:
            The content of `results.json`.
        """
        write_json(self.run_file, {"schema": SCHEMA, "config": self._base_config()})
        keras.config.set_dtype_policy(self.config.precision)
        trials, read = [], 0
        for seed in range(self.config.seeds):
            dataset = self.generators.reduced(seed).cache()
            for arm in self.config.parsed_arms:
                kept = self._finished(arm, seed, dataset)
                read += kept is not None
                trials.append(kept or self._trial(arm, seed, dataset, follower))
        if read:
            follower.say(f"{read} of {len(trials)} trials were read from {self.output / 'trials'}")
        found = results.summarise(
            {**self.config.as_dict(), "generator_note": self.generators.note()},
            training.describe(self.generators.reduced(0)),
            trials,
            self._fidelity(),
        )
        write_json(self.output / "results.json", found)
        self._picture_samples()
        if self.config.latent_map:
            self._picture_latent_map(follower)
        report.write(found, self.output)
        return found

    def units(self) -> float:
        """The work that is left, in units of one classifier step, roughly."""
        units, judged = 0.0, False
        for seed in range(self.config.seeds):
            dataset = self.generators.reduced(seed)
            missing = [a for a in self.config.parsed_arms if not self._finished(a, seed, dataset)]
            units += len(missing) * self.config.steps
            for model in {arm.model for arm in missing} - {None}:
                if not self.generators.ready(model, seed, dataset):
                    units += self.config.generator.steps * generators.STEP_COST
                    judged = True
        units += judged * self.config.generator.judge_steps
        if self.config.latent_map and not self.generators.latent_map_ready(
            self.generators.reduced(0)
        ):
            units += self.config.generator.steps * generators.MAP_STEP_COST
        return units

    @property
    def class_counts(self) -> list[int]:
        """Training images per class that each repetition keeps."""
        return self.generators.reduced(0).class_counts

    def _file(self, arm: Arm, seed: int) -> Path:
        return self.output / "trials" / f"{arm.file_name}-seed{seed}.json"

    def _finished(self, arm: Arm, seed: int, dataset: ImageDataset) -> dict[str, Any] | None:
        """The result of a trial that was run with the same options, data and versions."""
        try:
            kept = json.loads(self._file(arm, seed).read_text(encoding="utf-8"))
            return kept["result"] if kept["key"] == self._key(arm, seed, dataset) else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def _trial(self, arm: Arm, seed: int, dataset: ImageDataset, follower: Follower):
        file = self._file(arm, seed)
        if arm.model is not None:
            # Before the classifier's seed is set: training a generator uses up random numbers.
            self.generators.get(arm.model, seed, dataset, follower)
        file.parent.mkdir(parents=True, exist_ok=True)
        result = run_trial(
            arm,
            dataset,
            seed=seed,
            steps=self.config.steps,
            batch_size=self.config.batch_size,
            width=CLASSIFIER_WIDTH,
            epochs=self.config.epochs,
            generate=lambda model, class_id, count: self.generators.path(model, seed).generate(
                count, class_id, seed
            ),
            csv_log=file.with_suffix(".csv"),
            callbacks=[follower.following(f"{arm}, seed {seed}")],
        )
        write_json(file, {"key": self._key(arm, seed, dataset), "result": result})
        follower.say(
            f"{arm}, seed {seed}: recall {result['rare_recall']:.3f}, "
            f"precision {result['rare_precision']:.3f} of the rare class, "
            f"accuracy {result['accuracy']:.4f} ({result['seconds']:.0f} s)"
        )
        return result

    def _kept_config(self) -> dict[str, Any] | None:
        if not self.output.exists() or is_empty(self.output):
            return None
        if not self.run_file.exists():
            raise InputError(
                f"--output {self.output} is not empty and holds no study (no run.json)"
            )
        try:
            run = json.loads(self.run_file.read_text(encoding="utf-8"))
            kept = run["config"]
            if "status" in run:
                raise InputError(f"--output {self.output} holds a training of train-gan, no study")
            return {**kept, "precision": str(kept["precision"])}
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError(f"--output {self.output}: its run.json is damaged") from error

    def _base_config(self) -> dict[str, Any]:
        """What must agree for trials to be comparable: all but the choice of arms and seeds."""
        config = self.config.as_dict()
        if self.generators.given is not None:
            config["generator_digest"] = self.generators.given.digest()
        return {name: config[name] for name in config if name not in ("arms", "seeds")}

    def _key(self, arm: Arm, seed: int, dataset: ImageDataset) -> str:
        facts = [self._base_config(), str(arm), seed, dataset.fingerprint, training.versions()]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def _fidelity(self) -> dict[str, list[dict[str, Any] | None]]:
        """By model, what the judge said of the generator of every repetition."""
        seeds = range(1 if self.generators.given is not None else self.config.seeds)
        return {
            model: [self.generators.fidelity(model, seed) for seed in seeds]
            for model in self.config.models
        }

    def _picture_latent_map(self, follower: Follower) -> None:
        pictures = self.generators.latent_map(self.generators.reduced(0), follower)
        for name in report.LATENT_PICTURES:
            with atomic(self.output / "figures" / f"latent-{name}") as draft:
                shutil.copy(pictures / name, draft)

    def _picture_samples(self) -> None:
        dataset = self.generators.reduced(0)
        models = [m for m in self.config.models if self.generators.ready(m, 0, dataset)]
        if not models:
            return
        class_id = dataset.rare_classes[0]
        real, _ = collect(dataset.class_stream(class_id).take(PICTURED))
        generated = {
            model: self.generators.path(model, 0).generate(PICTURED, class_id, seed=0)
            for model in models
        }
        figure = plots.real_beside_generated(real, generated)
        plots.save_figure(figure, self.output / "figures" / "samples.png")
