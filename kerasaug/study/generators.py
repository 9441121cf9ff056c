"""The generators of a study: one trained for every split, or one trained before."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError, naming
from kerasaug.progress import Progress
from kerasaug.quality.evaluator import Evaluator
from kerasaug.saved.folder import ModelFolder
from kerasaug.study import applications
from kerasaug.study.config import APPLICATIONS, CROSS_VALIDATION, StudyConfig
from kerasaug.study.protocol import Protocol, Split
from kerasaug.training import provenance
from kerasaug.training.config import GeneratorConfig, step_cost
from kerasaug.training.run import train_generator

LATENT_MAP = "latent-map"
"""The model, of the first split alone, whose two-dimensional latents are a map of the data."""


class Generators:
    """Finds or trains the generators that the arms of a study draw from.

    Args:
        config: The study.
        protocol: The splits of the study.
        folder: Where generators that the study trains go, one folder per model and split.
        trained_folder: A generator that `check_trained` has accepted, for all splits; or None.

    Attributes:
        fingerprint: From a split to the fingerprint of its imbalanced training images.
    """

    def __init__(
        self,
        config: StudyConfig,
        protocol: Protocol,
        folder: Path,
        trained_folder: ModelFolder | None = None,
    ):
        self.config = config
        self.protocol = protocol
        self.folder = folder
        self.trained_folder = trained_folder
        self.fingerprint = functools.cache(lambda split: protocol.reduced(split).fingerprint)
        self._evaluator: Evaluator | None = None

    def folder_of(self, model: str, split: Split) -> ModelFolder:
        """Where the generator of a split is, or will be."""
        if model == LATENT_MAP:
            return ModelFolder(self.folder / model)
        return self.trained_folder or ModelFolder(self.folder / f"{model}-{split.file_name}")

    def is_ready(self, model: str, split: Split) -> bool:
        """Whether a generator is there, trained as this study would train it now."""
        if self.trained_folder is not None and model != LATENT_MAP:
            return True
        run = self.folder_of(model, split).read_run()
        return (
            run is not None and run["status"] == "finished" and self._is_current(run, model, split)
        )

    def train(self, model: str, split: Split, dataset: ImageDataset, progress: Progress) -> None:
        """Trains the generator of a split, unless it is ready.

        That of the first split is measured too, for which a classifier has to be trained.
        """
        if self.is_ready(model, split):
            return
        folder, is_map = self.folder_of(model, split), model == LATENT_MAP
        run, training = folder.read_run(), self._training(model, split)
        is_measured = not is_map and split == self.protocol.splits[0]
        train_generator(
            training,
            dataset,
            folder.path,
            # A finished training that is not ready is not current either.
            fresh=run is not None and not self._is_current(run, model, split),
            callbacks=[progress.callback(f"training {model}, {split}", step_cost(training.model))],
            evaluator=self._get_evaluator(progress) if is_measured else None,
            progress=progress,
        )

    def cost(self, model: str, split: Split) -> float:
        """About how long a training takes, in training steps of a classifier."""
        training = self._training(model, split)
        return training.steps * step_cost(training.model)

    def fidelity(self) -> dict[str, dict[str, Any] | None]:
        """By model, what `Evaluator.measure` returned for the generator of the first split.

        None where the generator was removed since.
        """
        first = self.protocol.splits[0]
        return {
            model: (self.folder_of(model, first).read_run() or {}).get("fidelity")
            for model in self.config.models
        }

    def note(self) -> str | None:
        """Says in a sentence which images the generators saw; None if no arm needs one."""
        if not self.config.models:
            return None
        if self.trained_folder is None:
            unit = "fold" if self.protocol.has_folds else "repetition"
            note = f"Each {unit} trained its own generator, on its own training images."
            return " ".join([note, *self._warnings()])
        return (
            f"The generator of {self.trained_folder.path} was used; it saw only the imbalanced "
            f"split of seed {self.protocol.split_seed}, which all repetitions share."
        )

    def _warnings(self):
        for model in self.config.models:
            for split in self.protocol.splits:
                run = self.folder_of(model, split).read_run() or {}
                for warning in run.get("warnings", {}).values():
                    yield f"Warning of {model}, {split}: {warning}."

    def _get_evaluator(self, progress: Progress) -> Evaluator:
        if self._evaluator is None:
            full = self.protocol.full(self.protocol.splits[0])
            target, build = self.config.classifier, None
            if target.startswith(APPLICATIONS):
                build = functools.partial(applications.build, target)
            steps = self.config.generator.evaluator_steps
            self._evaluator = Evaluator(full, steps, build=build)
        self._evaluator.progress = progress
        return self._evaluator

    def _is_current(self, run: dict[str, Any], model: str, split: Split) -> bool:
        """Whether a training was begun as this study would begin it now."""
        return (
            run["config"] == dataclasses.asdict(self._training(model, split))
            and run["dataset"]["fingerprint"] == self.fingerprint(split)
            and run.get("versions") == provenance.versions()
        )

    def _training(self, model: str, split: Split) -> GeneratorConfig:
        if model == LATENT_MAP:
            return dataclasses.replace(self._training("vae", split), latent_dim=2)
        preset = self.config.generator.of(model, self.protocol.whole.image_shape)
        return GeneratorConfig(
            model=model,
            dataset=self.config.dataset,
            loading=self.config.loading,
            keep=self.config.keep,
            seed=split.seed,
            precision=self.config.precision,
            **preset._asdict(),
        )


def check_trained(config: StudyConfig, dataset: ImageDataset) -> ModelFolder | None:
    """Checks that the trained generator of a study fits its arms and its data.

    Args:
        config: The study, with holdout.
        dataset: The whole data set.

    Returns:
        Its folder; None if the study has none.

    Raises:
        InputError: If it does not fit.
    """
    if config.generator_folder is None:
        return None
    with naming(f"`generator_folder` {config.generator_folder}"):
        folder = ModelFolder(config.generator_folder)
        run = folder.read_finished()
        training = run["config"]
        if config.models != [training["model"]]:
            models = ", ".join(config.models) or "none"
            raise InputError(f"it is a {training['model']}, but the arms need: {models}")
        if config.protocol == CROSS_VALIDATION:
            raise InputError("it saw images of every fold; it needs `protocol` holdout")
        folder.load_generator()
        if any(arm.form for arm in config.arms):
            folder.load_encoder()
        split = dataset.reduce(config.keep, training["seed"])
        if split.fingerprint != run["dataset"]["fingerprint"]:
            amounts = training["keep"].items()
            shown = {n: f"{a:.9g}" if isinstance(a, int) else f"{a * 100:g}%" for n, a in amounts}
            keep = "".join(f", `keep` {name}={amount}" for name, amount in shown.items())
            raise InputError(
                "it was trained on other images, and may have seen what the comparison holds back; "
                f"it goes with `dataset` {training['dataset']}{keep or ', `keep` none'}"
            )
        return folder
