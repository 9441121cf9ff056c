"""What held-out training images decide: which augmentation `+auto` is, how far `+adjusted` goes."""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from kerasaug.errors import TrainingFailed
from kerasaug.study import arms
from kerasaug.study.arms import ADJUSTING, AUTO, BASELINE, CEILING, FILTERING, Arm
from kerasaug.study.trial import STRENGTHS, UNADJUSTED

AUGMENTED = ["balanced"] + [f"balanced+{name}" for name in arms.AUGMENTATIONS if name != AUTO]
"""The arms that `+auto` chooses from."""


class Choices:
    """What the arms of a study leave open.

    Args:
        parsed_arms: The arms.
        tried: By the name of an arm, what `stand_ins.mean_f1` gave; None if it was not tried.
    """

    def __init__(self, parsed_arms: Sequence[Arm], tried: Callable[[str], dict[str, float] | None]):
        self._arms = parsed_arms
        self._tried = tried

    def for_augmentation(self) -> list[str]:
        """The arms to be tried with stand-ins before an augmentation can be chosen."""
        return AUGMENTED if any(arm.augmentation == AUTO for arm in self._arms) else []

    def for_strength(self) -> list[str]:
        """The arms to be tried before strengths can be chosen; needs the augmentation."""
        needed = []
        for arm in self._arms:
            # An arm whose augmentation cannot be chosen fails by itself, and says why.
            with contextlib.suppress(TrainingFailed):
                needed += [str(likeness(self.resolved(arm)))] * arm.adjusts
        return list(dict.fromkeys(needed))

    def augmentation(self) -> dict[str, float] | None:
        """F1 of the stand-ins by what `+auto` chooses from, best first.

        Returns:
            Scores by arm, each with the strength that is best for it; None if no arm asks for
            them, or if not all were tried.
        """
        found = {name: self._tried(name) for name in self.for_augmentation()}
        if not found or None in found.values():
            return None
        best = {name: max(by_strength.values()) for name, by_strength in found.items()}
        return dict(sorted(best.items(), key=lambda pair: -pair[1]))

    def resolved(self, arm: Arm) -> Arm:
        """The arm with the augmentation that was chosen in the place of `auto`.

        Args:
            arm: Any.

        Raises:
            TrainingFailed: If none can be chosen.
        """
        if arm.augmentation != AUTO:
            return arm
        tried = self.augmentation()
        if tried is None:
            raise TrainingFailed("not all augmentations that +auto chooses from were tried")
        best, rest = arms.parse(next(iter(tried))), arm.without(AUTO)
        return dataclasses.replace(rest, modifiers=(*best.modifiers, *rest.modifiers))

    def training_of(self, arm: Arm) -> Arm:
        """The arm whose training is this one's too, so that equal ones are done once.

        Args:
            arm: Any.
        """
        with contextlib.suppress(TrainingFailed):  # Its trial will say so.
            arm = self.resolved(arm)
        return arm.without(ADJUSTING)

    def strength(self, arm: Arm) -> str | None:
        """How far the scores of an arm are adjusted.

        Args:
            arm: Any.

        Returns:
            One of `trial.STRENGTHS`; None if it cannot be chosen.
        """
        if not arm.adjusts:
            return UNADJUSTED
        tried = self._tried(str(likeness(self.training_of(arm))))
        # The first of equals: where no common class is left to tell by, all are.
        return max(STRENGTHS, key=lambda each: tried[each]) if tried else None

    def adjustment(self) -> dict[str, dict[str, Any]]:
        """How the strengths were chosen.

        Returns:
            By adjusted arm: `chosen` (float), `like` (the arm that was tried with stand-ins) and
            `f1` (of the stand-ins, by strength, weakest first).
        """
        found = {}
        for arm in self._arms:
            strength = self.strength(arm)
            if arm.adjusts and strength is not None:
                like = str(likeness(self.training_of(arm)))
                f1 = {each: self._tried(like)[each] for each in sorted(STRENGTHS, key=float)}
                found[str(arm)] = {"chosen": float(strength), "like": like, "f1": f1}
        return found


def likeness(arm: Arm) -> Arm:
    """An arm that can be tried with stand-ins, and draws rare classes as often as a given one does.

    Args:
        arm: Its augmentation is not `auto`.

    Returns:
        The arm, not adjusted, with copies of real images in the place of generated ones; in the
        place of `full`, which has no rare class, `none`.
    """
    modifiers = tuple(name for name in arm.modifiers if name not in (ADJUSTING, FILTERING))
    if arm.form:
        return Arm("balanced", modifiers=modifiers)
    if arm.mixture == CEILING:
        return Arm(BASELINE, modifiers=modifiers)
    return Arm("oversample" if arm.model else arm.mixture, arm.count, modifiers=modifiers)
