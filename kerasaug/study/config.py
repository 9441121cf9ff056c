"""What a study is a function of, and whom it tells of its progress."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras

from kerasaug.errors import InputError
from kerasaug.presets import GENERATOR_PRESETS, STUDY_PRESETS, GeneratorPreset
from kerasaug.study.arms import Arm, parse, parse_list


class Follower:
    """What a study tells of its progress to; this one shows nothing."""

    def say(self, line: str) -> None:
        """Shows a line.

        Args:
            line: What was finished.
        """

    def advance(self, units: float) -> None:
        """Counts work as done.

        Args:
            units: How much, in steps of a classifier.
        """

    def step(self, description: str, losses: Mapping[str, float], units: float) -> None:
        """Counts one or several steps of a training.

        Args:
            description: What is being trained.
            losses: Their means of late, by name; empty where they are not known.
            units: See `advance`.
        """
        self.advance(units)

    def following(self, description: str, units_per_step: float = 1.0) -> keras.callbacks.Callback:
        """Makes a callback for `fit` that tells of every step of a training.

        Args:
            description: What is being trained.
            units_per_step: Work per training step.
        """

        def begin(logs):
            # Steps of a training that goes on.
            self.advance(getattr(callback.model, "steps_taken", 0) * units_per_step)

        callback = keras.callbacks.LambdaCallback(
            on_train_begin=begin,
            on_train_batch_end=lambda _, logs: self.step(description, logs, units_per_step),
        )
        return callback


class Length(NamedTuple):
    """How long a classifier is trained.

    Attributes:
        steps: Training steps in all, a multiple of `epochs`.
        batch_size: Images per step.
        epochs: How many points the curves have.
    """

    steps: int
    batch_size: int
    epochs: int


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
        precision: One of `precision.POLICIES`; None for what the study in the folder was begun
            with, or else what is fastest here.
        latent_map: Whether an autoencoder is trained that maps the data, for the report.
        share: What models make in the batches of arms with a form; None for the form's own.
        threshold: Least probability that a teacher must give to a generated image's label.
        hold_out: Share of the training images of every class that each repetition holds out to
            choose an amount by; 0 for none.
        loading: What `data.load` takes beside the name.
    """

    dataset: str
    keep: dict[str, int | float]
    arms: tuple[str, ...]
    seeds: int
    steps: int
    batch_size: int
    epochs: int
    generator: GeneratorPreset
    generator_folder: str | None = None
    precision: str | None = None
    latent_map: bool = True
    share: float | None = None
    threshold: float = 0.5
    hold_out: float = 0.0
    loading: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def parsed_arms(self) -> list[Arm]:
        """The arms."""
        return [parse(text) for text in self.arms]

    @property
    def models(self) -> list[str]:
        """The generative models that the arms need."""
        return sorted({arm.model for arm in self.parsed_arms if arm.model is not None})

    @property
    def length(self) -> Length:
        """The training of each classifier."""
        return Length(self.steps, self.batch_size, self.epochs)

    @classmethod
    def from_preset(
        cls,
        preset: str,
        dataset: str,
        keep: dict[str, int | float],
        *,
        arms: str | None = None,
        seeds: int | None = None,
        steps: int | None = None,
        **others: Any,
    ) -> "StudyConfig":
        """Makes a configuration of a preset.

        Args:
            preset: A key of `presets.STUDY_PRESETS`.
            dataset: See the class, as the following.
            keep: See the class.
            arms: As `--arms` takes them; None for the preset's, as `seeds` and `steps`.
            seeds: See the class.
            steps: See the class.
            **others: Further arguments of the class.

        Raises:
            InputError: If there is no such preset or arm.

        Example:
            >>> StudyConfig.from_preset("quick", "mnist", {"5": 54}, seeds=5).length
            Length(steps=400, batch_size=256, epochs=4)
        """
        if preset not in STUDY_PRESETS:
            raise InputError(f"there is no preset {preset!r}; accepted: {', '.join(STUDY_PRESETS)}")
        chosen = STUDY_PRESETS[preset]
        steps = steps or chosen.steps
        fields = {
            "arms": tuple(map(str, parse_list(chosen.arms if arms is None else arms))),
            "seeds": seeds or chosen.seeds,
            "steps": steps,
            "batch_size": chosen.batch_size,
            # Epochs of equal length, so that the steps are exactly as many as asked for.
            "epochs": max(n for n in range(1, chosen.epochs + 1) if steps % n == 0),
            "generator": GENERATOR_PRESETS[chosen.generator],
        }
        return cls(dataset, keep, **{**fields, **others})

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> "StudyConfig":
        """Makes a configuration of what `as_dict` gave."""
        generator = GeneratorPreset(**config["generator"])
        return cls(**{**config, "arms": tuple(config["arms"]), "generator": generator})

    def as_dict(self) -> dict[str, Any]:
        """The configuration as JSON can hold it."""
        return {**dataclasses.asdict(self), "generator": self.generator._asdict()}
