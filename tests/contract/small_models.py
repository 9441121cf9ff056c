"""Small models of every registered name, for the contract tests."""

import pytest

from kerasaug.models import MODELS, AdversarialModel, create
from kerasaug.models.registry import model_class
from kerasaug.runtime import make_reproducible

SHAPE = (8, 8, 1)
CLASSES = 3
ALIKE = {"wgan", "progressive-wgan"}
"""Models that hold nothing that others do not: what takes seconds is tried with those."""
every_model = pytest.mark.parametrize("name", MODELS)
LARGE = {"conditional-progressive-wgan", "conditional-vae-wgan"}
"""Models whose graphs take longest to trace."""
MARKS = {name: pytest.mark.slow for name in ALIKE} | {name: pytest.mark.thorough for name in LARGE}
every_kind = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=MARKS.get(name, ())) for name in MODELS]
)


def make(name, image_shape=SHAPE, **options):
    make_reproducible(0)
    small = {"width": 4, "latent_dim": 4}
    if model_class(name).grows:
        # Its graph holds every stage: one critic step each keeps it small. A phase is long enough
        # to stop in the middle of a fade, and short enough to reach the last stage.
        small |= {"n_critic": 1, "phase_steps": 2}
    elif issubclass(model_class(name), AdversarialModel):
        small |= {"n_critic": 2}
    model = create(name, image_shape, CLASSES, **{**small, **options})
    model.compile_for_training(1e-3)
    return model


def batches(tiny, size=12):
    return tiny.batches(size, balanced=True, seed=0)
