"""What training images decide by themselves: `+auto`, tau of `+logit-adjusted`, and thresholds.

A fifth of the training images is held out of a short training. Too few of a rare class can be held
out to choose by, so common classes are reduced to its size, and the choice is what does best for
those proxy classes. Where all but one class are rare, none can be reduced: the rare classes
themselves decide then, on two inner folds.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import sklearn.metrics

from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import TrainingFailed
from kerasaug.study import ranking, scores, trial
from kerasaug.study.arms import (
    AUTO,
    BASELINE,
    CANDIDATES,
    FULL_DATA,
    HALF,
    LOGIT_ADJUSTED,
    Arm,
    parse,
)
from kerasaug.study.config import Recipe
from kerasaug.study.protocol import Split
from kerasaug.study.scores import Predictions

HELD_OUT = 0.2
"""Share of every class that is held out."""
INNER_FOLDS = 2
LENGTH = 0.4
"""Of a training that chooses, in trainings of a trial: five of them cost a quarter of a study."""
STEP = 2
"""Every second common class is a proxy class, all in one training.

Every third would leave three of Fashion-MNIST's, of which a single one could decide. A training for
each chose the same tau on MNIST and Fashion-MNIST, at five times the cost.
"""
NO_ADJUSTMENT = "0"
TAUS = ("0.5", "0.25", "0.75", NO_ADJUSTMENT, "1")
"""What `+logit-adjusted` chooses from; of equals, the first."""


class Selection:
    """What the arms of a study leave open.

    Args:
        arms: The arms.
        proxy_scores: By arm and split, what `proxy_scores` returned; None if it was not run.
    """

    def __init__(
        self,
        arms: Sequence[Arm],
        proxy_scores: Callable[[Arm, Split], dict[str, Any] | None],
    ):
        self._arms = arms
        self._proxy_scores = proxy_scores

    def candidates(self) -> tuple[Arm, ...]:
        """The arms to train on proxy classes before an augmentation can be chosen."""
        return CANDIDATES if any(arm.augmentation == AUTO for arm in self._arms) else ()

    def proxy_arms(self, split: Split) -> list[Arm]:
        """The arms to train on proxy classes for tau and thresholds; needs the augmentation."""
        arms = []
        for arm in self._arms:
            # An arm whose augmentation cannot be chosen fails by itself, and says why.
            with contextlib.suppress(TrainingFailed):
                arms.append(proxy_arm(self.resolve(arm, split)))
        return list(dict.fromkeys(arms))

    def augmentation(self, split: Split) -> dict[str, float] | None:
        """Average precision of the proxy classes by candidate, best first.

        None if no arm asks for them, or if not all were run.
        """
        results = {arm: self._proxy_scores(arm, split) for arm in self.candidates()}
        if not results or None in results.values():
            return None
        values = {str(arm): result["average_precision"] for arm, result in results.items()}
        return dict(sorted(values.items(), key=lambda pair: -pair[1]))

    def resolve(self, arm: Arm, split: Split) -> Arm:
        """The arm with the chosen augmentation for `auto`; `TrainingFailed` if there is none."""
        if arm.augmentation != AUTO:
            return arm
        values = self.augmentation(split)
        if values is None:
            raise TrainingFailed("not all augmentations that +auto chooses from were trained")
        rest, candidates = arm.without(AUTO), map(parse, values)
        # A second blending, or one of images that are weighted by class, makes no sense.
        best = next(c for c in candidates if not (c.blending and rest.refuses_blending))
        return dataclasses.replace(rest, modifiers=(*best.modifiers, *rest.modifiers))

    def trained_arm(self, arm: Arm, split: Split) -> Arm:
        """The arm that is trained for this one, so that equal trainings are done once."""
        with contextlib.suppress(TrainingFailed):  # Its trial will say so.
            arm = self.resolve(arm, split)
        return arm.without(LOGIT_ADJUSTED)

    def tau(self, arm: Arm, split: Split) -> str | None:
        """How far the logits of an arm are adjusted, one of `TAUS`; None if unknown."""
        if not arm.adjusts_logits:
            return NO_ADJUSTMENT
        result = self._proxy_scores(proxy_arm(self.trained_arm(arm, split)), split)
        # The first of equals: with two classes that are equally rare, all are.
        return max(TAUS, key=lambda tau: result["f1"][tau]) if result else None

    def thresholds(self, arm: Arm, split: Split) -> dict[int, float] | None:
        """By rare class, the probability from which on an image is said to be of it.

        None if they are unknown, as for `full`, whose classes have other sizes.
        """
        result = self._proxy_scores(proxy_arm(self.trained_arm(arm, split)), split)
        if result is None or arm.mixture == FULL_DATA:
            return None
        limits = result["thresholds"][self.tau(arm, split)]
        return {int(class_id): limit for class_id, limit in limits.items()}


def proxy_arm(arm: Arm) -> Arm:
    """An arm without a generator that draws rare classes as often as another arm does.

    Args:
        arm: Its augmentation is not `auto`.

    Returns:
        The arm, not adjusted, with copies of real images in the place of synthetic ones, and with
        all real images; for `full`, which has no rare class, `none`.
    """
    modifiers = arm.without(LOGIT_ADJUSTED).without(HALF).modifiers
    if arm.form:
        return Arm("balanced", modifiers=modifiers)
    if arm.mixture == FULL_DATA:
        return Arm(BASELINE, modifiers=modifiers)
    return Arm("oversample" if arm.model else arm.mixture, arm.count, modifiers=modifiers)


def proxy_scores(
    arm: Arm,
    dataset: ImageDataset,
    recipe: Recipe,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, Any]:
    """Trains an arm on a part of the training images, and scores it on those held out.

    Args:
        arm: What `proxy_arm` returns.
        dataset: The imbalanced data; its test split is not read.
        recipe: Of a trial, see `trial.train`, as for the others.
        seed: See there.
        callbacks: See there.

    Returns:
        Mean `average_precision` of the proxy classes; their mean `f1` by one of `TAUS`; and
        `thresholds` by tau and rare class, see `scores.best_threshold`.
    """
    rare = dataset.rare_classes
    proxies, parts, share = inner_data(dataset, seed)
    recipe = recipe.shortened(LENGTH * share)
    predictions: list[list[Predictions]] = []
    for part in parts:
        part = part.cache()
        trained = trial.train(arm, trial.TrialInputs(part), recipe, seed, callbacks)
        fold = Predictions(part.test_indices, *trained.predict(part.test))
        predictions.append([fold.adjusted(part.class_counts, float(tau)) for tau in TAUS])
    by_tau = dict(zip(TAUS, map(list, zip(*predictions, strict=True)), strict=True))
    return {
        "average_precision": ranking.average_precision([by_tau[NO_ADJUSTMENT]], proxies).mean,
        "f1": {tau: _mean_f1(folds, proxies) for tau, folds in by_tau.items()},
        "thresholds": {tau: _thresholds(folds, rare) for tau, folds in by_tau.items()},
    }


def _mean_f1(folds: list[Predictions], classes: list[int]) -> float:
    labels = np.concatenate([fold.labels for fold in folds])
    decided = np.concatenate([fold.logits.argmax(axis=1) for fold in folds])
    options = {"labels": classes, "average": "macro", "zero_division": 0.0}
    return float(sklearn.metrics.f1_score(labels, decided, **options))


def _thresholds(folds: list[Predictions], classes: list[int]) -> dict[str, float]:
    labels = np.concatenate([fold.labels for fold in folds])
    probabilities = np.concatenate([fold.probabilities for fold in folds])
    return {
        str(class_id): scores.best_threshold(labels == class_id, probabilities[:, class_id])
        for class_id in classes
    }


def inner_data(dataset: ImageDataset, seed: int) -> tuple[list[int], list[ImageDataset], float]:
    """What to train on to choose.

    Args:
        dataset: The imbalanced data.
        seed: Of what is left out.

    Returns:
        The classes to choose by, data sets whose test split is held out of the training images,
        and the share of the steps that each is trained for.
    """
    rare = dataset.rare_classes
    common = [
        class_id
        for class_id, count in enumerate(dataset.class_counts)
        if count and class_id not in rare
    ]
    rest = dataset.split_test(HELD_OUT)
    # Groups may leave a class on one side.
    proxies = [c for c in common[::STEP] if rest.class_counts[c] and rest.test_counts[c]]
    if len(common) > 1 and proxies:
        smallest = min(count for count in rest.class_counts if count)
        parts = [rest.reduce(dict.fromkeys(proxies, smallest), seed)]
    else:
        proxies = rare
        parts = [dataset.fold(number, INNER_FOLDS, seed) for number in range(INNER_FOLDS)]
    # By size alone proxies would not be rare, where the smallest class is no tenth of the largest.
    parts = [part.naming_rare([*rare, *proxies]) for part in parts]
    return proxies, parts, 1.0 / len(parts)
