"""A comparison on the tiny data set, for the tests of studies."""

import dataclasses

import pytest

from kerasaug import plots
from kerasaug.study import selection
from kerasaug.study.arms import parse_list
from kerasaug.study.config import StudyConfig
from kerasaug.study.runner import Study
from kerasaug.training.config import GeneratorPreset

CONFIG = StudyConfig(
    dataset="tiny",
    keep={"bottom": 3},
    arms=parse_list("none,balanced+affine,conditional-wgan:10+affine"),
    seeds=2,
    steps=2,
    batch_size=8,
    epochs=2,
    generator=GeneratorPreset(2, batch_size=4, width=4, learning_rate=1e-3, evaluator_steps=2),
    precision="float32",
    latent_map=False,
)


def changed(**changes):
    """The configuration with other values; arms as a text with commas."""
    if "arms" in changes:
        changes["arms"] = parse_list(changes["arms"])
    return dataclasses.replace(CONFIG, **changes)


def run(tiny, output, **changes):
    return Study(changed(**changes), tiny, output).run()


def draw_nothing(patch):
    """Leaves out the figures, which take longer than trainings of a few steps."""
    patch.setattr(plots, "save_figure", lambda figure, path: None)


@pytest.fixture
def undrawn(monkeypatch):
    """As `draw_nothing`, in a test."""
    draw_nothing(monkeypatch)


@pytest.fixture(scope="module")
def small(eagerly):
    """Makes studies of the tiny data set."""
    with pytest.MonkeyPatch.context() as patch:
        # Two test the selection as well as five.
        patch.setattr(selection, "CANDIDATES", parse_list("balanced,balanced+affine"))
        yield
