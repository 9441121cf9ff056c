"""Which images the trainings of a study see, and what they are chosen by."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_study import CONFIG, run, small  # noqa: F401

from kerasaug import fitting, training
from kerasaug.data.streams import collect
from kerasaug.errors import InputError
from kerasaug.study import arms, choices, stand_ins, supply, trial
from kerasaug.study.config import Follower
from kerasaug.study.runner import Study
from kerasaug.study.tasks import TRIAL, Task

pytestmark = pytest.mark.usefixtures("small")


def test_a_form_has_a_share_of_its_own_unless_another_is_asked_for(tiny, tmp_path):
    for share, expected in ((None, [0.25, 0.5]), (0.1, [0.1, 0.1])):
        tasks = Study(dataclasses.replace(CONFIG, share=share), tiny, tmp_path / "new").tasks
        forms = [arms.parse(f"conditional-vae:{form}") for form in ("symmetric", "varied")]
        assert [tasks._share(arm) for arm in forms] == expected


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
    of_one = ("balanced+auto", "balanced+auto+adjusted", "balanced+adjusted")
    wanted = (*choices.AUGMENTED, *of_one)
    found = run(tiny, tmp_path, arms=wanted, seeds=1, hold_out=0.2)
    assert sorted(trained) == sorted(choices.AUGMENTED)
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


def test_the_folder_of_a_generator_is_no_study(tiny, tmp_path):
    folder = trained(tiny, tmp_path)
    with pytest.raises(InputError, match="holds a training of train-gan"):
        run(tiny, folder.path)


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
