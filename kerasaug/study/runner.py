"""A whole study: finished results are read, missing ones run, then all are put together."""

import dataclasses
import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from kerasaug import plots
from kerasaug.data.dataset import ImageDataset, Note
from kerasaug.data.readers import near_duplicates
from kerasaug.errors import InputError, TrainingFailed, naming
from kerasaug.files import atomic, is_empty, locked, read_json, write_json
from kerasaug.progress import Progress, bar_where_seen
from kerasaug.runtime import POLICIES, choose_precision
from kerasaug.study import classifiers, mistakes, parallel, report, results
from kerasaug.study.arms import LATENT_PERTURBATION, Arm, strongest_control
from kerasaug.study.config import StudyConfig
from kerasaug.study.generators import LATENT_MAP
from kerasaug.study.selection import inner_data
from kerasaug.study.synthesis import Synthesizer
from kerasaug.study.tasks import Tasks
from kerasaug.training import latent_map, provenance
from kerasaug.training.fit import learned_class
from kerasaug.wording import readable

SCHEMA = 2
PICTURED = 36


class Study:
    """A comparison of arms on one data set, in one output folder.

    Args:
        config: What to compare and how.
        dataset: The whole data set; each repetition reduces it with its own seed.
        output: The folder to fill.

    Attributes:
        notes: What a user should know of the data.

    Raises:
        InputError: If the generator folder, the output folder, a class or an arm does not fit.

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
        self.config_file = self.output / "study.json"
        earlier = self._earlier_config()
        precision = choose_precision(config.precision, (earlier or {}).get("precision"))
        target = classifiers.resolve(config.classifier)
        self.config = dataclasses.replace(config, precision=precision, classifier=target)
        self.tasks = Tasks(self.config, dataset, self.output)
        self.generators, self.protocol = self.tasks.generators, self.tasks.protocol
        self.protocol.check()
        self._check_arms()
        arms = self.config.arms
        classifiers.check(target, dataset.image_shape, dataset.num_classes, arms)
        of_classifier = classifiers.notes(target, dataset.image_shape)
        self.notes = dataset.notes + self._near_duplicates() + of_classifier
        self._refuse_another(earlier)

    def run(
        self, progress: Progress | None = None, jobs: int = 1, scheduler: str | None = None
    ) -> dict[str, Any]:
        """Runs what is missing, writes `results.json`, figures and page, and returns the results.

        Args:
            progress: What to report to; None for a `ProgressBar` in a terminal or a notebook, and
                for nothing elsewhere.
            jobs: How many tasks run at a time, each in a process of its own, which loads the data
                by `config.dataset`. 1 runs them here, with as many threads as this process has;
                after `runtime.limit_threads` the figures are those of any number of jobs.
            scheduler: Address of a Dask scheduler that they run on instead.

        Raises:
            InputError: If another run is in the folder, or there is no scheduler.
            TrainingFailed: If no trial ended well, or a worker was lost.
        """
        with locked(self.output), bar_where_seen(progress, self.units) as shown:
            return self._run(shown, jobs, scheduler)

    def units(self) -> float:
        """The work that is left, in training steps of a classifier, roughly.

        Until `+auto` is chosen, its arms count as trainings of their own, and trainings on proxy
        classes that choose their thresholds do not count.
        """
        return sum(map(self.tasks.cost, itertools.chain(*self.tasks.stages())))

    def _run(self, progress, jobs, scheduler):
        # Another run may have begun one since.
        self._refuse_another(self._earlier_config())
        with parallel.runner(progress, jobs, scheduler) as run_tasks:
            write_json(self.config_file, {"schema": SCHEMA, "config": self.tasks.base_config})
            if count := self.tasks.count_finished():
                progress.report(f"{count} finished results were read from {self.output / 'trials'}")
            failed = [
                task for stage in self.tasks.stages() for task in run_tasks(self.tasks, stage)
            ]
        _write_failures(self.output / "failures.txt", failed)
        arms = self.tasks.repetitions()
        if not arms:
            words = "no arm has a complete repetition"
            first = f"; {failed[0].task}: {failed[0].failure.error}" if failed else ""
            raise TrainingFailed(words + first)
        selection, protocol = self.tasks.selection, self.protocol
        chosen = [
            selection.augmentation(split)
            for split in dict.fromkeys(map(protocol.choosing, protocol.splits))
        ]
        summary = results.summarise(
            arms,
            config={**self.config.as_dict(), "generator_note": self.generators.note()},
            data=self._describe_data(),
            fidelity=self.generators.fidelity(),
            augmentation=[values for values in chosen if values is not None],
            failures=[{"task": str(task), "error": failure.error} for task, failure in failed],
        )
        write_json(self.output / "results.json", summary)
        self._picture_samples()
        self._picture_latent_map()
        self._picture_errors(arms)
        report.write(summary, self.output)
        return summary

    def _near_duplicates(self) -> tuple[Note, ...]:
        has_folds = self.protocol.has_folds
        return tuple(near_duplicates.notes_of_pairs(self.protocol.data)) if has_folds else ()

    def _describe_data(self) -> dict[str, Any]:
        data = provenance.describe(dataclasses.replace(self.protocol.data, notes=self.notes))
        # Of cross-validation, every image is trained on, and tested.
        return {**data, "test_counts": data["class_counts"]} if self.protocol.has_folds else data

    def _check_arms(self) -> None:
        """Refuses what would fail after hours of training."""
        reduced = self.protocol.reduced(self.protocol.splits[0])
        for model in self.config.models:
            with naming("`arms`"):
                learned_class(model, reduced)
        smote = [arm for arm in self.config.arms if arm.mixture == "smote"]
        for arm, split in itertools.product(smote, self.protocol.splits):
            dataset = self.protocol.reduced(split)
            rare = dataset.rare_classes
            _check_pairs(arm, dataset, rare, 3 if arm.is_halved else 2)
            if split == self.protocol.choosing(split):
                proxies, parts, _ = inner_data(dataset, split.seed)
                where = ", where others are held out to choose thresholds"
                for part in parts:
                    _check_pairs(arm, part, [*rare, *proxies], 2, where)

    def _refuse_another(self, earlier):
        for name, value in self.tasks.base_config.items():
            if earlier is not None and earlier.get(name) != value:
                raise InputError(
                    f"`output` {self.output} holds a study with "
                    f"{name}={readable(earlier.get(name))}, not {readable(value)}; use another "
                    "folder"
                )

    def _earlier_config(self) -> dict[str, Any] | None:
        """The options of the study that the folder holds, if any."""
        if not self.output.exists() or is_empty(self.output):
            return None
        if not self.config_file.exists():
            raise InputError(
                f"`output` {self.output} is not empty and holds no study (no study.json)"
            )
        with naming("`output`"):
            study = read_json(self.config_file)
        if study.get("schema") != SCHEMA:
            raise InputError(f"`output` {self.output} holds a study of another release")
        config = study.get("config")
        if not isinstance(config, dict) or config.get("precision") not in POLICIES:
            raise InputError(f"`output` {self.output}: its study.json is damaged")
        return config

    def _picture_latent_map(self) -> None:
        pictures = self.generators.folder_of(LATENT_MAP, self.protocol.splits[0]).latent
        if not self.config.latent_map or not pictures.exists():
            return
        for name in latent_map.PICTURES:
            with atomic(self.output / "figures" / f"latent-{name}") as draft:
                shutil.copy(pictures / name, draft)

    def _picture_samples(self) -> None:
        picture = self.output / "figures" / "samples.png"
        if not self.config.models:
            picture.unlink(missing_ok=True)
        split = self.protocol.splits[0]
        ready = [model for model in self.config.models if self.generators.is_ready(model, split)]
        if not ready:
            return
        dataset = self.protocol.reduced(split).cache()
        class_id = dataset.rare_classes[0]
        synthetic = {}
        # Arms that differ in their count or augmentation alone share a picture.
        for model, perturbs in dict.fromkeys(
            (arm.model, arm.form == LATENT_PERTURBATION)
            for arm in self.config.arms
            if arm.model in ready
        ):
            folder = self.generators.folder_of(model, split)
            synthesizer = Synthesizer(dataset, folder, pool_size=PICTURED, seed=0)
            if perturbs:
                images = synthesizer.latent_perturbation()[class_id]
                synthetic[f"{model}:{LATENT_PERTURBATION}"] = images
            else:
                synthetic[model] = synthesizer.draw(class_id, PICTURED)
        real = dataset.class_images(class_id, PICTURED)
        plots.save_figure(plots.real_beside_generated(real, synthetic), picture)

    def _picture_errors(self, arms: dict[str, list[results.Repetition]]) -> None:
        """The test images that the strongest control is most wrong about."""
        picture = self.output / "figures" / "errors.png"
        control = strongest_control(
            [a for a in self.config.arms if a.is_control and str(a) in arms]
        )
        if control is None:
            picture.unlink(missing_ok=True)
            return
        names, rare = self.protocol.whole.class_names, self.protocol.rare_classes
        rows = mistakes.worst(arms[str(control)], rare, names)
        if not rows:
            picture.unlink(missing_ok=True)
            return
        shown = np.concatenate([row.images for row in rows])
        images = mistakes.read(self.protocol.whole, shown, self.protocol.has_folds)
        figure = plots.captioned_rows(
            {row.title: [images[number] for number in row.images.tolist()] for row in rows},
            {row.title: [names[class_id] for class_id in row.other] for row in rows},
            f"{control}: the worst mistakes",
        )
        plots.save_figure(figure, picture)


def _check_pairs(
    arm: Arm, dataset: ImageDataset, classes: list[int], least: int, where: str = ""
) -> None:
    for class_id in classes:
        if dataset.class_counts[class_id] < least:
            name = dataset.class_names[class_id]
            raise InputError(f"arm {arm}: class {name} has one image left, it needs 2{where}")


def _write_failures(path: Path, failed: list[parallel.FailedTask]) -> None:
    if not failed:
        path.unlink(missing_ok=True)
        return
    with atomic(path) as draft:
        texts = (f"{task}: {failure.error}\n{failure.trace}" for task, failure in failed)
        draft.write_text("\n\n".join(texts), encoding="utf-8")
