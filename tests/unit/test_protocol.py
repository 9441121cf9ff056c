"""How the data of a study are divided: into repetitions, or into folds."""

import dataclasses
import importlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from kerasaug.errors import InputError
from kerasaug.study import protocol, tasks, worker
from kerasaug.study.arms import parse_list
from kerasaug.study.config import FEWEST_TESTS, StudyConfig
from kerasaug.study.protocol import Protocol, Split
from kerasaug.study.task import GENERATOR, TRIAL, Task
from kerasaug.training.config import GENERATOR_PRESETS


def config(**changes):
    fields = {"arms": parse_list("none"), "seeds": 2, "steps": 4, "batch_size": 8, "epochs": 2}
    fields |= {"generator": GENERATOR_PRESETS["smoke"], "keep": {"bottom": 6}, **changes}
    return StudyConfig("tiny", **fields)


def folded(dataset, **changes):
    return Protocol(config(protocol="cross-validation", **{"folds": 3, **changes}), dataset)


def with_tests(dataset, counts):
    return dataclasses.replace(dataset, test_labels=np.repeat(np.arange(3), counts))


@pytest.mark.parametrize(
    ("counts", "chosen"),
    [
        ((1, 1, FEWEST_TESTS), "holdout"),
        ((500, 500, FEWEST_TESTS - 1), "cross-validation"),
    ],
)
def test_a_test_split_is_used_if_it_has_enough_images_of_every_rare_class(tiny, counts, chosen):
    dataset = with_tests(tiny, counts)
    assert dataset.rare_classes == [2]
    assert protocol.choose_protocol("auto", dataset) == chosen
    # What is asked for is done, whatever the data.
    for asked in ("holdout", "cross-validation"):
        assert protocol.choose_protocol(asked, dataset) == asked


def test_of_several_rare_classes_the_one_with_the_fewest_test_images_decides(tiny):
    dataset = with_tests(tiny, (500, FEWEST_TESTS - 1, 500))
    assert protocol.choose_protocol("auto", dataset) == "holdout"
    assert protocol.choose_protocol("auto", dataset.naming_rare([1, 2])) == "cross-validation"


def test_a_test_split_that_was_split_off_is_put_back(tiny):
    split = with_tests(tiny.pooled().split_test(0.5), (500, 500, 500))
    assert protocol.choose_protocol("auto", split) == "cross-validation"
    with pytest.raises(InputError, match="`protocol` must be one of auto, holdout, cross-val"):
        protocol.choose_protocol("folds", split)


def test_holdout_reduces_every_repetition_by_its_own_seed(tiny):
    study = Protocol(config(), tiny)
    assert study.splits == [Split(0), Split(1)]
    for split in study.splits:
        reduced = study.reduced(split)
        assert reduced.fingerprint == tiny.reduce({"bottom": 6}, split.repetition).fingerprint
        assert reduced.test_counts == [20, 20, 20]
        assert study.full(split) is tiny
        # Options of an arm are chosen once for all repetitions.
        assert study.choosing(split) == Split(0)
    assert study.data.fingerprint == study.reduced(Split(0)).fingerprint
    one = Protocol(config(), tiny, split_seed=7)
    prints = {one.reduced(split).fingerprint for split in one.splits}
    assert prints == {tiny.reduce({"bottom": 6}, 7).fingerprint}


def test_cross_validation_reduces_once_and_deals_each_repetition_into_other_folds(tiny):
    study = folded(tiny)
    pairs = list(itertools.product(range(2), range(3)))
    assert study.splits == [Split(repetition, fold) for repetition, fold in pairs]
    assert study.data.class_counts == [60, 60, 6]
    assert study.data.rare_classes == [2]
    tested = {}
    for split in study.splits:
        fold = study.reduced(split)
        assert (fold.class_counts, fold.test_counts) == ([40, 40, 4], [20, 20, 2])
        tested.setdefault(split.repetition, []).append(fold.test_indices)
        assert not set(fold.test_indices) & set(fold.indices)
        full = study.full(split)
        np.testing.assert_array_equal(full.test_indices, fold.test_indices)
        assert full.class_counts == [40, 40, 30]
        # Each fold chooses by itself: the others' training images are its test images.
        assert study.choosing(split) == split
    for folds in tested.values():
        np.testing.assert_array_equal(np.sort(np.concatenate(folds)), np.sort(study.data.indices))
    first, second = (list(map(set, folds)) for folds in tested.values())
    assert not any(fold in second for fold in first)


def test_classes_that_are_rare_stay_so_in_every_fold(tiny):
    """Also where a fold's sizes alone would say otherwise."""
    study = folded(tiny, keep={"bottom": 7}, folds=7)
    sizes = {tuple(study.reduced(split).class_counts) for split in study.splits}
    assert len(sizes) > 1
    rare = {tuple(study.reduced(split).rare_classes) for split in study.splits}
    assert rare == {(2,)}
    named = folded(tiny.naming_rare(["top"]))
    assert {tuple(named.reduced(split).rare_classes) for split in named.splits} == {(0,)}


def test_what_is_in_memory_is_divided_as_what_is_read_from_disk(streamed):
    read, held = folded(streamed), folded(streamed)
    held.load_into_memory()
    assert held.whole.in_memory is not None
    for split in held.splits:
        part = held.reduced(split)
        assert part.in_memory.images is held.whole.in_memory.images
        assert part.fingerprint == read.reduced(split).fingerprint
        np.testing.assert_array_equal(part.test_indices, read.reduced(split).test_indices)


def test_no_two_trainings_share_a_seed_or_a_file():
    splits = [Split(repetition, fold) for repetition in range(100) for fold in range(100)]
    assert len({split.seed for split in splits}) == len(splits)
    assert len({split.file_name for split in [*splits, *map(Split, range(100))]}) == 10_100
    # The first fold of a repetition has the seed of the repetition.
    assert Split(3).seed == Split(3, 0).seed == 3


def test_splits_are_named_by_repetition_and_fold():
    assert (str(Split(2)), Split(2).file_name) == ("seed 2", "seed2")
    assert (str(Split(2, 0)), Split(2, 0).file_name) == ("seed 2, fold 0", "seed2-fold0")


@pytest.mark.parametrize("split", [Split(1), Split(1, 0), Split(0, 3)])
def test_a_task_survives_the_way_to_another_process(split):
    for task in (Task(TRIAL, parse_list("none")[0], split), Task(GENERATOR, "vae", split)):
        assert Task.from_text(*task.as_text()) == task


def test_a_class_of_one_group_is_refused(tiny):
    folded(tiny).check()
    pooled = tiny.pooled()
    labels = pooled.train_labels
    one_part = np.where(labels == 2, 10_000, np.arange(len(labels)))
    with pytest.raises(InputError, match="all images of class bottom are in one fold"):
        folded(dataclasses.replace(tiny, groups=one_part)).check()
    two_parts = np.where((labels == 2) & (np.arange(len(labels)) % 2), 10_001, one_part)
    folded(dataclasses.replace(tiny, groups=two_parts), seeds=1).check()


def test_a_configuration_holds_what_json_holds():
    loading = {"image_size": (16, 16), "labels": Path("labels.csv")}
    with pytest.raises(InputError, match="names of classes as keys. Received: 1"):
        config(keep={1: 20})
    mixed = config(loading=loading)
    assert mixed.loading == {"image_size": [16, 16], "labels": "labels.csv"}
    assert StudyConfig.from_dict(json.loads(json.dumps(mixed.as_dict()))) == mixed


def test_a_worker_reads_data_again_that_have_changed(monkeypatch):
    reads = []
    module = importlib.import_module("kerasaug.data.load")
    monkeypatch.setattr(module, "load", lambda name, **loading: reads.append(name))
    monkeypatch.setattr(tasks, "Tasks", lambda config, dataset, output: object())
    monkeypatch.setattr(worker, "_studies", {})
    monkeypatch.setattr(worker, "limit_threads", lambda: None)
    first = worker._tasks(config().as_dict(), "out", "before")
    assert worker._tasks(config().as_dict(), "out", "before") is first
    assert worker._tasks(config().as_dict(), "out", "after") is not first
    assert len(reads) == 2
