"""A whole comparison on tiny data: results, cache, report, and what is refused."""

import contextlib
import dataclasses
import json
import queue
import re
import secrets
import shutil

import numpy as np
import pytest
import sklearn.metrics
from small_study import CONFIG, changed, run, small, undrawn  # noqa: F401

from kerasaug.cli import results_table, train_gan
from kerasaug.errors import InputError, TrainingFailed
from kerasaug.progress import Progress, WorkerProgress, listen
from kerasaug.quality.fidelity import REFERENCES
from kerasaug.saved import images
from kerasaug.study import generators, report, selection, task_files, trial
from kerasaug.study.arms import BASELINE, Arm, parse
from kerasaug.study.protocol import Split
from kerasaug.study.runner import Study
from kerasaug.study.scores import Predictions
from kerasaug.study.task import TRIAL, Task
from kerasaug.study.verdict import verdict
from kerasaug.training import latent_map

pytestmark = pytest.mark.usefixtures("small")
undrawn_too = pytest.mark.usefixtures("undrawn")
SHORT = {"steps": 2, "epochs": 1}
"""Of studies whose scores do not matter."""


def without_seconds(results):
    results = json.loads(json.dumps(results))
    for arm in results["arms"].values():
        for training in arm["trainings"]:
            del training["seconds"]
    return results


def trial_file(arm, seed):
    return f"{parse(arm).file_name}-seed{seed}.npz"


@pytest.fixture(scope="module")
def finished(tiny, tmp_path_factory):
    output = tmp_path_factory.mktemp("study") / "out"
    return output, run(tiny, output)


def test_results_hold_every_trial(finished):
    output, results = finished
    assert json.loads((output / "results.json").read_text()) == json.loads(json.dumps(results))
    assert list(results["arms"]) == list(map(str, CONFIG.arms))
    for name, arm in results["arms"].items():
        assert [result["seed"] for result in arm["repetitions"]] == [0, 1]
        assert [training["seed"] for training in arm["trainings"]] == [0, 1]
        for training in arm["trainings"]:
            assert all(len(curve) == CONFIG.epochs for curve in training["history"].values())
        for result in arm["repetitions"]:
            predictions = Predictions.load(output / "trials" / trial_file(name, result["seed"]))
            matrix = np.array(result["confusion_matrix"])
            assert matrix.sum(axis=1).tolist() == [20, 20, 20]
            assert result["accuracy"] == pytest.approx(np.trace(matrix) / 60)
            for class_id in range(3):
                truth, probabilities = predictions.labels == class_id, predictions.probabilities
                value = sklearn.metrics.average_precision_score(truth, probabilities[:, class_id])
                assert result["average_precision"][class_id] == pytest.approx(value)
            assert result["rare_average_precision"] == result["average_precision"][2]
        for score in ("accuracy", "rare_average_precision"):
            assert arm["summary"][score]["mean"] == pytest.approx(
                np.mean([result[score] for result in arm["repetitions"]])
            )
        assert (arm["verdict"] is None) == (name == BASELINE)
    generative = results["arms"]["conditional-wgan:10+affine"]
    assert list(generative["versus"]) == ["none", "balanced+affine"]


def test_pictures_and_a_page_that_needs_no_other_file(finished):
    output, results = finished
    page = (output / "report.html").read_text()
    figures = {path.name for path in (output / "figures").iterdir()}
    # Whether there are mistakes to picture depends on how the processor rounds.
    assert len(figures - {"errors.png"}) == 2 * len(CONFIG.arms) + 5
    assert {"precision-recall.png", "rare_average_precision.png", "rare_recall.png"} < figures
    assert page.count("data:image/png;base64,") == len(figures)
    assert "http" not in page
    for image in page.split("<img")[1:]:
        assert 'alt="' in image.split(">")[0]
    assert page.index('class="verdict"') < page.index("<table")
    first = page.split('class="verdict">')[1].strip()
    assert first.startswith("<p>This is a smoke test: after trainings of 2 steps, the scores are ")
    assert "conditional-wgan:10+affine" in page.split("Further comparisons")[1].split("<table")[0]
    # Beside the differences stands the verdict that follows from them.
    arms = [arm for name, arm in results["arms"].items() if name != BASELINE]
    pairs = [pair for arm in arms for pair in arm["versus"].values()]
    spans = re.findall(r'<td><span class="([\w-]+)">([^<]+)<', page.split("Arm against arm")[1])
    verdicts = list(map(verdict, pairs))
    assert spans == [(text.replace(" ", "-"), text) for text in verdicts]
    assert all(f".{name} {{" in page for name in ("helps", "hurts", "not-significant"))


def test_the_report_says_how_good_the_images_are(finished):
    output, results = finished
    (measured,) = results["fidelity"].values()
    # Three training images are too few for the rare class to be measured.
    assert list(measured["classes"]) == ["top", "middle"]
    page = (output / "report.html").read_text()
    assert "The rare class has too few images to be measured" in page
    assert "The other classes" in page


@undrawn_too
def test_a_study_without_its_generators_is_still_put_together(finished, tiny, tmp_path):
    output, results = finished
    shutil.copytree(output, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "generators")
    again = run(tiny, tmp_path / "copy")
    assert again["arms"] == results["arms"]
    assert again["fidelity"] == {"conditional-wgan": None}


@pytest.mark.thorough
def test_the_page_has_fidelity_and_a_map_of_the_data(tiny, tmp_path):
    options = {"keep": {"bottom": 7}, "arms": "none,vae:5", "seeds": 1, "latent_map": True, **SHORT}
    results = run(tiny, tmp_path, **options)
    coverage = results["fidelity"]["vae"]["classes"]["bottom"]["generated"]["coverage"]
    page = (tmp_path / "report.html").read_text()
    table = page.split("How good the generated images are")[1]
    assert f"<td>{coverage:.3f}</td>" in table
    assert table.index("vae") < table.index(REFERENCES["repeated"])
    assert "copies its training images" not in page
    results["fidelity"]["vae"]["classes"]["bottom"]["generated"]["copied"] = 0.5
    report.write(results, tmp_path)
    assert "copies its training images" in (tmp_path / "report.html").read_text()
    for name in latent_map.PICTURES:
        assert (tmp_path / "figures" / f"latent-{name}").exists()
    assert "The data on a map" in page
    assert Study(changed(**options), tiny, tmp_path).units() == 0


@undrawn_too
def test_a_finished_trial_is_not_run_again(finished, tiny, monkeypatch):
    output, results = finished
    monkeypatch.setattr(trial, "run_trial", None)
    assert run(tiny, output) == results
    file = output / "trials" / "none-seed1.json"
    good = file.read_text()
    for damage in ("", "[]", good[:40], good.replace('"key": "', '"key": "0')):
        file.write_text(damage)
        stages = Study(CONFIG, tiny, output).tasks.stages()
        (missing,) = [task for stage in stages for task in stage]
        assert missing == Task(TRIAL, Arm("none"), Split(1))
    file.write_text(good)
    predictions = file.with_suffix(".npz")
    predictions.rename(predictions.with_suffix(".away"))
    assert Study(CONFIG, tiny, output).units() == CONFIG.steps
    predictions.with_suffix(".away").rename(predictions)
    monkeypatch.setattr(task_files, "FORMAT", task_files.FORMAT - 1)
    assert Study(CONFIG, tiny, output).units() > 0


@pytest.mark.parametrize("changed_fact", ["dataset", "versions", "config", None])
def test_a_half_finished_generator_goes_on_only_where_nothing_changed(
    changed_fact, finished, tiny, tmp_path, monkeypatch
):
    shutil.copytree(finished[0], tmp_path / "study")
    study = Study(CONFIG, tiny, tmp_path / "study")
    split = study.protocol.splits[0]
    folder = study.generators.folder_of("conditional-wgan", split)
    run = {**folder.read_run(), "status": "training"}
    if changed_fact is not None:
        run[changed_fact] = {**run[changed_fact], "fingerprint": "another"}
    folder.run_file.write_text(json.dumps(run))
    begun = []
    monkeypatch.setattr(
        generators, "train_generator", lambda *arguments, fresh, **options: begun.append(fresh)
    )
    study.generators.train("conditional-wgan", split, study.protocol.reduced(split), Progress())
    assert begun == [changed_fact is not None]


@undrawn_too
def test_a_choice_that_fails_is_tried_once(tiny, tmp_path, monkeypatch):
    def fails(arm, *arguments):
        raise ValueError(f"out of luck with {arm}")

    monkeypatch.setattr(selection, "proxy_scores", fails)
    results = run(tiny, tmp_path, arms="none,balanced", seeds=1, **SHORT)
    assert sorted(failure["error"] for failure in results["failures"]) == [
        "ValueError: out of luck with balanced",
        "ValueError: out of luck with none",
    ]


@pytest.mark.thorough
@undrawn_too
def test_a_trial_that_fails_does_not_stop_the_others(tiny, tmp_path, monkeypatch):
    run_trial = trial.run_trial

    def fails(arm, *arguments, seed, **options):
        if str(arm) == "oversample" and seed == 1:
            raise ValueError("out of luck\nin two lines")
        return run_trial(arm, *arguments, seed=seed, **options)

    options = {"arms": "none,oversample,balanced", **SHORT}
    with monkeypatch.context() as patch:
        patch.setattr(trial, "run_trial", fails)
        results = run(tiny, tmp_path, **options)
    failure = {"task": "oversample, seed 1", "error": "ValueError: out of luck in two lines"}
    assert results["failures"] == [failure]
    assert [len(arm["repetitions"]) for arm in results["arms"].values()] == [2, 1, 2]
    assert results["arms"]["oversample"]["verdict"] == "not significant"
    lows = {
        name: results["arms"][name]["versus"]["none"]["rare_average_precision"]["low"]
        for name in ("oversample", "balanced")
    }
    assert lows["oversample"] is None
    assert lows["balanced"] is not None
    assert "oversample, seed 1" in (tmp_path / "report.html").read_text()
    assert "Traceback" in (tmp_path / "failures.txt").read_text()
    assert run(tiny, tmp_path, **options)["failures"] == []
    assert not (tmp_path / "failures.txt").exists()


def test_what_a_worker_does_and_how_far_it_is_reaches_the_study():
    steps = queue.Queue()

    class Listening(Progress):
        def step(self, *step):
            steps.put(step)

    key = secrets.token_bytes(32)
    with listen(Listening(), key) as address:
        with contextlib.closing(WorkerProgress(address, key)) as remote:
            for number in range(7):
                remote.step("none, seed 0", {"loss": np.float32(number)}, 2.5)
        # Its first step is sent at once, the others now and then.
        for loss, units in ((0.0, 2.5), (4.0, 10.0), (6.0, 5.0)):
            assert steps.get(timeout=60) == ("none, seed 0", {"loss": loss}, units)


def test_a_study_without_any_result_says_why(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "run_trial", None)
    with pytest.raises(
        TrainingFailed, match="no arm has a complete repetition; none, seed 0: Type"
    ):
        run(tiny, tmp_path, arms="none")


@undrawn_too
def test_arms_that_need_a_generator_that_failed_are_named(tiny, tmp_path, monkeypatch):
    def fails(*arguments, **options):
        raise TrainingFailed("critic_loss is nan")

    monkeypatch.setattr(generators, "train_generator", fails)
    results = run(tiny, tmp_path, arms="none,wgan:5", seeds=1, **SHORT)
    assert [failure["task"] for failure in results["failures"]] == [
        "training wgan, seed 0",
        "wgan:5, seed 0",
    ]
    assert "its generator was not trained" in results["failures"][1]["error"]
    assert list(results["arms"]) == ["none"]


def test_the_work_left_is_what_is_not_finished(finished, tiny, tmp_path):
    output, _ = finished
    assert Study(CONFIG, tiny, output).units() == 0
    one = 3 * CONFIG.steps + 2 * generators.step_cost("conditional-wgan")
    # Thresholds of every arm are chosen once.
    thresholds = 3 * CONFIG.steps * selection.LENGTH
    assert Study(CONFIG, tiny, tmp_path / "new").units() == pytest.approx(2 * one + thresholds)
    assert Study(changed(seeds=3), tiny, output).units() == one


def test_a_damaged_run_file_is_refused(tiny, tmp_path):
    for content in ("", "[]", '{"schema": 2}', '{"schema": 2, "config": 3}'):
        (tmp_path / "study.json").write_text(content)
        with pytest.raises(InputError, match="study.json is damaged"):
            run(tiny, tmp_path)
    (tmp_path / "study.json").write_text('{"schema": 1, "config": {"precision": "float32"}}')
    with pytest.raises(InputError, match="holds a study of another release"):
        run(tiny, tmp_path)


@pytest.mark.thorough
@undrawn_too
def test_same_command_same_numbers_and_a_stopped_study_goes_on(
    finished, tiny, tmp_path, monkeypatch
):
    """Its first repetition; what is put together from several is a function of them."""
    _, results = finished
    trials = []
    run_trial = trial.run_trial

    def dies(arm, *arguments, **options):
        trials.append(arm)
        if len(trials) == 3:
            raise KeyboardInterrupt
        return run_trial(arm, *arguments, **options)

    monkeypatch.setattr(trial, "run_trial", dies)
    with pytest.raises(KeyboardInterrupt):
        run(tiny, tmp_path, seeds=1)
    assert not (tmp_path / "results.json").exists()
    again, results = without_seconds(run(tiny, tmp_path, seeds=1)), without_seconds(results)
    assert len(trials) == 4
    assert list(again["arms"]) == list(results["arms"])
    for name, arm in again["arms"].items():
        for part in ("trainings", "repetitions"):
            assert arm[part] == results["arms"][name][part][:1]
    assert again["fidelity"] == results["fidelity"] != {"conditional-wgan": None}


def test_another_study_in_the_folder_is_refused(finished, tiny):
    output, _ = finished
    with pytest.raises(InputError, match="holds a study with steps=2, not 5"):
        run(tiny, output, steps=5)


@pytest.mark.thorough
@undrawn_too
def test_more_arms_and_seeds_add_to_a_study(tiny, tmp_path):
    first = run(tiny, tmp_path, arms="none", seeds=1, **SHORT)
    more = run(tiny, tmp_path, arms="none,oversample", seeds=2, **SHORT)
    for part in ("repetitions", "trainings"):
        assert more["arms"]["none"][part][0] == first["arms"]["none"][part][0]
    summaries = [results["arms"]["none"]["summary"] for results in (first, more)]
    assert summaries[0]["rare_average_precision"]["low"] is None
    assert summaries[1]["rare_average_precision"]["low"] is not None
    assert (tmp_path / "report.html").exists()


NAMES = ("<script>alert(1)</script>[/deep]", "../../[bold]\n\x1b[31m$x_$😀", "long " * 60)


def test_names_from_strangers_do_no_harm(finished, tiny, tmp_path, capfd):
    results = json.loads(json.dumps(finished[1]))
    results["data"]["class_names"] = list(NAMES)
    for measured in results["fidelity"].values():
        measured["classes"] = dict(zip(NAMES, measured["classes"].values(), strict=False))
    output = tmp_path / "here" / "out"
    report.write(results, output)
    page = (output / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    drawn = images.DrawnImages(np.zeros((2, 8, 8, 1), np.uint8), NAMES[1], 1, 0)
    images.write(drawn, tmp_path / "here" / "drawn", NAMES)
    assert len(list((tmp_path / "here" / "drawn").glob("*/*.png"))) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    assert {path.name for path in (tmp_path / "here").iterdir()} == {"out", "drawn"}
    results_table.print_results(results)
    results["data"]["rare_classes"] = list(range(len(NAMES)))
    results_table.print_results(results)
    dataset = dataclasses.replace(tiny, class_names=NAMES)
    train_gan._print_fidelity(results["fidelity"]["conditional-wgan"], dataset)
    out, err = capfd.readouterr()
    assert "\x1b" not in out + err
    assert "[bold]" in out
