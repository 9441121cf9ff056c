"""What proxy classes decide: which augmentation `+auto` is, and tau of `+logit-adjusted`.

Too few images of a rare class can be held out to choose by. So common classes are reduced to its
size, and the choice is what does best for those proxy classes.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import TrainingFailed
from kerasaug.study import trial
from kerasaug.study.arms import AUGMENTATIONS, AUTO, BASELINE, FULL_DATA, LOGIT_ADJUSTED, Arm
from kerasaug.study.config import Length
from kerasaug.study.trial import NO_ADJUSTMENT, TAUS

CANDIDATES = [Arm("balanced")]
CANDIDATES += [Arm("balanced", modifiers=(name,)) for name in AUGMENTATIONS if name != AUTO]
"""The arms that `+auto` chooses from."""
STEP = 2
"""Every second common class is a proxy class, all in one training.

Every third would leave three of Fashion-MNIST's, of which a single one could decide. A training for
each chose the same tau on MNIST and Fashion-MNIST, at five times the cost.
"""


class Selection:
    """What the arms of a study leave open.

    Args:
        arms: The arms.
        proxy_scores: By arm, what `proxy_f1` returned; None if it was not run.
    """

    def __init__(self, arms: Sequence[Arm], proxy_scores: Callable[[Arm], dict[str, float] | None]):
        self._arms = arms
        self._proxy_scores = proxy_scores

    def augmentation_candidates(self) -> list[Arm]:
        """The arms to train on proxy classes before an augmentation can be chosen."""
        return CANDIDATES if any(arm.augmentation == AUTO for arm in self._arms) else []

    def tau_candidates(self) -> list[Arm]:
        """The arms to train on proxy classes before tau can be chosen; needs the augmentation."""
        arms = []
        for arm in self._arms:
            # An arm whose augmentation cannot be chosen fails by itself, and says why.
            with contextlib.suppress(TrainingFailed):
                arms += [proxy_arm(self.resolve(arm))] * arm.adjusts_logits
        return list(dict.fromkeys(arms))

    def augmentation(self) -> dict[str, float] | None:
        """F1 of the proxy classes by candidate, best first, each with its best tau.

        None if no arm asks for them, or if not all were run.
        """
        scores = {arm: self._proxy_scores(arm) for arm in self.augmentation_candidates()}
        if not scores or None in scores.values():
            return None
        best = {str(arm): max(by_tau.values()) for arm, by_tau in scores.items()}
        return dict(sorted(best.items(), key=lambda pair: -pair[1]))

    def resolve(self, arm: Arm) -> Arm:
        """The arm with the chosen augmentation for `auto`; `TrainingFailed` if there is none."""
        if arm.augmentation != AUTO:
            return arm
        scores = self.augmentation()
        if scores is None:
            raise TrainingFailed("not all augmentations that +auto chooses from were trained")
        best = next(candidate for candidate in CANDIDATES if str(candidate) == next(iter(scores)))
        rest = arm.without(AUTO)
        return dataclasses.replace(rest, modifiers=(*best.modifiers, *rest.modifiers))

    def trained_arm(self, arm: Arm) -> Arm:
        """The arm that is trained for this one, so that equal trainings are done once."""
        with contextlib.suppress(TrainingFailed):  # Its trial will say so.
            arm = self.resolve(arm)
        return arm.without(LOGIT_ADJUSTED)

    def tau(self, arm: Arm) -> str | None:
        """How far the logits of an arm are adjusted, one of `trial.TAUS`; None if unknown."""
        if not arm.adjusts_logits:
            return NO_ADJUSTMENT
        scores = self._proxy_scores(proxy_arm(self.trained_arm(arm)))
        # The first of equals: where no common class is left to tell by, all are.
        return max(TAUS, key=lambda tau: scores[tau]) if scores else None

    def logit_adjustment(self) -> dict[str, dict[str, Any]]:
        """By logit-adjusted arm: `tau`, its `proxy_arm`, and `f1` of the proxy classes by tau."""
        choices = {}
        for arm in self._arms:
            tau = self.tau(arm)
            if arm.adjusts_logits and tau is not None:
                proxy = proxy_arm(self.trained_arm(arm))
                f1 = {name: self._proxy_scores(proxy)[name] for name in sorted(TAUS, key=float)}
                choices[str(arm)] = {"tau": float(tau), "proxy_arm": str(proxy), "f1": f1}
        return choices


def proxy_arm(arm: Arm) -> Arm:
    """An arm without a generator that draws rare classes as often as another arm does.

    Args:
        arm: Its augmentation is not `auto`.

    Returns:
        The arm, not adjusted, with copies of real images in the place of synthetic ones; for
        `full`, which has no rare class, `none`.
    """
    modifiers = arm.without(LOGIT_ADJUSTED).modifiers
    if arm.form:
        return Arm("balanced", modifiers=modifiers)
    if arm.mixture == FULL_DATA:
        return Arm(BASELINE, modifiers=modifiers)
    return Arm("oversample" if arm.model else arm.mixture, arm.count, modifiers=modifiers)


def proxy_f1(
    arm: Arm,
    dataset: ImageDataset,
    length: Length,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, float]:
    """Trains an arm with some common classes reduced, and scores those on held-out images.

    Args:
        arm: What `proxy_arm` returns.
        dataset: The imbalanced data, with training images held out as `validation`.
        length: See `trial.train`, as for the others.
        seed: See there.
        callbacks: See there.

    Returns:
        The mean F1 of the proxy classes, in [0, 1], by one of `trial.TAUS`.
    """
    counts, rare = dataset.class_counts, dataset.rare_classes
    common = [class_id for class_id, count in enumerate(counts) if count and class_id not in rare]
    proxies, smallest = common[::STEP], min(count for count in counts if count)
    reduced = dataset.reduce(dict.fromkeys(proxies, smallest), seed).cache()
    # By size alone they would not be rare, where the smallest class is no tenth of the largest.
    reduced = reduced.naming_rare([*rare, *proxies])
    inputs = trial.TrialInputs(reduced)
    classifier, _, _ = trial.train(arm, inputs, length, seed, callbacks)
    scores = trial.score(classifier, arm, inputs, reduced.validation)
    return {
        tau: float(np.mean([by_class["f1"][class_id] for class_id in proxies]))
        for tau, by_class in scores.items()
    }
