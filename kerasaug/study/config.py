"""What a study is a function of, and its presets; free of TensorFlow."""

import dataclasses
from typing import Any, NamedTuple

from kerasaug.errors import InputError
from kerasaug.files import as_json
from kerasaug.study.arms import Arm, parse, parse_list
from kerasaug.training.config import GENERATOR_PRESETS, GeneratorPreset, check_names

SMALL_CNN = "small-cnn"
"""The built-in classifier."""
APPLICATIONS = "keras.applications:"
"""What the name of a network of Keras begins with, as a classifier."""
APPLICATION_BATCH = 32
"""Images per step of such a network, at most: Keras' own default. Larger batches take more memory
and time per image, and networks that are pretrained need fewer images."""
AUTO_PROTOCOL, HOLDOUT, CROSS_VALIDATION = PROTOCOLS = ("auto", "holdout", "cross-validation")
FEWEST_TESTS = 100
"""Test images of every rare class from which on the data's own test split is used as it is."""


class Comparison(NamedTuple):
    """What a preset compares: arms as text, how many repetitions of them, and how many folds."""

    arms: str
    seeds: int
    folds: int = 5


class StudyPreset(NamedTuple):
    """Some fields of a `StudyConfig`; a `Comparison` by protocol, the generator by its name."""

    comparisons: dict[str, Comparison]
    steps: int
    batch_size: int
    epochs: int
    generator: str


SMOKE_ARMS = "none,balanced+affine,conditional-vae:latent-perturbation+affine"
QUICK_ARMS = "none,balanced+auto,balanced+auto+half,conditional-vae:latent-perturbation+auto"
STUDY_PRESETS = {
    "smoke": StudyPreset(
        comparisons={
            HOLDOUT: Comparison(SMOKE_ARMS, seeds=1),
            CROSS_VALIDATION: Comparison(SMOKE_ARMS, seeds=1, folds=2),
        },
        steps=20,
        batch_size=64,
        epochs=2,
        generator="smoke",
    ),
    "quick": StudyPreset(
        comparisons={
            HOLDOUT: Comparison(QUICK_ARMS, seeds=3),
            CROSS_VALIDATION: Comparison(QUICK_ARMS, seeds=1),
        },
        steps=400,
        batch_size=256,
        epochs=4,
        generator="quick",
    ),
    "paper": StudyPreset(
        comparisons={
            HOLDOUT: Comparison(
                "none,oversample,crop-rotate,balanced+auto,balanced+auto+half,"
                "conditional-wgan:100,conditional-wgan:1000,conditional-wgan:2000,"
                "conditional-wgan:4500,gan:100,gan:1000,gan:2000,gan:4500,"
                "vae:4500,wgan:4500,progressive-wgan:4500,"
                "conditional-vae:class-balanced+auto,conditional-vae-wgan:class-balanced+auto,"
                "conditional-vae:latent-perturbation+auto,full+auto",
                seeds=5,
            ),
            CROSS_VALIDATION: Comparison(
                "none,oversample,balanced+auto,balanced+auto+half,conditional-wgan,"
                "conditional-vae:class-balanced+auto,conditional-vae:latent-perturbation+auto",
                seeds=3,
            ),
        },
        steps=1000,
        batch_size=256,
        epochs=10,
        generator="quick",
    ),
}


COLOUR_FACTOR = 2.5
"""How much longer classifiers of colour images are trained."""


def choose_steps(preset: str, image_shape: tuple[int, int, int]) -> int:
    """How many training steps a preset has for images of a kind.

    Args:
        preset: A key of `STUDY_PRESETS`.
        image_shape: `(height, width, channels)`. Objects in colour take longer to learn: after 400
            steps, the training loss of CIFAR-10's images is still falling.

    Example:
        >>> choose_steps("quick", (32, 32, 3))
        1000
    """
    steps = STUDY_PRESETS[preset].steps
    return steps if image_shape[-1] == 1 else round(COLOUR_FACTOR * steps)


class Recipe(NamedTuple):
    """How the classifier of an arm is trained, the same for all.

    Attributes:
        classifier: What `classifiers.resolve` returned.
        steps: Training steps in all, a multiple of `epochs`.
        batch_size: Images per step.
        epochs: How many points the learning curves have.
    """

    classifier: str
    steps: int
    batch_size: int
    epochs: int

    def shortened(self, share: float) -> "Recipe":
        """A training of a share of the steps, at least one, in one epoch."""
        return self._replace(steps=max(1, round(self.steps * share)), epochs=1)

    def shared_by(self, count: int) -> "Recipe":
        """The part of a training for each of `count` members, in epochs of equal length."""
        steps = max(1, self.steps // count)
        epochs = min(self.epochs, steps)
        return self._replace(steps=steps // epochs * epochs, epochs=epochs)


@dataclasses.dataclass(frozen=True)
class StudyConfig:
    """Everything that a study is a function of, beside the content of the data set.

    Attributes:
        dataset: What `data.load` takes.
        keep: By class, how many of its images are used; see `ImageDataset.reduce`.
        arms: What is compared.
        seeds: Number of repetitions; each has its own splits, generators and classifiers.
        steps, batch_size, epochs: See `Recipe`.
        generator: How generators are trained.
        classifier: What every arm trains: `"small-cnn"`, `"module:function"`,
            `"path/file.py:function"`, `"keras.applications:NAME"` or `"path/model.keras"`; see
            `classifiers.build`.
        protocol: `"holdout"` or `"cross-validation"`, see `protocol.Protocol`.
        folds: How many folds cross-validation has, at least 2.
        generator_folder: A trained generator that is used instead, or None. All repetitions then
            share the split that it was trained on; with holdout only.
        precision: One of `runtime.POLICIES`; None for that of the study that is resumed, or else
            the fastest here.
        latent_map: Whether to train the autoencoder that draws a map of the data for the report.
        loading: What `data.load` takes beside the name.
    """

    dataset: str
    keep: dict[str, int | float]
    arms: tuple[Arm, ...]
    seeds: int
    steps: int
    batch_size: int
    epochs: int
    generator: GeneratorPreset
    classifier: str = SMALL_CNN
    protocol: str = HOLDOUT
    folds: int = 5
    generator_folder: str | None = None
    precision: str | None = None
    latent_map: bool = True
    loading: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        """Holds what JSON would, as the folder of the study does that it is compared with."""
        check_names(self.keep)
        object.__setattr__(self, "loading", as_json(self.loading))

    @property
    def models(self) -> list[str]:
        """The generative models that the arms need."""
        return sorted({arm.model for arm in self.arms if arm.model is not None})

    @property
    def recipe(self) -> Recipe:
        """The training of each classifier."""
        return Recipe(self.classifier, self.steps, self.batch_size, self.epochs)

    @classmethod
    def from_preset(
        cls, preset: str, dataset: str, keep: dict[str, int | float], **changes: Any
    ) -> "StudyConfig":
        """Makes a configuration from a preset.

        Args:
            preset: A key of `STUDY_PRESETS`.
            dataset: See the class.
            keep: See the class.
            **changes: Fields of the class that differ from the preset's, which has other arms,
                seeds and folds for each `protocol`, and smaller batches for a network of
                `keras.applications`; those that are None do not. `arms` may be a text with commas
                between the arms.

        Raises:
            InputError: If there is no such preset or arm.

        Example:
            >>> StudyConfig.from_preset("quick", "mnist", {"5": 54}, seeds=5).recipe
            Recipe(classifier='small-cnn', steps=400, batch_size=256, epochs=4)
        """
        if preset not in STUDY_PRESETS:
            names = ", ".join(STUDY_PRESETS)
            raise InputError(f"`preset` must be one of {names}. Received: preset={preset!r}")
        fields: dict[str, Any] = STUDY_PRESETS[preset]._asdict()
        comparisons, protocol = fields.pop("comparisons"), changes.get("protocol") or HOLDOUT
        if protocol not in comparisons:
            names = ", ".join(comparisons)
            raise InputError(f"`protocol` must be one of {names}. Received: protocol={protocol!r}")
        fields |= comparisons[protocol]._asdict()
        fields["generator"] = GENERATOR_PRESETS[fields["generator"]]
        if (changes.get("classifier") or SMALL_CNN).startswith(APPLICATIONS):
            fields["batch_size"] = min(fields["batch_size"], APPLICATION_BATCH)
        fields |= {name: value for name, value in changes.items() if value is not None}
        arms, steps = fields["arms"], fields["steps"]
        fields["arms"] = parse_list(arms if isinstance(arms, str) else ",".join(map(str, arms)))
        # Epochs of equal length, so that the steps are exactly as many as asked for.
        fields["epochs"] = max(n for n in range(1, fields["epochs"] + 1) if steps % n == 0)
        return cls(dataset, keep, **fields)

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> "StudyConfig":
        """Makes a configuration from what `as_dict` returned."""
        generator = GeneratorPreset(**config["generator"])
        arms = tuple(map(parse, config["arms"]))
        return cls(**{**config, "arms": arms, "generator": generator})

    def as_dict(self) -> dict[str, Any]:
        """The configuration as JSON can hold it."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        arms = [str(arm) for arm in self.arms]
        return {**fields, "arms": arms, "generator": self.generator._asdict()}
