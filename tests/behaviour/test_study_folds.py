"""Cross-validation: what each fold sees, and that every image is tested once."""

import collections
import dataclasses
import json

import keras
import numpy as np
import pytest
from small_study import changed, draw_nothing, run, small, undrawn  # noqa: F401

from kerasaug import data
from kerasaug.data.streams import collect
from kerasaug.progress import Progress
from kerasaug.study import protocol, synthesis, trial
from kerasaug.study.arms import parse
from kerasaug.study.protocol import Split
from kerasaug.study.runner import Study
from kerasaug.study.task import PROXY, TRIAL, Task

pytestmark = pytest.mark.usefixtures("small")
undrawn_too = pytest.mark.usefixtures("undrawn")

MODEL = "conditional-vae"
ARMS = ("none+logit-adjusted", "none+half", "full", f"{MODEL}:class-balanced+auto")
OPTIONS = {
    "arms": ",".join(ARMS),
    "protocol": "cross-validation",
    "folds": 2,
    "seeds": 1,
    "keep": {"bottom": 6},
    "steps": 2,
}
FIRST = Split(0, 0)


class Observed:
    """What trials were trained and tested on, and what label filters confirmed, by split's seed."""

    def __init__(self, patch):
        self.trials, self.confirmed = {}, collections.defaultdict(list)
        run_trial, confirmed = trial.run_trial, synthesis.Synthesizer._confirmed

        def record_trial(arm, inputs, length, *, seed, **options):
            self.trials[str(arm), seed] = inputs
            return run_trial(arm, inputs, length, seed=seed, **options)

        def confirm_all(synthesizer, images, class_id):
            # Hardly any image of these short trainings is confirmed, so all are used.
            self.confirmed[synthesizer.seed].append(confirmed(synthesizer, images, class_id))
            return np.ones(len(images), bool)

        patch.setattr(trial, "run_trial", record_trial)
        patch.setattr(synthesis.Synthesizer, "_confirmed", confirm_all)


@pytest.fixture(scope="module")
def folded(tiny, tmp_path_factory):
    """A finished study, its results, and what was observed."""
    study = Study(changed(**OPTIONS), tiny, tmp_path_factory.mktemp("folded") / "out")
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        observed = Observed(patch)
        results = study.run()
    return study, results, observed


def as_set(images):
    return {image.tobytes() for image in images}


def test_every_image_is_predicted_once_by_what_was_trained_on_others(folded):
    study, results, observed = folded
    assert not results["failures"]
    whole = study.protocol.whole
    images, labels = collect(whole.train)
    assert len(labels) == 152
    for name, repetitions in study.tasks.repetitions().items():
        (repetition,) = repetitions
        predicted = np.concatenate([fold.images for fold in repetition.folds])
        np.testing.assert_array_equal(np.sort(predicted), np.sort(study.protocol.data.indices))
        for number, fold in enumerate(repetition.folds):
            np.testing.assert_array_equal(fold.labels, labels[fold.images])
            trained = repetition.trainings[number]["trained"]
            inputs = observed.trials[trained, Split(0, number).seed]
            np.testing.assert_array_equal(inputs.dataset.test_indices, fold.images)
            tested = as_set(images[fold.images])
            assert tested == as_set(collect(inputs.dataset.test)[0])
            source = inputs.full if name == "full" else inputs.dataset
            assert not tested & as_set(collect(source.train)[0])
        matrix = np.array(results["arms"][name]["repetitions"][0]["confusion_matrix"])
        assert matrix.sum(axis=1).tolist() == [60, 60, 6]
    assert list(study.tasks.repetitions()) == list(results["arms"]) == list(ARMS)


def trained_counts(study, arm, split):
    file = study.output / "trials" / f"{arm}-{split.file_name}.json"
    return json.loads(file.read_text())["result"]["class_counts"]


def test_full_has_all_images_but_those_of_its_fold_and_half_has_half_of_the_rare_ones(folded):
    study, _, observed = folded
    for split in study.protocol.splits:
        assert trained_counts(study, "none", split) == [30, 30, 3]
        assert trained_counts(study, "none+half", split) == [30, 30, 2]
        assert trained_counts(study, "full", split) == [30, 30, 29]
        full = observed.trials["full", split.seed].full
        assert not set(full.indices) & set(full.test_indices)
        tested = observed.trials["none", split.seed].dataset.test_indices
        np.testing.assert_array_equal(full.test_indices, tested)


def test_every_fold_has_files_results_and_choices_of_its_own(folded):
    study, results, _ = folded
    names = {path.name for path in (study.output / "generators").iterdir()}
    assert names == {f"{MODEL}-seed0-fold0", f"{MODEL}-seed0-fold1"}
    assert len(results["augmentation"]) == 2
    for name, arm in results["arms"].items():
        assert [(t["seed"], t["fold"]) for t in arm["trainings"]] == [(0, 0), (0, 1)]
        (repetition,) = arm["repetitions"]
        if name != "full":
            assert len(repetition["thresholds"]["2"]["threshold"]) == 2
        # Folds alone say how trainings vary.
        assert arm["summary"]["rare_average_precision"]["low"] is not None
    page = (study.output / "report.html").read_text()
    assert "1 repetition of 2 folds, for every arm" in page
    # The generator of the first fold is measured.
    measured = [study.generators.folder_of(MODEL, s).read_run() for s in study.protocol.splits]
    assert results["fidelity"][MODEL] == measured[0]["fidelity"]
    assert not any(run.get("fidelity") for run in measured[1:])
    assert results["data"]["test_counts"] == results["data"]["class_counts"] == [60, 60, 6]


def poisoned_fold(dataset, split):
    """The data set with other pixels in the images that a fold tests."""
    whole = dataset.pooled()
    images, labels = collect(whole.train)
    tested = whole.reduce(OPTIONS["keep"]).fold(split.fold, OPTIONS["folds"], split.repetition)
    images[tested.test_indices] = 255 - images[tested.test_indices]
    parts = [
        part
        for rows in np.split(np.arange(len(labels)), [len(dataset.train_labels)])
        for part in (images[rows], labels[rows])
    ]
    poisoned = data.from_arrays(*parts, dataset.class_names, dataset.name)
    assert poisoned.content != dataset.content
    return dataclasses.replace(poisoned, content=dataset.content)


def poison_test_labels(monkeypatch):
    """Reverses the labels of all test images, after the folds were made by the true ones."""
    reduced = protocol.Protocol.reduced

    def reverse(self, split):
        dataset = reduced(self, split)
        images, labels = collect(dataset.test)
        labels = labels[::-1].copy()
        records = data.from_arrays(images, labels, images, labels).records
        return dataclasses.replace(dataset, test_records=records, test_labels=labels)

    monkeypatch.setattr(protocol.Protocol, "reduced", reverse)


def perform(study, split, kinds=None):
    for stage in study.tasks.stages():
        for task in stage:
            if task.split == split and (kinds is None or task.kind in kinds):
                study.tasks.perform(task, Progress())


def results_of(study, folder, split):
    """What the JSON files of a fold say, without how long trials took."""
    files = sorted((study.output / folder).glob(f"*-{split.file_name}.json"))
    contents = {file.name: json.loads(file.read_text())["result"] for file in files}
    for content in contents.values():
        content.pop("seconds", None)
        history = content.get("history", {})
        for curve in ("test_loss", "test_accuracy"):
            history.pop(curve, None)
    return contents


@undrawn_too
def test_nothing_that_trains_or_chooses_sees_the_images_of_its_fold(
    folded, tiny, tmp_path, monkeypatch
):
    """Poisoned, they change the predictions and the scores of the fold and nothing else."""
    clean, _, observed = folded
    poison_test_labels(monkeypatch)
    other = Study(clean.config, poisoned_fold(tiny, FIRST), tmp_path / "out")
    other_observed = Observed(monkeypatch)
    perform(other, FIRST)
    (label_filter,) = (clean.output / "label-filters").glob(f"*-{FIRST.file_name}.keras")
    for path in (
        f"generators/{MODEL}-{FIRST.file_name}/model.keras",
        f"label-filters/{label_filter.name}",
    ):
        networks = (keras.models.load_model(study.output / path) for study in (clean, other))
        for a, b in zip(*(network.variables for network in networks), strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
    confirmed = [of_study.confirmed[FIRST.seed] for of_study in (observed, other_observed)]
    assert confirmed[0]
    np.testing.assert_array_equal(*map(np.concatenate, confirmed))
    # Scores of proxy classes, training curves, class counts, restored epochs, acceptance rates.
    for folder in ("proxies", "label-filters", "trials"):
        assert results_of(clean, folder, FIRST) == results_of(other, folder, FIRST) != {}
    selections = clean.tasks.selection, other.tasks.selection
    augmentations = [selection.augmentation(FIRST) for selection in selections]
    assert augmentations[0] == augmentations[1] is not None
    for arm in map(parse, ARMS):
        assert len({selection.tau(arm, FIRST) for selection in selections}) == 1
        assert selections[0].thresholds(arm, FIRST) == selections[1].thresholds(arm, FIRST)
        (a, predictions), (b, others) = (s.tasks.trial(arm, FIRST) for s in (clean, other))
        np.testing.assert_array_equal(predictions.images, others.images)
        assert (predictions.labels != others.labels).any()
        assert (predictions.logits != others.logits).any()
        assert a["history"]["test_loss"] != b["history"]["test_loss"]
    # The other fold is trained on what was poisoned, so the poison works.
    task = Task(PROXY, parse("none"), Split(0, 1))
    other.tasks.perform(task, Progress())
    names = {f"none-{task.split.file_name}.json"}
    first, second = (
        {name: results_of(study, "proxies", task.split)[name] for name in names}
        for study in (clean, other)
    )
    assert first != second


@pytest.mark.thorough
@undrawn_too
def test_a_stopped_study_goes_on_with_the_same_results(folded, tiny, tmp_path, monkeypatch):
    _, results, _ = folded
    arms = ARMS[:2]
    trials = []
    run_trial = trial.run_trial

    def dies(arm, *arguments, **options):
        trials.append(str(arm))
        if len(trials) == 3:
            raise KeyboardInterrupt
        return run_trial(arm, *arguments, **options)

    monkeypatch.setattr(trial, "run_trial", dies)
    options = {**OPTIONS, "arms": ",".join(arms)}
    with pytest.raises(KeyboardInterrupt):
        run(tiny, tmp_path, **options)
    finished = {path.stem for path in (tmp_path / "trials").glob("*.json")}
    assert finished == {"none-seed0-fold0", "none+half-seed0-fold0"}
    assert not (tmp_path / "results.json").exists()
    again = run(tiny, tmp_path, **options)
    # The two that were finished were not run again.
    assert trials == ["none", "none+half", "none", "none", "none+half"]
    for name in arms:
        for training in [*again["arms"][name]["trainings"], *results["arms"][name]["trainings"]]:
            training.pop("seconds", None)
        for part in ("trainings", "repetitions", "summary", "by_class", "precision_recall"):
            assert again["arms"][name][part] == results["arms"][name][part]


def two_classes(dataset):
    """The data set without its first class."""
    parts = []
    for stream in (dataset.train, dataset.test):
        images, labels = collect(stream)
        parts += [images[labels > 0], labels[labels > 0] - 1]
    return data.from_arrays(*parts, dataset.class_names[1:], dataset.name)


@pytest.mark.thorough
@undrawn_too
def test_with_two_classes_inner_folds_choose_and_test_images_do_not_matter(
    tiny, tmp_path, monkeypatch
):
    chosen = []
    dataset = two_classes(tiny)
    for name in ("clean", "poisoned"):
        if name == "poisoned":
            poison_test_labels(monkeypatch)
            dataset = poisoned_fold(dataset, FIRST)
        options = {**OPTIONS, "arms": "none+logit-adjusted"}
        study = Study(changed(**options), dataset, tmp_path / name)
        perform(study, FIRST, kinds=[PROXY])
        chosen.append(results_of(study, "proxies", FIRST))
        arm = parse("none+logit-adjusted")
        assert study.tasks.selection.tau(arm, FIRST) is not None
        assert set(study.tasks.selection.thresholds(arm, FIRST)) == {1}
    assert chosen[0] == chosen[1]
    assert 0.0 < chosen[0]["none-seed0-fold0.json"]["average_precision"] <= 1.0


def with_copy(dataset):
    """The data set with a brighter copy of a rare image among its test images."""
    images, labels = collect(dataset.train)
    test_images, test_labels = collect(dataset.test)
    test_images[np.flatnonzero(test_labels == 2)[0]] = images[labels == 2][0] // 2 + 20
    return data.from_arrays(
        images, labels, test_images, test_labels, dataset.class_names, dataset.name
    )


def test_near_duplicates_are_told_where_they_may_be_in_two_folds(tiny, tmp_path):
    def notes(dataset, **changes):
        options = {**OPTIONS, "keep": {}, "arms": "none", **changes}
        study = Study(changed(**options), dataset, tmp_path / "out")
        return [note for note in study.notes if "almost like another" in note.text]

    dataset = with_copy(tiny)
    (note,) = notes(dataset)
    assert "`group`" in note.text
    assert note.items[0].count("(bottom)") == 2
    assert notes(tiny) == []
    # Nor are they where a test split is scored, or groups are told.
    assert notes(dataset, protocol="holdout") == []
    grouped = dataclasses.replace(dataset, groups=np.arange(152) // 2)
    assert notes(grouped) == []


@undrawn_too
def test_a_task_of_one_fold_needs_no_other(tiny, tmp_path):
    """As on a cluster, where another machine has the others."""
    study = Study(changed(**{**OPTIONS, "arms": "none"}), tiny, tmp_path)
    task = Task(TRIAL, parse("none"), Split(0, 1))
    study.tasks.perform(task, Progress())
    assert study.tasks.is_done(task)
    assert study.tasks.repetitions() == {}
