"""Which arm a study recommends, from predictions made by hand."""

import pytest
from studies import study

from kerasaug.study.recommended import choose


def test_it_is_the_arm_that_was_trained():
    results = study({"none": 0.3, "balanced+auto": 0.8})
    results["arms"]["balanced+auto"]["trainings"][0]["trained"] = "balanced+affine"
    assert str(choose(results["arms"])) == "balanced+affine"


def test_a_function_and_no_module_is_found_however_often():
    import kerasaug as ka

    for _ in range(2):
        assert callable(ka.study.winner)
    choose({})
    assert callable(ka.study.winner)


@pytest.mark.parametrize(
    ("skills", "best"),
    [
        ({"none": 0.3, "oversample": 0.6, "balanced+affine": 0.8, "gan": 0.4}, "balanced+affine"),
        ({"none": 0.3, "balanced+affine": 0.5, "gan": 0.9}, "gan"),
        # Better than the baseline alone is too little for a generator.
        ({"none": 0.3, "balanced+affine": 0.7, "gan": 0.7001}, "balanced+affine"),
        ({"none": 0.6, "oversample": 0.3, "gan": 0.2}, "none"),
        # Batches alone do not make these.
        ({"none": 0.3, "full": 0.9, "balanced+half": 0.9, "balanced": 0.6}, "balanced"),
        ({"none": 0.3, "ensemble": 0.9, "balanced+logit-adjusted": 0.9, "smote": 0.6}, "smote"),
    ],
)
def test_the_best_arm_that_helps_is_chosen(skills, best):
    assert str(choose(study(skills)["arms"])) == best
