"""The generators of a study: one trained for every repetition, or one that was given."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np

from kerasaug import fitting, provenance, training
from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError, naming
from kerasaug.model_folder import ModelFolder
from kerasaug.models import registry
from kerasaug.study.config import Follower, StudyConfig
from kerasaug.study.judge import Judge

STEP_COST = 2.5
"""Classifier steps that take about as long as one step of a generator, for progress bars."""
MAP_STEP_COST = 0.5
"""The same for a step of the latent map's autoencoder."""
LATENT_MAP = "latent-map"
"""The model, of the first repetition alone, whose two-dimensional codes are a map of the data."""


class Generators:
    """Finds or trains the generators that the arms of a study draw from.

    Args:
        config: The study.
        dataset: The whole data set.
        folder: Where generators that the study trains go, one folder per model and repetition.

    Raises:
        InputError: If the generator that `config` names is none, does not fit the arms, or saw
            other images than the study's.
    """

    def __init__(self, config: StudyConfig, dataset: ImageDataset, folder: Path):
        self.config = config
        self.dataset = dataset
        self.folder = folder
        self._judge: Judge | None = None
        self.fingerprint = functools.cache(lambda seed: self.reduced(seed).fingerprint)
        """Of the imbalanced data of a repetition."""
        self.given = None if config.generator_folder is None else self._check_given()

    def hold(self) -> None:
        """Reads the data into memory, if they fit, where all repetitions share them."""
        self.dataset = self.dataset.cache()

    def reduced(self, seed: int) -> ImageDataset:
        """The imbalanced data of a repetition.

        Args:
            seed: Number of the repetition. With a given generator, all share the split it saw.
        """
        reduced = self._reduced(seed)
        return reduced.hold_out(self.config.hold_out, seed) if self.config.hold_out else reduced

    def full(self, seed: int) -> ImageDataset:
        """The data of a repetition before they were reduced, without what it holds out.

        Args:
            seed: Number of the repetition.
        """
        held_out = np.setdiff1d(self._reduced(seed).indices, self.reduced(seed).indices)
        return self.dataset.without(held_out) if len(held_out) else self.dataset

    def _reduced(self, seed: int) -> ImageDataset:
        return self.dataset.reduce(self.config.keep, self._split_seed(seed))

    def _split_seed(self, seed: int) -> int:
        return seed if self.given is None else self.given.read_run()["config"]["seed"]

    def folder_of(self, model: str, seed: int) -> ModelFolder:
        """Where the generator of a repetition is, or will be.

        Args:
            model: A key of `registry.MODELS`, or `LATENT_MAP`.
            seed: Number of the repetition.
        """
        if model == LATENT_MAP:
            return ModelFolder(self.folder / model)
        return self.given or ModelFolder(self.folder / f"{model}-seed{seed}")

    def ready(self, model: str, seed: int) -> bool:
        """Whether a generator is there, trained as this study would train it now.

        Args:
            model: See `folder_of`.
            seed: Number of the repetition.
        """
        if self.given is not None and model != LATENT_MAP:
            return True
        run = self.folder_of(model, seed).read_run()
        return (
            run is not None
            and run["status"] == "finished"
            and run["config"] == dataclasses.asdict(self._training(model, seed))
            and run["dataset"]["fingerprint"] == self.fingerprint(seed)
            and run.get("versions") == provenance.versions()
        )

    def train(self, model: str, seed: int, dataset: ImageDataset, follower: Follower) -> None:
        """Trains the generator of a repetition, and measures its images, unless it is ready.

        Args:
            model: See `folder_of`; what the latent map's makes is not measured.
            seed: Number of the repetition.
            dataset: Its imbalanced data.
            follower: Is told of the progress.
        """
        if self.ready(model, seed):
            return
        maps, folder = model == LATENT_MAP, self.folder_of(model, seed)
        cost = MAP_STEP_COST if maps else STEP_COST / registry.MODELS[model].steps_factor
        run = folder.read_run()
        training.train_generator(
            self._training(model, seed),
            dataset,
            folder.path,
            fresh=run is not None and run["status"] == "finished",
            callbacks=[follower.following(f"training {model}, seed {seed}", cost)],
            tell=follower.say,
            measure=None if maps else lambda *given: self._get_judge(follower).measure(*given),
        )

    def fidelity(self) -> dict[str, list[dict[str, Any] | None]]:
        """How good the images of the generators are.

        Returns:
            By model, what `Judge.measure` said of each repetition's, or of the given one, when it
            was trained; None if it was not asked, or if the generator was removed since.
        """
        seeds = range(1 if self.given else self.config.seeds)
        return {
            model: [(self.folder_of(model, s).read_run() or {}).get("fidelity") for s in seeds]
            for model in self.config.models
        }

    def note(self) -> str | None:
        """Says in a sentence which images the generators saw; None if no arm needs one."""
        if not self.config.models:
            return None
        if self.given is None:
            told = "Each repetition trained its own generator, on its own split."
            return " ".join([told, *self._warnings()])
        return (
            f"The generator of {self.given.path} was used; it saw only the imbalanced split of "
            f"seed {self._split_seed(0)}, which all repetitions share."
        )

    def _warnings(self):
        for model in self.config.models:
            for seed in range(self.config.seeds):
                run = self.folder_of(model, seed).read_run() or {}
                for warning in run.get("warnings", {}).values():
                    yield f"Warning of {model}, seed {seed}: {warning}."

    def _get_judge(self, follower: Follower) -> Judge:
        if self._judge is None:
            steps = self.config.generator.judge_steps
            self._judge = Judge(self.dataset, steps, [follower.following("training the judge", 0)])
        return self._judge

    def _training(self, model: str, seed: int) -> fitting.GeneratorConfig:
        if model == LATENT_MAP:
            vae = self._training("vae", self._split_seed(seed))
            return dataclasses.replace(vae, latent_dim=2)
        return fitting.GeneratorConfig(
            model=model,
            dataset=self.config.dataset,
            loading=self.config.loading,
            keep=self.config.keep,
            seed=seed,
            precision=self.config.precision,
            **self.config.generator.of(model)._asdict(),
        )

    def _check_given(self) -> ModelFolder:
        path = self.config.generator_folder
        folder = ModelFolder(path)
        with naming("--generator"):
            run = folder.read_finished()
        trained = run["config"]
        if self.config.models != [trained["model"]]:
            needed = ", ".join(self.config.models) or "none"
            raise InputError(
                f"--generator {path} is a {trained['model']}, but the arms need: {needed}"
            )
        if self.config.hold_out:
            raise InputError(f"--generator {path}: it saw the images that --sweep holds out")
        with naming(f"--generator {path}"):
            folder.load_generator()
            if any(arm.form for arm in self.config.parsed_arms):
                folder.load_encoder()
        split = self.dataset.reduce(self.config.keep, trained["seed"])
        if split.fingerprint != run["dataset"]["fingerprint"]:
            keep = "".join(f" --keep {name}={amount}" for name, amount in trained["keep"].items())
            raise InputError(
                f"--generator {path} was trained on other images and may have seen what the "
                f"comparison holds back; accepted with it: --dataset {trained['dataset']}"
                f"{keep or ' --keep none'}"
            )
        return folder
