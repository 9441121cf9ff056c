"""Which images the trainings of a study see, and what choices depend on."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_study import CONFIG, changed, draw_nothing, run, small, undrawn  # noqa: F401

from kerasaug.data.streams import collect
from kerasaug.errors import InputError
from kerasaug.progress import Progress
from kerasaug.study import scores, selection, synthesis, trial
from kerasaug.study.protocol import Split
from kerasaug.study.runner import Study
from kerasaug.study.task import TRIAL, Task
from kerasaug.training.config import GeneratorConfig
from kerasaug.training.run import train_generator

pytestmark = pytest.mark.usefixtures("small")
undrawn_too = pytest.mark.usefixtures("undrawn")


def test_nothing_that_trains_or_chooses_sees_the_test_split(tiny, tmp_path, monkeypatch):
    """Poisoned test images change the scores and nothing else, neither trainings nor choices."""
    verdicts = []
    confirmed = synthesis.Synthesizer._confirmed

    def confirm_all(self, images, class_id):
        # Hardly any image of these short trainings is confirmed, so all are used.
        verdicts.append(confirmed(self, images, class_id))
        return np.ones(len(images), bool)

    monkeypatch.setattr(synthesis.Synthesizer, "_confirmed", confirm_all)
    images, labels = collect(tiny.test)
    labels = labels[::-1].copy()
    poisoned = tf.data.Dataset.from_tensor_slices((255 - images, labels))
    poisoned = dataclasses.replace(tiny, test_records=poisoned, test_labels=labels)
    model = "conditional-vae"
    names = [f"{model}:class-balanced+auto+logit-adjusted", f"{model}:4", f"{model}:9"]
    options = {"arms": ",".join(names), "seeds": 1, "keep": {"bottom": 6}, "steps": 2}
    clean = run(tiny, tmp_path / "clean", **options)
    draw_nothing(monkeypatch)
    other = run(poisoned, tmp_path / "poisoned", **options)
    (label_filter,) = (tmp_path / "clean" / "label-filters").glob("*.keras")
    for path in (f"generators/{model}-seed0/model.keras", f"label-filters/{label_filter.name}"):
        networks = (
            keras.models.load_model(tmp_path / name / path) for name in ("clean", "poisoned")
        )
        for a, b in zip(*(network.variables for network in networks), strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
    middle = len(verdicts) // 2
    assert middle > 0
    np.testing.assert_array_equal(verdicts[:middle], verdicts[middle:])
    assert clean["augmentation"] == other["augmentation"] != []
    scored_differently = False
    for name in names:
        (a,), (b,) = (results["arms"][name]["trainings"] for results in (clean, other))
        for curve in ("train_loss", "train_accuracy"):
            assert a["history"][curve] == b["history"][curve]
        for fact in ("best_epoch", "acceptance_rates", "trained", "tau"):
            assert a[fact] == b[fact]
        assert a["history"]["test_loss"] != b["history"]["test_loss"]
        (a,), (b,) = (results["arms"][name]["repetitions"] for results in (clean, other))
        scored_differently |= a["rare_average_precision"] != b["rare_average_precision"]
    assert scored_differently
    page = (tmp_path / "clean" / "report.html").read_text()
    for heading in ("How many to add", "Which augmentation", "The label filter"):
        assert f"<h2>{heading}</h2>" in page


def test_every_repetition_has_a_split_of_its_own_that_all_arms_share(tiny, tmp_path, monkeypatch):
    fingerprints = {}

    def record(arm, inputs, *arguments, seed, **options):
        fingerprints.setdefault(seed, set()).add(inputs.dataset.fingerprint)
        raise StopIteration

    monkeypatch.setattr(trial, "run_trial", record)
    study = Study(changed(arms="none,oversample"), tiny, tmp_path)
    for seed in range(3):
        for arm in study.config.arms:
            with pytest.raises(StopIteration):
                study.tasks.perform(Task(TRIAL, arm, Split(seed)), Progress())
    assert all(len(of_repetition) == 1 for of_repetition in fingerprints.values())
    assert len(set.union(*fingerprints.values())) == 3


@undrawn_too
def test_arms_of_one_training_are_trained_once(tiny, tmp_path, monkeypatch):
    trainings = []
    run_trial = trial.run_trial

    def record(arm, *arguments, **options):
        trainings.append(str(arm))
        return run_trial(arm, *arguments, **options)

    monkeypatch.setattr(trial, "run_trial", record)
    candidates = list(map(str, selection.CANDIDATES))
    auto = ["balanced+auto", "balanced+auto+logit-adjusted"]
    names = [*candidates, *auto, "balanced+logit-adjusted"]
    results = run(tiny, tmp_path, arms=",".join(names), seeds=1)
    assert sorted(trainings) == sorted(candidates)
    assert list(results["arms"]) == names
    (choice,) = results["augmentation"]
    chosen = next(iter(choice))
    trials = {name: arm["trainings"][0] for name, arm in results["arms"].items()}
    assert trials["balanced+auto"] == trials[chosen]
    assert trials["balanced+auto"]["trained"] == chosen
    for first, second in (auto, ("balanced", "balanced+logit-adjusted")):
        assert trials[first]["history"] == trials[second]["history"]


@undrawn_too
def test_logits_are_adjusted_by_the_chosen_tau_and_the_class_sizes_of_the_training(
    tiny, tmp_path, monkeypatch
):
    counts = []

    def adjust_logits(logits, class_counts, tau):
        counts.append((class_counts, tau))
        return logits + 1e6 * np.eye(3)[{0.0: 0, 1.0: 2}.get(tau, 1)]

    monkeypatch.setattr(scores, "adjust_logits", adjust_logits)
    proxy_f1 = {**dict.fromkeys(selection.TAUS, 0.5), "1": 0.9}
    limits = {tau: {"2": 0.25 + float(tau)} for tau in selection.TAUS}
    chosen = {"average_precision": 0.5, "f1": proxy_f1, "thresholds": limits}
    monkeypatch.setattr(selection, "proxy_scores", lambda *_: chosen)
    predicted = {"none": 0, "none+logit-adjusted": 2, "full": 0, "full+logit-adjusted": 2}
    results = run(tiny, tmp_path, arms=",".join(predicted), seeds=1)
    for name, class_id in predicted.items():
        (result,) = results["arms"][name]["repetitions"]
        matrix = np.array(result["confusion_matrix"])
        assert matrix[:, class_id].sum() == matrix.sum() == 60
        (training,) = results["arms"][name]["trainings"]
        assert training["tau"] == {0: 0.0, 2: 1.0}[class_id]
        if name.startswith("full"):
            assert result["thresholds"] == {}
        else:
            assert result["thresholds"]["2"]["threshold"] == [0.25 + training["tau"]]
    expected = [(sizes, tau) for sizes in ([40, 40, 3], [40, 40, 12]) for tau in (0.0, 1.0)]
    assert counts == expected


def train(tiny, output, seed=5, **changes):
    config = GeneratorConfig(
        model="conditional-wgan",
        dataset="tiny",
        keep={"bottom": 3},
        seed=seed,
        precision="float32",
        **{**CONFIG.generator._asdict(), **changes},
    )
    return train_generator(config, tiny.reduce({"bottom": 3}, seed), output)


@undrawn_too
def test_the_folder_of_a_generator_is_no_study(tiny, tmp_path):
    folder = train(tiny, tmp_path)
    with pytest.raises(InputError, match="holds no study"):
        run(tiny, folder.path)


@pytest.mark.thorough
@undrawn_too
def test_a_trained_generator_is_used_on_the_split_that_it_saw(tiny, tmp_path):
    folder = train(tiny, tmp_path / "generator")
    options = {"arms": "none,conditional-wgan:10", "generator_folder": str(folder.path)}
    study = Study(changed(**options), tiny, tmp_path / "out")
    assert {study.generators.fingerprint(Split(seed)) for seed in range(3)} == {
        tiny.reduce({"bottom": 3}, seed=5).fingerprint
    }
    results = study.run()
    assert "saw only the imbalanced split of seed 5" in results["config"]["generator_note"]
    assert not (tmp_path / "out" / "generators").exists()
    digest = folder.digest()
    config = {**json.loads(folder.run_file.read_text())["config"], "steps": 3}
    train_generator(
        GeneratorConfig(**config), tiny.reduce({"bottom": 3}, 5), folder.path, fresh=True
    )
    assert folder.digest() != digest
    with pytest.raises(InputError, match="generator_digest"):
        run(tiny, tmp_path / "out", **options)
    assert "split of seed 5" in (tmp_path / "out" / "report.html").read_text()


@undrawn_too
def test_a_generator_that_saw_other_images_is_refused(tiny, tmp_path):
    folder = train(tiny, tmp_path / "generator")
    options = {"generator_folder": str(folder.path), "arms": "conditional-wgan:5"}
    with pytest.raises(InputError, match="trained on other images.* `keep` bottom=3"):
        run(tiny, tmp_path / "out", keep={"bottom": 4}, **options)
    with pytest.raises(InputError, match="is a conditional-wgan, but the arms need: wgan"):
        run(tiny, tmp_path / "out", **{**options, "arms": "wgan:5"})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": "none,smote"}, "arm smote: class bottom has one image left"),
        (
            {"arms": "smote+logit-adjusted", "keep": {"bottom": 2}},
            "arm smote.logit-adjusted: class bottom has one image left",
        ),
    ],
)
def test_too_few_images_are_refused_before_anything_is_trained(tiny, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        Study(changed(**{"keep": {"bottom": 1}, **changes}), tiny, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.thorough
@undrawn_too
def test_choices_are_made_also_where_a_single_image_is_left(tiny, tmp_path):
    arms = "balanced+auto,none+logit-adjusted"
    results = run(tiny, tmp_path, keep={"bottom": 1}, arms=arms, seeds=1)
    (choice,) = results["augmentation"]
    assert set(choice) == {"balanced", "balanced+affine"}
    (training,) = results["arms"]["none+logit-adjusted"]["trainings"]
    assert training["tau"] in map(float, selection.TAUS)
    assert not results["failures"]
