"""Which arm a study recommends, from predictions made by hand."""

import pytest
from studies import study

from kerasaug.study.winner import choose


@pytest.mark.parametrize(
    ("skills", "best"),
    [
        ({"none": 0.3, "oversample": 0.6, "balanced+affine": 0.8, "gan": 0.4}, "balanced+affine"),
        ({"none": 0.3, "balanced+affine": 0.5, "gan": 0.9}, "gan"),
        # Better than the baseline alone is too little for a generator.
        ({"none": 0.3, "balanced+affine": 0.7, "gan": 0.7001}, "balanced+affine"),
        ({"none": 0.6, "oversample": 0.3, "gan": 0.2}, "none"),
        # Neither can be taken home.
        ({"none": 0.3, "full": 0.9, "balanced+half": 0.9, "balanced": 0.6}, "balanced"),
    ],
)
def test_the_best_arm_that_helps_is_chosen(skills, best):
    assert str(choose(study(skills)["arms"])) == best
