"""The generators of a study: one trained for every repetition, or one trained before."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError, naming
from kerasaug.progress import Progress
from kerasaug.quality.evaluator import Evaluator
from kerasaug.saved.folder import ModelFolder
from kerasaug.study.config import StudyConfig
from kerasaug.training import provenance
from kerasaug.training.config import MAP_STEP_COST, STEP_COST, STEPS_FACTORS, GeneratorConfig
from kerasaug.training.run import train_generator

LATENT_MAP = "latent-map"
"""The model, of the first repetition alone, whose two-dimensional latents are a map of the data."""


class Generators:
    """Finds or trains the generators that the arms of a study draw from.

    Args:
        config: The study.
        dataset: The whole data set.
        folder: Where generators that the study trains go, one folder per model and repetition.

    Attributes:
        trained_folder: That of `config.generator_folder`, which has to fit the arms and the data;
            or None.
        fingerprint: From the number of a repetition to the fingerprint of its imbalanced data.
    """

    def __init__(self, config: StudyConfig, dataset: ImageDataset, folder: Path):
        self.config = config
        self.dataset = dataset
        self.folder = folder
        self.fingerprint = functools.cache(lambda seed: self.reduced(seed).fingerprint)
        self.trained_folder = None
        if config.generator_folder is not None:
            with naming(f"`generator_folder` {config.generator_folder}"):
                self.trained_folder = self._check_trained(ModelFolder(config.generator_folder))
        self._evaluator: Evaluator | None = None

    def load_into_memory(self) -> None:
        """Reads the data into memory, if they fit; all repetitions share them there."""
        self.dataset = self.dataset.cache()

    def reduced(self, seed: int) -> ImageDataset:
        """The imbalanced data of a repetition; with a trained generator, all share its split."""
        return self.dataset.reduce(self.config.keep, self._split_seed(seed))

    def folder_of(self, model: str, seed: int) -> ModelFolder:
        """Where the generator of a repetition is, or will be."""
        if model == LATENT_MAP:
            return ModelFolder(self.folder / model)
        return self.trained_folder or ModelFolder(self.folder / f"{model}-seed{seed}")

    def is_ready(self, model: str, seed: int) -> bool:
        """Whether a generator is there, trained as this study would train it now."""
        if self.trained_folder is not None and model != LATENT_MAP:
            return True
        run = self.folder_of(model, seed).read_run()
        return (
            run is not None
            and run["status"] == "finished"
            and run["config"] == dataclasses.asdict(self._training(model, seed))
            and run["dataset"]["fingerprint"] == self.fingerprint(seed)
            and run.get("versions") == provenance.versions()
        )

    def train(self, model: str, seed: int, dataset: ImageDataset, progress: Progress) -> None:
        """Trains the generator of a repetition, and measures its images, unless it is ready."""
        if self.is_ready(model, seed):
            return
        folder, is_map = self.folder_of(model, seed), model == LATENT_MAP
        cost = MAP_STEP_COST if is_map else STEP_COST / STEPS_FACTORS.get(model, 1)
        run, training = folder.read_run(), self._training(model, seed)
        config = dataclasses.asdict(training)
        train_generator(
            training,
            dataset,
            folder.path,
            fresh=run is not None and (run["status"] == "finished" or run["config"] != config),
            callbacks=[progress.callback(f"training {model}, seed {seed}", cost)],
            evaluator=None if is_map else self._get_evaluator(progress),
            progress=progress,
        )

    def fidelity(self) -> dict[str, list[dict[str, Any] | None]]:
        """By model, what `Evaluator.measure` returned, for each repetition or the trained one.

        None where images were not measured, or where the generator was removed since.
        """
        seeds = range(1 if self.trained_folder else self.config.seeds)
        return {
            model: [(self.folder_of(model, s).read_run() or {}).get("fidelity") for s in seeds]
            for model in self.config.models
        }

    def note(self) -> str | None:
        """Says in a sentence which images the generators saw; None if no arm needs one."""
        if not self.config.models:
            return None
        if self.trained_folder is None:
            note = "Each repetition trained its own generator, on its own split."
            return " ".join([note, *self._warnings()])
        return (
            f"The generator of {self.trained_folder.path} was used; it saw only the imbalanced "
            f"split of seed {self._split_seed(0)}, which all repetitions share."
        )

    def _split_seed(self, seed: int) -> int:
        return (
            seed
            if self.trained_folder is None
            else self.trained_folder.read_run()["config"]["seed"]
        )

    def _warnings(self):
        for model in self.config.models:
            for seed in range(self.config.seeds):
                run = self.folder_of(model, seed).read_run() or {}
                for warning in run.get("warnings", {}).values():
                    yield f"Warning of {model}, seed {seed}: {warning}."

    def _get_evaluator(self, progress: Progress) -> Evaluator:
        if self._evaluator is None:
            self._evaluator = Evaluator(self.dataset, self.config.generator.evaluator_steps)
        self._evaluator.progress = progress
        return self._evaluator

    def _training(self, model: str, seed: int) -> GeneratorConfig:
        if model == LATENT_MAP:
            return dataclasses.replace(self._training("vae", self._split_seed(seed)), latent_dim=2)
        return GeneratorConfig(
            model=model,
            dataset=self.config.dataset,
            loading=self.config.loading,
            keep=self.config.keep,
            seed=seed,
            precision=self.config.precision,
            **self.config.generator.of(model)._asdict(),
        )

    def _check_trained(self, folder: ModelFolder) -> ModelFolder:
        run = folder.read_finished()
        config = run["config"]
        if self.config.models != [config["model"]]:
            models = ", ".join(self.config.models) or "none"
            raise InputError(f"it is a {config['model']}, but the arms need: {models}")
        folder.load_generator()
        if any(arm.form for arm in self.config.arms):
            folder.load_encoder()
        split = self.dataset.reduce(self.config.keep, config["seed"])
        if split.fingerprint != run["dataset"]["fingerprint"]:
            amounts = config["keep"].items()
            shown = {n: f"{a:.9g}" if isinstance(a, int) else f"{a * 100:g}%" for n, a in amounts}
            keep = "".join(f", `keep` {name}={amount}" for name, amount in shown.items())
            raise InputError(
                "it was trained on other images, and may have seen what the comparison holds back; "
                f"it goes with `dataset` {config['dataset']}{keep or ', `keep` none'}"
            )
        return folder
