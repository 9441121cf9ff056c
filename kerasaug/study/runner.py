"""A whole study: what is done is read, what is missing runs; then the results."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from kerasaug import fitting, plots, precision, provenance
from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError, TrainingFailed, naming
from kerasaug.files import atomic, is_empty, locked, read_json, write_json
from kerasaug.study import parallel, report, results
from kerasaug.study.arms import VARIED
from kerasaug.study.config import Follower, StudyConfig
from kerasaug.study.generators import LATENT_MAP
from kerasaug.study.supply import Supply
from kerasaug.study.tasks import HELD_OUT, Tasks

SCHEMA = 1
PICTURED = 36


class Study:
    """A comparison of arms on one data set, in one output folder.

    Args:
        config: What to compare and how.
        dataset: The whole data set; each repetition reduces it with its own seed.
        output: The folder to fill.

    Raises:
        InputError: If the generator folder does not fit, the output folder holds another study or
            something else, a class that is to be kept does not exist or has fewer images, or there
            are too few images or too many rare classes for an arm.

    Example:
        >>> from kerasaug import data
        >>> from kerasaug.study import StudyConfig
        >>> short = {"arms": "none", "seeds": 1, "steps": 2, "latent_map": False}
        >>> config = StudyConfig.from_preset("smoke", "mnist", {"5": 54}, **short)
        >>> results = Study(config, data.load("mnist"), "study").run()
        >>> list(results["arms"])
        ['none']
    """

    def __init__(self, config: StudyConfig, dataset: ImageDataset, output: str | Path):
        self.output = Path(output)
        self.run_file = self.output / "run.json"
        kept = self._kept_config()
        begun_with = None if kept is None else kept["precision"]
        chosen = precision.chosen(config.precision, begun_with)
        self.config = config = dataclasses.replace(config, precision=chosen)
        self.tasks = Tasks(config, dataset, self.output)
        self.generators = self.tasks.generators
        for model in config.models:
            with naming("--arms"):
                fitting.learned_class(model, self.generators.reduced(0))
        self._check_enough()
        self._refuse_another(kept)

    def run(
        self, follower: Follower | None = None, jobs: int = 1, scheduler: str | None = None
    ) -> dict[str, Any]:
        """Runs what is missing, and writes `results.json`, the figures and `report.html`.

        Args:
            follower: Is told of the progress; None for nobody.
            jobs: How many tasks run at a time, each in a process of its own, which loads the data
                by `config.dataset`. 1 runs them here, with as many threads as this process has;
                after `parallel.limit_threads` the figures are those of any number of jobs.
            scheduler: Address of a Dask scheduler that they run on instead.

        Returns:
            The content of `results.json`.

        Raises:
            InputError: If another run is in the folder, or began another study there since, or
                there is no scheduler.
            TrainingFailed: If no trial ended well, or a worker was lost.
        """
        with locked(self.output):
            return self._run(follower or Follower(), jobs, scheduler)

    def _refuse_another(self, kept):
        for name, value in self.tasks.base_config.items():
            if kept is not None and kept.get(name) != value:
                raise InputError(
                    f"--output {self.output} holds a study with {name}={kept.get(name)}, "
                    f"not {value}; use another folder"
                )

    def _run(self, follower, jobs, scheduler):
        # Another run may have begun one since.
        self._refuse_another(self._kept_config())
        with parallel.workers(follower, jobs, scheduler) as perform:
            write_json(self.run_file, {"schema": SCHEMA, "config": self.tasks.base_config})
            read = len(self._finished_trials())
            if read:
                follower.say(f"{read} finished results were read from {self.output / 'trials'}")
            failures = [
                failure for stage in self.tasks.stages() for failure in perform(self.tasks, stage)
            ]
        _write_failures(self.output / "failures.txt", failures)
        trials = self._finished_trials()
        if not trials:
            raise TrainingFailed(f"no trial ended well; {failures[0].task}: {failures[0].error}")
        found = results.summarise(
            {**self.config.as_dict(), "generator_note": self.generators.note()},
            provenance.describe(self.generators.reduced(0)),
            trials,
            self.generators.fidelity(),
            self.tasks.choices.augmentation(),
            self.tasks.choices.adjustment(),
            [{"task": str(each.task), "error": each.error} for each in failures],
        )
        write_json(self.output / "results.json", found)
        self._picture_samples()
        self._picture_latent_map()
        report.write(found, self.output)
        return found

    def units(self) -> float:
        """The work that is left, in units of one classifier step, roughly.

        Until `+auto` has chosen, its arms count as trainings of their own, and what is tried to
        adjust them does not count.
        """
        return sum(self.tasks.cost(task) for stage in self.tasks.stages() for task in stage)

    def _check_enough(self) -> None:
        """Refuses what would fail for want of images after hours of training."""
        reduced = self.generators.reduced(0)
        parted = [
            (f"arm {arm}", reduced.hold_out(HELD_OUT) if arm.adjusts else reduced)
            for arm in self.config.parsed_arms
            if arm.mixture == "smote"
        ]
        if self.config.hold_out:
            parted.append(("--sweep", self.generators.dataset.reduce(self.config.keep, 0)))
        for what, dataset in parted:
            for class_id in dataset.rare_classes:
                if dataset.class_counts[class_id] < 2:
                    name = dataset.class_names[class_id]
                    raise InputError(f"{what}: class {name} has one image left, needed are 2")

    def _finished_trials(self) -> list[dict[str, Any]]:
        seeds, arms = range(self.config.seeds), self.config.parsed_arms
        found = [self.tasks.result(arm, seed) for seed in seeds for arm in arms]
        return [trial for trial in found if trial is not None]

    def _kept_config(self) -> dict[str, Any] | None:
        if not self.output.exists() or is_empty(self.output):
            return None
        if not self.run_file.exists():
            raise InputError(
                f"--output {self.output} is not empty and holds no study (no run.json)"
            )
        with naming("--output"):
            run = read_json(self.run_file)
        if "status" in run:
            raise InputError(f"--output {self.output} holds a training of train-gan, no study")
        kept = run.get("config")
        if not isinstance(kept, dict) or kept.get("precision") not in precision.POLICIES:
            raise InputError(f"--output {self.output}: its run.json is damaged")
        return kept

    def _picture_latent_map(self) -> None:
        pictures = self.generators.folder_of(LATENT_MAP, 0).latent
        if not self.config.latent_map or not pictures.exists():
            return
        for name in report.LATENT_PICTURES:
            with atomic(self.output / "figures" / f"latent-{name}") as draft:
                shutil.copy(pictures / name, draft)

    def _picture_samples(self) -> None:
        ready = [m for m in self.config.models if self.generators.ready(m, 0)]
        picture = self.output / "figures" / "samples.png"
        if not self.config.models:
            picture.unlink(missing_ok=True)
        if not ready:
            return
        dataset = self.generators.reduced(0).cache()
        class_id = dataset.rare_classes[0]
        real = dataset.class_images(class_id, PICTURED)
        generated = {}
        # Arms that differ in their count or augmentation alone share a picture.
        for model, varies in dict.fromkeys(
            (arm.model, arm.form == VARIED) for arm in self.config.parsed_arms if arm.model in ready
        ):
            folder = self.generators.folder_of(model, 0)
            if varies:
                supply = Supply(dataset, folder, teacher=None, pool=PICTURED, threshold=0.0, seed=0)
                generated[f"{model}:{VARIED}"] = supply.varied()[class_id]
            else:
                generated[model] = folder.load_generator().generate(PICTURED, class_id, seed=0)
        figure = plots.real_beside_generated(real, generated)
        plots.save_figure(figure, picture)


def _write_failures(path: Path, failures: list[parallel.Failure]) -> None:
    if not failures:
        path.unlink(missing_ok=True)
        return
    with atomic(path) as draft:
        text = "\n\n".join(f"{each.task}: {each.error}\n{each.trace}" for each in failures)
        draft.write_text(text, encoding="utf-8")
