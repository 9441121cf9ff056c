"""What the training of a generator is a function of; free of TensorFlow."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from kerasaug.errors import InputError
from kerasaug.files import as_json

LEARNING_RATES = {"vae": 1e-3, "conditional-vae": 1e-3}
"""Of models that take another learning rate than the preset's."""
STEPS_FACTORS = {"conditional-vae": 2}
"""By how much more steps than the preset's a model takes, because its steps are as much faster."""
SMALL_SIDE = 32
"""Pixels of the longer side, up to which autoencoders have the preset's width, and beyond it half.

Of magnetic tiles at 48 pixels, the loss is the same to one nat of 1,400, for 0.4 of the time."""
STEP_COSTS = {
    "gan": 1.7,
    "vae": 0.9,
    "conditional-vae": 1.1,
    "conditional-vae-wgan": 6.0,
    "progressive-wgan": 20.0,
    "conditional-progressive-wgan": 20.0,
}
OTHER_STEP_COST = 4.5
"""Classifier steps that take as long as one step of a generator, for progress bars: of the preset
`quick` on one core, between those of 28x28 and of 48x48 pixels."""


def step_cost(model: str) -> float:
    """Classifier steps that take about as long as one step of a model, a key of the registry."""
    return STEP_COSTS.get(model, OTHER_STEP_COST)


class GeneratorPreset(NamedTuple):
    """The size and length of a generative model's training.

    Attributes:
        steps: Generator steps, of most models; see `of`, as for the learning rate.
        batch_size: Real images per critic step.
        width: Feature maps at full resolution; see `of`.
        learning_rate: Of all optimizers, which are Adam.
        evaluator_steps: Training steps of the classifier that measures the images afterwards.
    """

    steps: int
    batch_size: int
    width: int
    learning_rate: float
    evaluator_steps: int = 400

    def of(self, model: str, image_shape: tuple[int, int, int]) -> "GeneratorPreset":
        """The preset as one model takes it.

        Args:
            model: A key of `registry.MODELS`.
            image_shape: `(height, width, channels)`.
        """
        halved = model in ("vae", "conditional-vae") and max(image_shape[:2]) > SMALL_SIDE
        return self._replace(
            steps=self.steps * STEPS_FACTORS.get(model, 1),
            width=self.width // 2 if halved else self.width,
            learning_rate=LEARNING_RATES.get(model, self.learning_rate),
        )


GENERATOR_PRESETS = {
    "smoke": GeneratorPreset(
        steps=20, batch_size=16, width=8, learning_rate=5e-4, evaluator_steps=20
    ),
    "quick": GeneratorPreset(steps=500, batch_size=64, width=16, learning_rate=5e-4),
    "default": GeneratorPreset(steps=4000, batch_size=64, width=32, learning_rate=2e-4),
    "paper": GeneratorPreset(steps=20_000, batch_size=64, width=64, learning_rate=2e-4),
}


def check_names(keep: Mapping[Any, Any]) -> None:
    """Raises `InputError` if classes are not named: an index would be read back as a name."""
    for name in keep:
        if not isinstance(name, str):
            raise InputError(f"`keep` must have the names of classes as keys. Received: {name!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Everything that a training is a function of, beside the content of the data set.

    Attributes:
        model: A key of `registry.MODELS`.
        dataset: What `data.load` takes.
        keep: By class, how many of its images are used; see `ImageDataset.reduce`.
        steps, batch_size, width, learning_rate, evaluator_steps: See `GeneratorPreset`.
        seed: Of the split, the initial weights and everything random.
        precision: One of `runtime.POLICIES`; None for that of the training that is resumed, or else
            the fastest here.
        augment: Whether an adversarial model sees classes with few images through
            `models.differentiable_augmentation`, and a conditional autoencoder all images through
            `augment.affine`.
        latent_dim: Length of the latents; None for the model's own.
        loading: What `data.load` takes beside the name.
    """

    model: str
    dataset: str
    keep: dict[str, int | float] = dataclasses.field(default_factory=dict)
    steps: int
    batch_size: int
    width: int
    learning_rate: float
    evaluator_steps: int = 400
    seed: int = 0
    precision: str | None = None
    augment: bool = True
    latent_dim: int | None = None
    loading: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        """Holds what JSON would, as `run.json` does that it is compared with."""
        check_names(self.keep)
        object.__setattr__(self, "loading", as_json(self.loading))
