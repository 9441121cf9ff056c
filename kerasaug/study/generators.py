"""The generators of a study: one trained for every repetition, or one that was given."""

import dataclasses
from pathlib import Path

from kerasaug import training
from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError
from kerasaug.model_folder import ModelFolder
from kerasaug.study.config import Follower, StudyConfig

STEP_COST = 2.5
"""Classifier steps that take about as long as one step of a generator, for progress bars."""


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
        self.given = None if config.generator_folder is None else self._check_given()

    def reduced(self, seed: int) -> ImageDataset:
        """The imbalanced data of a repetition.

        Args:
            seed: Number of the repetition. With a given generator, all share the split it saw.
        """
        if self.given is not None:
            seed = self._given_seed()
        return self.dataset.reduce(self.config.keep, seed)

    def path(self, model: str, seed: int) -> ModelFolder:
        """Where the generator of a repetition is, or will be.

        Args:
            model: A key of `registry.MODELS`.
            seed: Number of the repetition.
        """
        return self.given or ModelFolder(self.folder / f"{model}-seed{seed}")

    def ready(self, model: str, seed: int, dataset: ImageDataset) -> bool:
        """Whether a generator is there, trained as this study would train it now.

        Args:
            model: A key of `registry.MODELS`.
            seed: Number of the repetition.
            dataset: Its imbalanced data.
        """
        if self.given is not None:
            return True
        run = self.path(model, seed).read_run()
        return (
            run is not None
            and run["status"] == "finished"
            and run["config"] == dataclasses.asdict(self._training(model, seed))
            and run["dataset"]["fingerprint"] == dataset.fingerprint
            and run["versions"] == training.versions()
        )

    def get(self, model: str, seed: int, dataset: ImageDataset, follower: Follower) -> ModelFolder:
        """Trains the generator of a repetition unless it is ready.

        Args:
            model: A key of `registry.MODELS`.
            seed: Number of the repetition.
            dataset: Its imbalanced data.
            follower: Is told of the progress.

        Returns:
            Its folder.
        """
        folder = self.path(model, seed)
        if self.ready(model, seed, dataset):
            return folder
        run = folder.read_run()
        return training.train_generator(
            self._training(model, seed),
            dataset,
            folder.path,
            fresh=run is not None and run["status"] == "finished",
            callbacks=[follower.following(f"training {model}, seed {seed}", STEP_COST)],
        )

    def note(self) -> str | None:
        """Says in a sentence which images the generators saw; None if no arm needs one."""
        if not self.config.models:
            return None
        if self.given is None:
            return "Each repetition trained its own generator, on its own split."
        return (
            f"The generator of {self.given.path} was used; it saw only the imbalanced split of "
            f"seed {self._given_seed()}, which all repetitions share."
        )

    def _training(self, model: str, seed: int) -> training.GeneratorConfig:
        return training.GeneratorConfig(
            model=model,
            dataset=self.config.dataset,
            keep=self.config.keep,
            seed=seed,
            precision=self.config.precision,
            **self.config.generator._asdict(),
        )

    def _given_seed(self) -> int:
        return self.given.read_run()["config"]["seed"]

    def _check_given(self) -> ModelFolder:
        path = self.config.generator_folder
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
