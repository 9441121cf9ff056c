"""How long to train, by name."""

from typing import NamedTuple

from kerasaug.models.registry import MODELS


class GeneratorPreset(NamedTuple):
    """The size and length of a generative model's training.

    Attributes:
        steps: Generator steps, of most models; see `of`, as for the learning rate.
        batch_size: Real images per critic step.
        width: Feature maps at full resolution.
        learning_rate: Of all optimizers, which are Adam.
        judge_steps: How long the classifier is trained that measures the images; see `judge.Judge`.
    """

    steps: int
    batch_size: int
    width: int
    learning_rate: float
    judge_steps: int = 400

    def of(self, model: str) -> "GeneratorPreset":
        """The preset as one model takes it.

        Args:
            model: A key of `registry.MODELS`.
        """
        entry = MODELS[model]
        return self._replace(
            steps=self.steps * entry.steps_factor,
            learning_rate=entry.learning_rate or self.learning_rate,
        )


class StudyPreset(NamedTuple):
    """The length of a comparison.

    Attributes:
        arms: What is compared, as `--arms` takes it.
        seeds: Repetitions.
        steps: Steps of each classifier.
        batch_size: Images per step.
        epochs: Points on the learning curves.
        generator: The preset that generators are trained with.
    """

    arms: str
    seeds: int
    steps: int
    batch_size: int
    epochs: int
    generator: str


GENERATOR_PRESETS = {
    "smoke": GeneratorPreset(steps=20, batch_size=16, width=8, learning_rate=5e-4, judge_steps=20),
    "quick": GeneratorPreset(steps=500, batch_size=64, width=16, learning_rate=5e-4),
    "default": GeneratorPreset(steps=4000, batch_size=64, width=32, learning_rate=2e-4),
    "paper": GeneratorPreset(steps=20_000, batch_size=64, width=64, learning_rate=2e-4),
}
STUDY_PRESETS = {
    "smoke": StudyPreset(
        arms="none,balanced+affine,conditional-wgan",
        seeds=2,
        steps=20,
        batch_size=64,
        epochs=2,
        generator="smoke",
    ),
    "quick": StudyPreset(
        arms=(
            "none,oversample,crop-rotate,balanced+affine,balanced+affine+adjusted,"
            "conditional-wgan,conditional-vae:varied+affine,conditional-vae:varied+affine+adjusted"
        ),
        seeds=3,
        steps=400,
        batch_size=256,
        epochs=4,
        generator="quick",
    ),
    "paper": StudyPreset(
        arms=(
            "none,none+adjusted,oversample,crop-rotate,balanced+auto,balanced+auto+adjusted,"
            "conditional-wgan:100,conditional-wgan:1000,conditional-wgan:2000,"
            "conditional-wgan:4500,conditional-wgan:4500+adjusted,gan:100,gan:1000,gan:2000,gan:4500,"
            "gan:4500+adjusted,vae:4500,wgan:4500,progressive-wgan:4500,"
            "conditional-vae:symmetric+auto,conditional-vae:symmetric+auto+adjusted,"
            "conditional-vae-wgan:symmetric+auto,conditional-vae-wgan:symmetric+auto+adjusted,"
            "conditional-vae:varied+auto,conditional-vae:varied+auto+adjusted,full+auto"
        ),
        seeds=5,
        steps=1000,
        batch_size=256,
        epochs=10,
        generator="quick",
    ),
}
