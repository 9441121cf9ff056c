"""A whole comparison on tiny data: results, cache, report, and who sees the test split."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasaug import drawn_images, fitting, training
from kerasaug.cli import evaluate, train_gan
from kerasaug.data.streams import collect
from kerasaug.errors import InputError, TrainingFailed
from kerasaug.presets import GeneratorPreset
from kerasaug.study import arms, generators, report, stand_ins, supply, tasks, trial
from kerasaug.study.config import Follower, StudyConfig
from kerasaug.study.runner import Study
from kerasaug.study.tasks import TRIAL, Task

CONFIG = StudyConfig(
    dataset="tiny",
    keep={"bottom": 3},
    arms=("none", "crop-rotate", "balanced+affine", "conditional-wgan:10+affine"),
    seeds=2,
    steps=4,
    batch_size=8,
    epochs=4,
    generator=GeneratorPreset(2, batch_size=4, width=4, learning_rate=1e-3, judge_steps=2),
    precision="float32",
    latent_map=False,
)


def run(tiny, output, **changes):
    return Study(dataclasses.replace(CONFIG, **changes), tiny, output).run()


def without_seconds(results):
    results = json.loads(json.dumps(results))
    for arm in results["arms"].values():
        for found in arm["trials"]:
            del found["seconds"]
    return results


@pytest.fixture(scope="module", autouse=True)
def eagerly():
    """Trainings of a few steps are done long before their graph is traced."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fit", "predict"):
            real = getattr(keras.Model, name)

            def call(model, *arguments, real=real, **options):
                model.run_eagerly = True
                return real(model, *arguments, **options)

            patch.setattr(keras.Model, name, call)
        yield


@pytest.fixture(scope="module")
def finished(tiny, tmp_path_factory):
    output = tmp_path_factory.mktemp("study") / "out"
    return output, run(tiny, output)


def test_results_hold_every_trial(finished):
    output, results = finished
    assert json.loads((output / "results.json").read_text()) == json.loads(json.dumps(results))
    assert list(results["arms"]) == list(CONFIG.arms)
    for name, arm in results["arms"].items():
        assert [each["seed"] for each in arm["trials"]] == [0, 1]
        for each in arm["trials"]:
            matrix = np.array(each["confusion_matrix"])
            assert matrix.sum(axis=1).tolist() == [20, 20, 20]
            assert each["accuracy"] == pytest.approx(np.trace(matrix) / 60)
            assert all(len(curve) == CONFIG.epochs for curve in each["history"].values())
        assert arm["summary"]["accuracy"]["mean"] == pytest.approx(
            np.mean([each["accuracy"] for each in arm["trials"]])
        )
        assert (arm["verdict"] is None) == (name == "none")
    generative = results["arms"]["conditional-wgan:10+affine"]
    assert list(generative["versus"]) == ["none", "crop-rotate", "balanced+affine"]


def test_pictures_and_a_page_that_needs_no_other_file(finished):
    output, _ = finished
    page = (output / "report.html").read_text()
    figures = {path.name for path in (output / "figures").iterdir()}
    assert len(figures) == 2 * len(CONFIG.arms) + 4
    assert page.count("data:image/png;base64,") == len(figures)
    assert "http" not in page
    for image in page.split("<img")[1:]:
        assert 'alt="' in image.split(">")[0]
    assert page.index('class="verdict"') < page.index("<table")
    assert "conditional-wgan:10+affine" in page.split("Further comparisons")[1].split("<table")[0]


def test_the_report_says_how_good_the_images_are(finished):
    output, results = finished
    (repetitions,) = results["fidelity"].values()
    assert len(repetitions) == CONFIG.seeds
    # Three training images are too few for the rare class to be measured.
    assert list(repetitions[0]["classes"]) == ["top", "middle"]
    page = (output / "report.html").read_text()
    assert "The rare class has too few images to be measured" in page
    assert "The other classes" in page


def test_a_study_without_its_generators_is_still_put_together(finished, tiny, tmp_path):
    output, results = finished
    shutil.copytree(output, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "generators")
    again = run(tiny, tmp_path / "copy")
    assert again["arms"] == json.loads(json.dumps(results["arms"]))
    assert again["fidelity"] == {"conditional-wgan": [None, None]}


def test_the_page_has_fidelity_and_a_map_of_the_data(tiny, tmp_path):
    options = {"keep": {"bottom": 7}, "arms": ("none", "vae:5"), "seeds": 1, "latent_map": True}
    results = run(tiny, tmp_path, **options)
    coverage = results["fidelity"]["vae"][0]["classes"]["bottom"]["generated"]["coverage"]
    page = (tmp_path / "report.html").read_text()
    table = page.split("How good the generated images are")[1]
    assert f"<td>{coverage:.3f}</td>" in table
    assert table.index("vae") < table.index("the kept images, repeated")
    results["fidelity"]["vae"][0]["classes"]["bottom"]["generated"]["copied"] = 0.5
    report.write(results, tmp_path)
    assert "repeats its training images" in (tmp_path / "report.html").read_text()
    for name in report.LATENT_PICTURES:
        assert (tmp_path / "figures" / f"latent-{name}").exists()
    assert "The data on a map" in page
    assert Study(dataclasses.replace(CONFIG, **options), tiny, tmp_path).units() == 0


def test_a_finished_trial_is_not_run_again(finished, tiny, monkeypatch):
    output, results = finished
    monkeypatch.setattr(trial, "run_trial", None)
    assert run(tiny, output) == results
    kept = output / "trials" / "none-seed1.json"
    good = kept.read_text()
    for damage in ("", "[]", good[:40], good.replace('"key": "', '"key": "0')):
        kept.write_text(damage)
        (missing,) = [
            each for stage in Study(CONFIG, tiny, output).tasks.stages() for each in stage
        ]
        assert missing == Task(TRIAL, "none", seed=1)
    kept.write_text(good)
    monkeypatch.setattr(tasks, "FORMAT", tasks.FORMAT - 1)
    assert Study(CONFIG, tiny, output).units() > 0


def test_a_trial_that_fails_does_not_stop_the_others(tiny, tmp_path, monkeypatch):
    real = trial.run_trial

    def fails(arm, *arguments, seed, **options):
        if str(arm) == "oversample" and seed == 1:
            raise ValueError("out of luck\nin two lines")
        return real(arm, *arguments, seed=seed, **options)

    monkeypatch.setattr(trial, "run_trial", fails)
    arms = ("none", "oversample", "balanced")
    results = run(tiny, tmp_path, arms=arms)
    failure = {"task": "oversample, seed 1", "error": "ValueError: out of luck in two lines"}
    assert results["failures"] == [failure]
    assert [len(arm["trials"]) for arm in results["arms"].values()] == [2, 1, 2]
    assert results["arms"]["oversample"]["verdict"] == "no evidence"
    assert "oversample, seed 1" in (tmp_path / "report.html").read_text()
    assert "Traceback" in (tmp_path / "failures.txt").read_text()
    monkeypatch.undo()
    assert run(tiny, tmp_path, arms=arms)["failures"] == []
    assert not (tmp_path / "failures.txt").exists()


def test_a_study_without_any_result_says_why(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "run_trial", None)
    with pytest.raises(TrainingFailed, match="no trial ended well; none, seed 0: TypeError"):
        run(tiny, tmp_path, arms=("none",))


def test_arms_that_need_a_generator_that_failed_are_named(tiny, tmp_path, monkeypatch):
    def fails(*arguments, **options):
        raise TrainingFailed("critic_loss is nan")

    monkeypatch.setattr(training, "train_generator", fails)
    results = run(tiny, tmp_path, arms=("none", "wgan:5"), seeds=1)
    assert [failure["task"] for failure in results["failures"]] == [
        "training wgan, seed 0",
        "wgan:5, seed 0",
    ]
    assert "its generator was not trained" in results["failures"][1]["error"]
    assert list(results["arms"]) == ["none"]


def test_a_form_has_a_share_of_its_own_unless_another_is_asked_for(tiny, tmp_path):
    for share, expected in ((None, [0.25, 0.5]), (0.1, [0.1, 0.1])):
        tasks = Study(dataclasses.replace(CONFIG, share=share), tiny, tmp_path / "new").tasks
        forms = [arms.parse(f"conditional-vae:{form}") for form in ("symmetric", "varied")]
        assert [tasks._share(arm) for arm in forms] == expected


def test_the_work_left_is_what_is_not_finished(finished, tiny, tmp_path):
    output, _ = finished
    assert Study(CONFIG, tiny, output).units() == 0
    one = 4 * CONFIG.steps + 2 * generators.STEP_COST
    assert Study(CONFIG, tiny, tmp_path / "new").units() == 2 * one
    more = dataclasses.replace(CONFIG, seeds=3)
    assert Study(more, tiny, output).units() == one


def test_the_folder_of_a_generator_is_no_study(tiny, tmp_path):
    folder = trained(tiny, tmp_path)
    with pytest.raises(InputError, match="holds a training of train-gan"):
        run(tiny, folder.path)


def test_a_damaged_run_file_is_refused(tiny, tmp_path):
    for content in ("", "[]", "{}", '{"config": 3}'):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(InputError, match="run.json is damaged"):
            run(tiny, tmp_path)


def test_same_command_same_numbers_and_a_stopped_study_goes_on(
    finished, tiny, tmp_path, monkeypatch
):
    _, results = finished
    done = []
    real = trial.run_trial

    def dies(arm, *arguments, **options):
        done.append(arm)
        if len(done) == 7:
            raise KeyboardInterrupt
        return real(arm, *arguments, **options)

    monkeypatch.setattr(trial, "run_trial", dies)
    with pytest.raises(KeyboardInterrupt):
        run(tiny, tmp_path)
    assert not (tmp_path / "results.json").exists()
    assert without_seconds(run(tiny, tmp_path)) == without_seconds(results)


def test_nothing_that_trains_or_chooses_sees_the_test_split(tiny, tmp_path, monkeypatch):
    """Poisoned test images change the scores, and nothing else: not what is trained, nor chosen."""
    verdicts = []
    real = supply.Supply._agrees

    def agrees(self, images, class_id):
        # What these short trainings make is hardly ever confirmed, so all of it may pass.
        verdicts.append(real(self, images, class_id))
        return np.ones(len(images), bool)

    monkeypatch.setattr(supply.Supply, "_agrees", agrees)
    images, labels = collect(tiny.test)
    poisoned = tf.data.Dataset.from_tensor_slices((255 - images, labels[::-1].copy()))
    model = "conditional-vae"
    options = {
        "arms": ("none+adjusted", f"{model}:symmetric+auto", f"{model}:4", f"{model}:9"),
        "seeds": 1,
        "hold_out": 0.2,
        "keep": {"bottom": 6},
    }
    clean = run(tiny, tmp_path / "clean", **options)
    other = run(dataclasses.replace(tiny, test=poisoned), tmp_path / "poisoned", **options)
    (teacher,) = (tmp_path / "clean" / "teachers").glob("*.keras")
    for path in (f"generators/{model}-seed0/model.keras", f"teachers/{teacher.name}"):
        ours, theirs = (
            keras.models.load_model(tmp_path / name / path) for name in ("clean", "poisoned")
        )
        for a, b in zip(ours.variables, theirs.variables, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
    middle = len(verdicts) // 2
    assert middle > 0
    np.testing.assert_array_equal(verdicts[:middle], verdicts[middle:])
    for chosen in ("augmentation", "adjustment"):
        assert clean[chosen] == other[chosen] != {}
    assert clean["amounts"] == other["amounts"]
    assert clean["amounts"][model]["chosen"] in (4, 9)
    scored_differently = False
    for name in options["arms"]:
        (a,), (b,) = (found["arms"][name]["trials"] for found in (clean, other))
        assert a["history"]["train_loss"] == b["history"]["train_loss"]
        for choice in ("kept_epoch", "kept_shares", "validation"):
            assert a[choice] == b[choice]
        scored_differently |= a["confusion_matrix"] != b["confusion_matrix"]
    assert scored_differently
    page = (tmp_path / "clean" / "report.html").read_text()
    assert "How many to add" in page
    assert "Which augmentation" in page
    assert "What the teacher let pass" in page


def test_every_repetition_has_a_split_of_its_own_that_all_arms_share(tiny, tmp_path, monkeypatch):
    seen = {}

    def record(arm, given, *arguments, seed, **options):
        seen.setdefault(seed, set()).add(given.dataset.fingerprint)
        raise StopIteration

    monkeypatch.setattr(trial, "run_trial", record)
    study = Study(dataclasses.replace(CONFIG, arms=("none", "oversample")), tiny, tmp_path)
    for seed in range(3):
        for arm in study.config.arms:
            with pytest.raises(StopIteration):
                study.tasks.perform(Task(TRIAL, arm, seed), Follower())
    assert all(len(prints) == 1 for prints in seen.values())
    assert len(set.union(*seen.values())) == 3


def test_arms_of_one_training_are_trained_once(tiny, tmp_path, monkeypatch):
    trained = []
    real = trial.run_trial

    def record(arm, *arguments, **options):
        trained.append(str(arm))
        return real(arm, *arguments, **options)

    monkeypatch.setattr(trial, "run_trial", record)
    augmented = [f"balanced+{name}" for name in arms.AUGMENTATIONS]
    wanted = ("balanced", *augmented, "balanced+auto+adjusted", "balanced+adjusted")
    found = run(tiny, tmp_path, arms=wanted, seeds=1, hold_out=0.2)
    assert sorted(trained) == sorted({"balanced", *augmented} - {"balanced+auto"})
    chosen = next(iter(found["augmentation"]))
    (auto,), (same,), (adjusted,), (plain,), (raised,) = (
        found["arms"][name]["trials"]
        for name in ("balanced+auto", chosen, "balanced+auto+adjusted")
        + ("balanced", "balanced+adjusted")
    )
    assert {**auto, "arm": chosen} == same
    assert adjusted["history"] == auto["history"]
    assert raised["history"] == plain["history"]
    assert list(found["arms"]) == list(wanted)


def test_scores_are_adjusted_by_the_chosen_strength_and_what_an_arm_learned_from(
    tiny, tmp_path, monkeypatch
):
    counts = []

    def adjusted_logits(logits, class_counts, strength):
        counts.append(class_counts)
        return logits + 1e6 * np.eye(3)[{0.0: 0, 1.0: 2}.get(strength, 1)]

    monkeypatch.setattr(trial, "adjusted_logits", adjusted_logits)
    scores = {**dict.fromkeys(trial.STRENGTHS, 0.5), "1": 0.9}
    monkeypatch.setattr(stand_ins, "mean_f1", lambda *_: scores)
    wanted = ("none", "none+adjusted", "full", "full+adjusted")
    found = run(tiny, tmp_path, arms=wanted, seeds=1, hold_out=0.2)
    for arm, said in zip(wanted, (0, 2, 0, 2), strict=True):
        (each,) = found["arms"][arm]["trials"]
        for scored in (each, each["validation"]):
            matrix = np.array(scored["confusion_matrix"])
            assert matrix[:, said].sum() == matrix.sum()
    assert {made["chosen"] for made in found["adjustment"].values()} == {1.0}
    once = 2 * len(trial.STRENGTHS)  # For the test images, and for those held out.
    assert counts == once * [[32, 32, 2]] + once * [[32, 32, 11]]


def test_another_study_in_the_folder_is_refused(finished, tiny):
    output, _ = finished
    with pytest.raises(InputError, match="holds a study with steps=4, not 5"):
        run(tiny, output, steps=5)


def test_more_arms_and_seeds_add_to_a_study(tiny, tmp_path):
    first = run(tiny, tmp_path, arms=("none",), seeds=1)
    more = run(tiny, tmp_path, arms=("none", "oversample"), seeds=2)
    assert more["arms"]["none"]["trials"][0] == first["arms"]["none"]["trials"][0]
    assert first["arms"]["none"]["summary"]["accuracy"]["low"] is None
    assert (tmp_path / "report.html").exists()


def trained(tiny, output, seed=5, **changes):
    config = fitting.GeneratorConfig(
        model="conditional-wgan",
        dataset="tiny",
        keep={"bottom": 3},
        seed=seed,
        precision="float32",
        **{**CONFIG.generator._asdict(), **changes},
    )
    return training.train_generator(config, tiny.reduce({"bottom": 3}, seed), output)


def test_a_given_generator_is_used_on_the_split_it_saw(tiny, tmp_path):
    folder = trained(tiny, tmp_path / "generator")
    arms = ("none", "conditional-wgan:10")
    options = {"arms": arms, "generator_folder": str(folder.path)}
    study = Study(dataclasses.replace(CONFIG, **options), tiny, tmp_path / "out")
    assert {study.generators.reduced(seed).fingerprint for seed in range(3)} == {
        tiny.reduce({"bottom": 3}, seed=5).fingerprint
    }
    results = study.run()
    assert "saw only the imbalanced split of seed 5" in results["config"]["generator_note"]
    assert not (tmp_path / "out" / "generators").exists()
    again = training.train_generator(
        fitting.GeneratorConfig(
            **{**json.loads(folder.run_file.read_text())["config"], "steps": 3}
        ),
        tiny.reduce({"bottom": 3}, 5),
        folder.path,
        fresh=True,
    )
    assert again.digest() != results["config"].get("generator_digest")
    with pytest.raises(InputError, match="generator_digest"):
        run(tiny, tmp_path / "out", **options)
    assert "split of seed 5" in (tmp_path / "out" / "report.html").read_text()


def test_a_generator_that_saw_other_images_is_refused(tiny, tmp_path):
    folder = trained(tiny, tmp_path / "generator")
    given = {"generator_folder": str(folder.path), "arms": ("conditional-wgan:5",)}
    with pytest.raises(InputError, match="trained on other images"):
        run(tiny, tmp_path / "out", keep={"bottom": 4}, **given)
    with pytest.raises(InputError, match="is a conditional-wgan, but the arms need: wgan"):
        run(tiny, tmp_path / "out", **{**given, "arms": ("wgan:5",)})
    assert not (tmp_path / "out").exists()


def test_full_has_no_image_that_is_held_out(tiny, tmp_path):
    study = Study(dataclasses.replace(CONFIG, keep={"bottom": 5}, hold_out=0.2), tiny, tmp_path)
    held_out, _ = collect(study.generators.reduced(1).validation)
    full, labels = collect(study.generators.full(1).train)
    assert not {x.tobytes() for x in held_out} & {x.tobytes() for x in full}
    assert np.bincount(labels).tolist() == [32, 32, 11]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hold_out": 0.2}, "--sweep: class bottom has one image left"),
        ({"arms": ("none", "smote")}, "arm smote: class bottom has one image left"),
        (
            {"arms": ("smote+adjusted",), "keep": {"bottom": 2}},
            "arm smote.adjusted: class bottom has one image left",
        ),
    ],
)
def test_too_few_images_are_refused_before_anything_is_trained(tiny, tmp_path, changes, message):
    config = dataclasses.replace(CONFIG, **{"keep": {"bottom": 1}, **changes})
    with pytest.raises(InputError, match=message):
        Study(config, tiny, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_choices_are_made_also_where_a_single_image_is_left(tiny, tmp_path):
    wanted = ("balanced+auto", "none+adjusted")
    found = run(tiny, tmp_path, keep={"bottom": 1}, arms=wanted, seeds=1)
    assert set(found["augmentation"]) >= {"balanced", "balanced+affine"}
    assert set(found["adjustment"]) == {"none+adjusted"}
    assert not found["failures"]


NAMES = ("<script>alert(1)</script>", "../../[bold]\n\x1b[31m$x_$😀", "long " * 60)


def test_names_from_strangers_do_no_harm(finished, tiny, tmp_path, capfd):
    results = json.loads(json.dumps(finished[1]))
    results["data"]["class_names"] = list(NAMES)
    for found in results["fidelity"].values():
        for measured in found:
            measured["classes"] = dict(zip(NAMES, measured["classes"].values(), strict=False))
    output = tmp_path / "here" / "out"
    report.write(results, output)
    page = (output / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    drawn = drawn_images.Drawn(np.zeros((2, 8, 8, 1), np.uint8), NAMES[1], 1, 0)
    drawn_images.write(drawn, tmp_path / "here" / "drawn", NAMES)
    assert len(list((tmp_path / "here" / "drawn").glob("*/*.png"))) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    assert {path.name for path in (tmp_path / "here").iterdir()} == {"out", "drawn"}
    evaluate._print_results(results)
    dataset = dataclasses.replace(tiny, class_names=NAMES)
    for measured in results["fidelity"]["conditional-wgan"]:
        train_gan._print_fidelity(measured, dataset)
    out, err = capfd.readouterr()
    assert "\x1b" not in out + err
    assert "[bold]" in out
