"""The quick study of MNIST's fives, for benchmarks that time it whole or in part."""

from kerasaug import data
from kerasaug.data.dataset import ImageDataset
from kerasaug.study import Study, StudyConfig
from kerasaug.study.config import STUDY_PRESETS
from kerasaug.training.config import GENERATOR_PRESETS


def quick(
    output: str,
    *,
    seeds: int,
    arms: str | None = None,
    dataset: ImageDataset | None = None,
    latent_map: bool = True,
    shorter: int = 1,
) -> Study:
    """Makes the study.

    Args:
        output: Its folder.
        seeds: Repetitions.
        arms: As `bin/evaluate` takes them; None for the preset's.
        dataset: Replaces MNIST.
        latent_map: Whether the report's map is drawn.
        shorter: Divides the steps of all trainings.
    """
    preset, dataset = STUDY_PRESETS["quick"], dataset or data.load("mnist")
    generator = GENERATOR_PRESETS[preset.generator]
    config = StudyConfig.from_preset(
        "quick",
        dataset.name,
        {"5": 54},
        arms=arms,
        seeds=seeds,
        steps=preset.steps // shorter,
        generator=generator._replace(
            steps=generator.steps // shorter, evaluator_steps=generator.evaluator_steps // shorter
        ),
        latent_map=latent_map,
    )
    return Study(config, dataset, output)
