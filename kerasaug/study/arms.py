"""The arms' grammar: what a classifier is trained on, in one word.

An arm is a mixture, optionally with a number of images to add to every rare class or, of a model,
a form, and optionally modifiers: `MIXTURE[:COUNT|:FORM][+MODIFIER...]`.
"""

import dataclasses
import re

from kerasaug.errors import InputError
from kerasaug.models.registry import MODELS

BASELINE, CEILING = "none", "full"
MIXTURES = {
    BASELINE: "the imbalanced data as they are",
    CEILING: "the data before any class was cut down: the ceiling",
    "class-weight": "the imbalanced data, rare classes weighing more in the loss",
    "mixup": "the imbalanced data, pairs of images and of labels blended",
    "oversample": "copies of the rare class's images added",
    "crop-rotate": "copies of the rare class's images added, each cropped and rotated",
    "smote": "blends of neighbouring images of the rare class added",
    "balanced": "every class drawn equally often",
}
COUNTED = {"oversample", "crop-rotate", "smote"}
SYMMETRIC, VARIED = "symmetric", "varied"
FORMS = {
    SYMMETRIC: "a share generated; a model with an encoder makes a rare class in others' styles",
    VARIED: "a share made of real images, each changed as two of a class that is not rare differ",
}
"""What a model may do to every class alike, in batches that hold every class equally often."""
SHARES = {SYMMETRIC: 0.25, VARIED: 0.5}
"""How much of a batch is made by the model, unless another share is asked for."""
AUTO = "auto"
AUGMENTATIONS = {
    "crop-rotate": "every image cropped and rotated by up to 10 degrees",
    "affine": "every image rotated, shifted and scaled",
    "shift": "every image shifted by up to a twentieth of the side",
    "flip-shift": "and mirrored, left to right, at random",
    AUTO: "every image changed by that of these, or none, which does best for others made as rare",
}
BLENDING, FILTERING, ADJUSTING = "mixup", "teacher", "adjusted"
MODIFIERS = {
    **AUGMENTATIONS,
    BLENDING: "pairs of images and of labels blended",
    FILTERING: "only those generated images whose label a classifier confirms",
    ADJUSTING: "scores lowered after training, the larger the class the more; how far is chosen",
}


@dataclasses.dataclass(frozen=True)
class Arm:
    """One arm of the comparison.

    Attributes:
        mixture: A key of `MIXTURES` or of `MODELS`.
        count: Images added to every rare class; None fills it up to the largest class.
        form: A key of `FORMS`: a share of every batch is made by the model, of all classes alike,
            and the rest are real images, also of all classes alike; or None.
        modifiers: Keys of `MODIFIERS`, at most one of them in `AUGMENTATIONS`.
    """

    mixture: str
    count: int | None = None
    form: str | None = None
    modifiers: tuple[str, ...] = ()

    @property
    def model(self) -> str | None:
        """The generative model that the arm needs, if any."""
        return self.mixture if self.mixture in MODELS else None

    @property
    def augmentation(self) -> str | None:
        """What is done to every image, a key of `AUGMENTATIONS`, or None."""
        return next((name for name in self.modifiers if name in AUGMENTATIONS), None)

    @property
    def blends(self) -> bool:
        """Whether pairs of images are blended."""
        return BLENDING in (self.mixture, *self.modifiers)

    @property
    def filters(self) -> bool:
        """Whether generated images stay only if a teacher agrees with their label."""
        return self.form == SYMMETRIC or FILTERING in self.modifiers

    @property
    def adjusts(self) -> bool:
        """Whether the classifier's scores are adjusted by the sizes of the classes."""
        return ADJUSTING in self.modifiers

    def without(self, modifier: str) -> "Arm":
        """The same arm without a modifier.

        Args:
            modifier: A key of `MODIFIERS`.
        """
        left = tuple(name for name in self.modifiers if name != modifier)
        return dataclasses.replace(self, modifiers=left)

    @property
    def file_name(self) -> str:
        """The arm as part of a file name."""
        return str(self).replace(":", "-")

    def __str__(self) -> str:
        """The arm as it is written."""
        amount = self.form or self.count
        return "+".join([self.mixture + (f":{amount}" if amount else ""), *self.modifiers])


def broken(name: str, by: str) -> str:
    """Marks where an arm's name may be broken: before its form and its modifiers, not in a word.

    Args:
        name: The arm as it is written.
        by: What is put there, such as the end of a line.

    Returns:
        The name with the marks.
    """
    return re.sub("(?=[:+])", by, name)


def parse(text: str) -> Arm:
    """Reads an arm.

    Args:
        text: Such as `none`, `oversample`, `balanced+affine`, `conditional-wgan:4500` or
            `conditional-vae:varied+affine`.

    Returns:
        The arm.

    Raises:
        InputError: If the text is not an arm.
    """
    text = text.strip()
    first, *modifiers = text.split("+")
    mixture, colon, amount = first.partition(":")
    if mixture not in MIXTURES and mixture not in MODELS:
        known = ", ".join([*MIXTURES, *MODELS])
        raise InputError(f"there is no arm {text!r}; accepted: {known}, see --help")
    if colon and mixture in MIXTURES and mixture not in COUNTED:
        raise InputError(f"arm {text!r}: {mixture!r} takes no count")
    form = amount if amount in FORMS and mixture in MODELS else None
    if form:
        needed, lacks = {
            SYMMETRIC: ("all_classes", "makes one class"),
            VARIED: ("transfers", "has no encoder of styles"),
        }[form]
        able = [name for name, entry in MODELS.items() if getattr(entry, needed)]
        if mixture not in able:
            raise InputError(
                f"arm {text!r}: {mixture!r} {lacks}; accepted before ':{form}': {', '.join(able)}"
            )
    elif colon and not (amount.isdecimal() and int(amount) > 0):
        also = "".join(f" or {name!r}" for name in FORMS) if mixture in MODELS else ""
        raise InputError(f"arm {text!r}: after ':', accepted is a whole number from 1{also}")
    _check_modifiers(text, mixture, form, modifiers)
    count = int(amount) if colon and not form else None
    order = sorted(modifiers, key=list(MODIFIERS).index)
    return Arm(mixture, count, form, tuple(order))


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


def _check_modifiers(text: str, mixture: str, form: str | None, modifiers: list[str]) -> None:
    if not set(modifiers) <= set(MODIFIERS):
        raise InputError(f"arm {text!r}: after '+', accepted is one of {', '.join(MODIFIERS)}")
    if len(set(modifiers) & set(AUGMENTATIONS)) > 1:
        raise InputError(f"arm {text!r}: only one of {', '.join(AUGMENTATIONS)} is accepted")
    named = [BLENDING] * (mixture == BLENDING) + modifiers
    if len(set(named)) < len(named):
        raise InputError(f"arm {text!r}: a modifier is accepted once")
    if mixture == "class-weight" and BLENDING in modifiers:
        raise InputError(f"arm {text!r}: a blended image has no one class to be weighed by")
    if FILTERING in modifiers and (mixture not in MODELS or form):
        reasons = {
            None: f"{mixture!r} has no generated images",
            SYMMETRIC: f"':{SYMMETRIC}' filters anyway",
            VARIED: f"':{VARIED}' keeps the labels of real images",
        }
        raise InputError(f"arm {text!r}: {reasons[form]}; '+{FILTERING}' is not accepted")
