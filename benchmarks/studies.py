"""The quick study of MNIST's fives, for benchmarks that time it whole or in part."""

import keras

from kerasaug import data
from kerasaug.data.dataset import ImageDataset
from kerasaug.presets import GENERATOR_PRESETS, STUDY_PRESETS
from kerasaug.study.arms import parse_list
from kerasaug.study.config import StudyConfig
from kerasaug.study.runner import Study


class Silent:
    """A follower that shows nothing."""

    def say(self, line: str) -> None:
        """Shows nothing."""

    def advance(self, units: float) -> None:
        """Counts nothing."""

    def following(self, description: str, units_per_step: float = 1.0) -> keras.callbacks.Callback:
        """Follows nothing."""
        return keras.callbacks.Callback()


def quick(
    output: str,
    *,
    seeds: int,
    arms: str = STUDY_PRESETS["quick"].arms,
    dataset: ImageDataset | None = None,
    latent_map: bool = True,
) -> Study:
    """Makes the study.

    Args:
        output: Its folder.
        seeds: Repetitions.
        arms: As `bin/evaluate` takes them.
        dataset: What takes the place of MNIST.
        latent_map: Whether the report's map is drawn.
    """
    preset = STUDY_PRESETS["quick"]
    dataset = data.load("mnist") if dataset is None else dataset
    config = StudyConfig(
        dataset=dataset.name,
        keep={"5": 54},
        arms=tuple(map(str, parse_list(arms))),
        seeds=seeds,
        steps=preset.steps,
        batch_size=preset.batch_size,
        epochs=preset.epochs,
        generator=GENERATOR_PRESETS[preset.generator],
        generator_folder=None,
        precision=None,
        latent_map=latent_map,
    )
    return Study(config, dataset, output)
