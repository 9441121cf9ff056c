"""What the package offers: every name is documented, and every example does what it says."""

import doctest
import inspect
import sys

import pytest

import kerasaug

PUBLIC = {name: getattr(kerasaug, name) for name in kerasaug.__all__}
NAMESPACES = {
    "kerasaug": kerasaug,
    **{name: value for name, value in PUBLIC.items() if inspect.ismodule(value)},
}
OBJECTS = {
    f"{place}.{name}": getattr(namespace, name)
    for place, namespace in NAMESPACES.items()
    for name in namespace.__all__
    if callable(getattr(namespace, name))
}
WITHOUT = {"Entry", "AdversarialModel", "EncodingModel", "GenerativeModel"}
"""What is there to be filled in or inherited from."""

WHOLE_STUDIES = ("study.Study", "study.winner")


def test_everything_public_is_there():
    assert set(NAMESPACES) == {"kerasaug", "data", "models", "study"}
    assert {"kerasaug.ProgressBar", "data.load", "models.create", "study.Study"} <= set(OBJECTS)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.thorough if name in WHOLE_STUDIES else ())
        for name in OBJECTS
    ],
)
def test_a_public_object_is_documented_by_an_example_that_runs(
    name, tmp_path, monkeypatch, request
):
    documented = OBJECTS[name]
    assert documented.__doc__
    monkeypatch.chdir(tmp_path)
    if name in WHOLE_STUDIES:
        # Several trainings of two steps; the others take enough steps for a graph.
        request.getfixturevalue("eagerly")
    names = vars(sys.modules[documented.__module__])
    finder = doctest.DocTestFinder(recurse=True)
    runner = doctest.DocTestRunner()
    for test in finder.find(documented, documented.__name__, globs=dict(names)):
        runner.run(test)
    assert runner.failures == 0
    assert runner.tries > 0 or documented.__name__ in WITHOUT
