"""What the package offers: every name is documented, and every example does what it says."""

import doctest
import sys

import pytest

import kerasaug

NAMESPACES = {
    "kerasaug": kerasaug,
    **{name: getattr(kerasaug, name) for name in kerasaug.__all__ if name.islower()},
}
OBJECTS = {
    f"{place}.{name}": getattr(namespace, name)
    for place, namespace in NAMESPACES.items()
    for name in namespace.__all__
    if callable(getattr(namespace, name))
}
WITHOUT = {"Entry", "Follower", "AdversarialModel", "EncodingModel", "GenerativeModel"}
"""What is there to be filled in or inherited from."""


@pytest.mark.parametrize("name", OBJECTS)
def test_a_public_object_is_documented_by_an_example_that_runs(name, tmp_path, monkeypatch):
    found = OBJECTS[name]
    assert found.__doc__
    monkeypatch.chdir(tmp_path)
    names = vars(sys.modules[found.__module__])
    tests = doctest.DocTestFinder(recurse=True).find(found, found.__name__, globs=dict(names))
    runner = doctest.DocTestRunner()
    for test in tests:
        runner.run(test)
    assert runner.failures == 0
    assert runner.tries > 0 or found.__name__ in WITHOUT
