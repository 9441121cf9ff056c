"""A comparison on the tiny data set, for the tests of studies."""

import dataclasses

import keras
import pytest

from kerasaug.presets import GeneratorPreset
from kerasaug.study import choices, results
from kerasaug.study.config import StudyConfig
from kerasaug.study.runner import Study

CONFIG = StudyConfig(
    dataset="tiny",
    keep={"bottom": 3},
    arms=("none", "crop-rotate", "balanced+affine", "conditional-wgan:10+affine"),
    seeds=2,
    steps=4,
    batch_size=8,
    epochs=2,
    generator=GeneratorPreset(2, batch_size=4, width=4, learning_rate=1e-3, judge_steps=2),
    precision="float32",
    latent_map=False,
)


def run(tiny, output, **changes):
    return Study(dataclasses.replace(CONFIG, **changes), tiny, output).run()


@pytest.fixture(scope="module")
def small():
    """Makes studies of the tiny data set fast, and its few test images enough for a verdict."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fit", "predict"):
            real = getattr(keras.Model, name)

            # Trainings of a few steps are done long before their graph is traced.
            def call(model, *arguments, real=real, **options):
                model.run_eagerly = True
                return real(model, *arguments, **options)

            patch.setattr(keras.Model, name, call)
        patch.setattr(results, "FEW_TESTS", 20)
        # Two say as much of how one is chosen as five.
        patch.setattr(choices, "AUGMENTED", ["balanced", "balanced+affine"])
        yield
