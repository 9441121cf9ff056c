"""How the classifier of an arm is trained, and what an ensemble predicts."""

import keras
import numpy as np
import pytest
import scipy.special

from kerasaug.study import classifiers, trial
from kerasaug.study.arms import parse
from kerasaug.study.config import SMALL_CNN, Recipe
from kerasaug.study.mixing import TrialInputs

RECIPE = Recipe(SMALL_CNN, steps=8, batch_size=4, epochs=2)


@pytest.fixture(autouse=True)
def eagerly(monkeypatch):
    fit = keras.Model.fit

    def call(model, *arguments, **options):
        model.run_eagerly = True
        return fit(model, *arguments, **options)

    monkeypatch.setattr(keras.Model, "fit", call)


class Steps(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.count = 0

    def on_train_batch_end(self, batch, logs=None):
        self.count += 1


def train(tiny, text, recipe=RECIPE):
    steps = Steps()
    inputs = TrialInputs(tiny.reduce({"bottom": 3}).cache())
    return trial.train(parse(text), inputs, recipe, seed=0, callbacks=[steps]), steps.count


def test_an_ensemble_has_two_members_that_share_the_steps(tiny):
    trained, steps = train(tiny, "ensemble")
    assert steps == RECIPE.steps
    first, second = trained.members
    assert any(
        (a.numpy() != b.numpy()).any()
        for a, b in zip(first.model.weights, second.model.weights, strict=True)
    )
    labels, logits = trained.predict(tiny.test)
    images = np.stack([image for image, _ in tiny.test.as_numpy_iterator()]).astype(np.float32)
    assert labels.tolist() == tiny.test_labels.tolist()
    probabilities = [scipy.special.softmax(m.logits(images), axis=1) for m in trained.members]
    expected = np.mean(probabilities, axis=0)
    np.testing.assert_allclose(scipy.special.softmax(logits, axis=1), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("steps", "epochs", "expected"),
    [(8, 4, (4, 4)), (10, 10, (5, 5)), (15, 5, (5, 5)), (1, 1, (1, 1))],
)
def test_members_have_epochs_of_equal_length(steps, epochs, expected):
    part = Recipe(SMALL_CNN, steps, 4, epochs).shared_by(2)
    assert (part.steps, part.epochs) == expected


@pytest.mark.thorough
def test_deferred_weights_end_the_training_and_its_last_weights_stay(tiny, monkeypatch):
    seen = []
    weighted = trial.mixture.weighted

    def record(batches, weights, begin):
        seen.append((weights, begin))
        return weighted(batches, weights, begin)

    monkeypatch.setattr(trial.mixture, "weighted", record)
    ends, early = [], keras.callbacks.EarlyStopping

    def stopping(**options):
        ends.append(options["restore_best_weights"])
        return early(**options)

    monkeypatch.setattr(keras.callbacks, "EarlyStopping", stopping)
    recipe = RECIPE._replace(steps=10)
    trained, _ = train(tiny, "deferred", recipe)
    ((weights, begin),) = seen
    assert begin == 8
    assert weights[2] > weights[0]
    assert trained.best_epoch == recipe.epochs
    train(tiny, "class-weight", recipe)
    assert seen[1][1] == 0
    assert ends == [False, True]


@pytest.mark.parametrize(
    ("arm", "loss"),
    [("none", None), ("focal", "focal"), ("balanced+cutmix", "soft"), ("none+mixup", "soft")],
)
def test_an_arm_says_which_loss_it_needs(arm, loss):
    assert classifiers.loss_of(parse(arm)) == loss
