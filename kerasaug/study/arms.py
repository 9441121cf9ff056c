"""The arms' grammar: what a classifier is trained on, in one word.

An arm is a mixture, optionally with a number of images to add to every rare class, and optionally
an augmentation that is applied to every image: `MIXTURE[:COUNT][+AUGMENTATION]`.
"""

import dataclasses

from kerasaug.errors import InputError
from kerasaug.models.registry import MODELS

MIXTURES = {
    "none": "the imbalanced data as they are",
    "oversample": "copies of the rare class's images added",
    "crop-rotate": "copies of the rare class's images added, each cropped and rotated",
    "balanced": "every class drawn equally often",
}
AUGMENTATIONS = {
    "crop-rotate": "every image cropped and rotated by up to 10 degrees",
    "affine": "every image rotated, shifted and scaled",
}
UNCOUNTED = {"none", "balanced"}


@dataclasses.dataclass(frozen=True)
class Arm:
    """One arm of the comparison.

    Attributes:
        mixture: A key of `MIXTURES` or of `MODELS`.
        count: Images added to every rare class; None fills it up to the largest class.
        augmentation: A key of `AUGMENTATIONS` for every image, or None.
    """

    mixture: str
    count: int | None = None
    augmentation: str | None = None

    @property
    def model(self) -> str | None:
        """The generative model that the arm needs, if any."""
        return self.mixture if self.mixture in MODELS else None

    @property
    def file_name(self) -> str:
        """The arm as part of a file name."""
        return str(self).replace(":", "-")

    def __str__(self) -> str:
        """The arm as it is written."""
        count = "" if self.count is None else f":{self.count}"
        augmentation = "" if self.augmentation is None else f"+{self.augmentation}"
        return f"{self.mixture}{count}{augmentation}"


def parse(text: str) -> Arm:
    """Reads an arm.

    Args:
        text: Such as `none`, `oversample`, `balanced+affine` or `conditional-wgan:4500`.

    Returns:
        The arm.

    Raises:
        InputError: If the text is not an arm.
    """
    first, *augmentations = text.strip().split("+")
    mixture, colon, count = first.partition(":")
    if mixture not in MIXTURES and mixture not in MODELS:
        known = ", ".join([*MIXTURES, *MODELS])
        raise InputError(f"there is no arm {text.strip()!r}; accepted: {known}, see --help")
    if colon and mixture in UNCOUNTED:
        raise InputError(f"arm {text.strip()!r}: {mixture!r} takes no count")
    if colon and not (count.isdecimal() and int(count) > 0):
        raise InputError(f"arm {text.strip()!r}: after ':', accepted is a whole number from 1")
    if len(augmentations) > 1 or not set(augmentations) <= set(AUGMENTATIONS):
        known = ", ".join(AUGMENTATIONS)
        raise InputError(f"arm {text.strip()!r}: after '+', accepted is one of {known}")
    return Arm(mixture, int(count) if colon else None, *augmentations)


def parse_list(text: str) -> list[Arm]:
    """Reads arms separated by commas.

    Args:
        text: Such as `none,oversample,crop-rotate`.

    Returns:
        The arms, in the order given.

    Raises:
        InputError: If one of them is not an arm, or is named twice.
    """
    arms = [parse(part) for part in text.split(",")]
    for number, arm in enumerate(arms):
        if arm in arms[:number]:
            raise InputError(f"arm {str(arm)!r} is named twice")
    return arms
