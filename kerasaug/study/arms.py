"""The arms' grammar: what a classifier is trained on, in one word.

An arm is a mixture, optionally with a number of images to add to every rare class or, for a model,
a form, and optionally modifiers: `MIXTURE[:COUNT|:FORM][+MODIFIER...]`.
"""

import dataclasses
import re
from collections.abc import Sequence

from kerasaug.errors import InputError
from kerasaug.models.registry import MODELS

BASELINE, FULL_DATA, CLASS_WEIGHT = "none", "full", "class-weight"
FOCAL, DEFERRED, ENSEMBLE = "focal", "deferred", "ensemble"
MIXTURES = {
    BASELINE: "the imbalanced data as they are",
    FULL_DATA: "the data before any class was reduced: the upper bound",
    CLASS_WEIGHT: "the imbalanced data, rare classes weighted more in the loss",
    DEFERRED: "the imbalanced data, rare classes weighted more in the last fifth of the training",
    FOCAL: "the imbalanced data, with the focal loss",
    "oversample": "copies of the rare class's images added",
    "crop-rotate": "copies of the rare class's images added, each cropped and rotated",
    "smote": "interpolations between neighbouring images of the rare class added",
    "balanced": "every class drawn equally often",
    ENSEMBLE: "every class drawn equally often, for two classifiers with half of the steps each, "
    "averaged",
}
AS_THEY_ARE = {BASELINE, CLASS_WEIGHT, DEFERRED, FOCAL}
"""Mixtures of the imbalanced images as they are."""
DRAWN_BALANCED = {"balanced", ENSEMBLE}
WEIGHTED = {CLASS_WEIGHT, DEFERRED}
"""Mixtures whose images are weighted by class."""
COUNTED = {"oversample", "crop-rotate", "smote"}
CLASS_BALANCED, LATENT_PERTURBATION = "class-balanced", "latent-perturbation"
FORMS = {
    CLASS_BALANCED: "a quarter of each class synthetic; with an encoder, rare classes by style "
    "transfer",
    LATENT_PERTURBATION: "half of each class real images, each changed by the difference between "
    "the latents of two images of one class",
}
"""How a model's images are mixed in where every class is drawn equally often."""
SHARES = {CLASS_BALANCED: 0.25, LATENT_PERTURBATION: 0.5}
"""Share of synthetic images in such a batch."""
AUTO = "auto"
AUGMENTATIONS = {
    "crop-rotate": "every image cropped and rotated by up to 10 degrees",
    "affine": "every image rotated, shifted and scaled",
    "shift": "every image shifted by up to a twentieth of the side",
    "flip-shift": "every image shifted, and half of them mirrored, left to right",
    "flip-shift-erasing": "every image shifted, half of them mirrored, left to right, and a "
    "rectangle in half of them filled with noise",
    "randaugment": "every image changed by two random operations on its colours or its geometry",
    AUTO: "the augmentation, or none, that does best on held-out training images",
}
BLENDINGS = {
    "mixup": "pairs of images and of labels blended",
    "cutmix": "a rectangle of every image taken from another one, and the labels blended by area",
}
LOGIT_ADJUSTED, HALF = "logit-adjusted", "half"
MODIFIERS = {
    **AUGMENTATIONS,
    **BLENDINGS,
    LOGIT_ADJUSTED: "after training, logits lowered by tau times the log of the class size; tau is "
    "chosen on proxy classes",
    HALF: "trained with half of the images of rare classes, to see what more of them bring",
}
ALIASES = {"symmetric": CLASS_BALANCED, "varied": LATENT_PERTURBATION, "adjusted": LOGIT_ADJUSTED}
"""The names that forms and modifiers had in release 0.1."""


@dataclasses.dataclass(frozen=True)
class Arm:
    """One arm of the comparison.

    Attributes:
        mixture: A key of `MIXTURES` or of `MODELS`.
        count: Images added to every rare class; None fills it up to the largest class.
        form: A key of `FORMS`, or None: how a model's images are mixed in.
        modifiers: Keys of `MODIFIERS`, at most one of them in `AUGMENTATIONS` and one in
            `BLENDINGS`.
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
    def blending(self) -> str | None:
        """How pairs of images and of labels are blended, a key of `BLENDINGS`, or None."""
        return next((name for name in self.modifiers if name in BLENDINGS), None)

    @property
    def refuses_blending(self) -> bool:
        """Whether no blending may be added: there is one, or images are weighted by class."""
        return self.blending is not None or self.mixture in WEIGHTED

    @property
    def filters_labels(self) -> bool:
        """Whether generated images are used only if a label filter confirms their label."""
        return self.form == CLASS_BALANCED

    @property
    def adjusts_logits(self) -> bool:
        """Whether the classifier's logits are adjusted by the sizes of the classes."""
        return LOGIT_ADJUSTED in self.modifiers

    @property
    def is_halved(self) -> bool:
        """Whether half of the images of rare classes are left out."""
        return HALF in self.modifiers

    @property
    def is_control(self) -> bool:
        """Whether arms with a generator may be compared with it: it needs none, and all images."""
        return self.model is None and self.mixture != FULL_DATA and not self.is_halved

    def without(self, modifier: str) -> "Arm":
        """The same arm without a modifier.

        Args:
            modifier: A key of `MODIFIERS`.
        """
        modifiers = tuple(name for name in self.modifiers if name != modifier)
        return dataclasses.replace(self, modifiers=modifiers)

    @property
    def file_name(self) -> str:
        """The arm as part of a file name."""
        return str(self).replace(":", "-")

    @property
    def description(self) -> str:
        """What the arm trains on, in a few words."""
        if self.model is None:
            words = MIXTURES[self.mixture]
            words += f" ({self.count} of them)" if self.count else ""
        elif self.form:
            words = f"every class drawn equally often, {FORMS[self.form]} ({self._kind})"
        else:
            amount = f"{self.count} " if self.count else ""
            words = f"{amount}images of the rare class added, from a {self._kind}"
        return "; ".join([words, *(MODIFIERS[modifier] for modifier in self.modifiers)])

    @property
    def _kind(self):
        return MODELS[self.mixture].description

    def __str__(self) -> str:
        """The arm as it is written."""
        amount = self.form or self.count
        return "+".join([self.mixture + (f":{amount}" if amount else ""), *self.modifiers])


STRONGEST_CONTROLS = (Arm("balanced", modifiers=(AUTO,)), Arm("balanced", modifiers=("affine",)))


def strongest_control(controls: Sequence[Arm]) -> Arm | None:
    """The strongest of some controls, by name and not by scores; None if there are none.

    It is `balanced+auto`, else `balanced+affine`, else the last one that is not the baseline, else
    the baseline.
    """
    for strong in STRONGEST_CONTROLS:
        for control in controls:
            if control.without(LOGIT_ADJUSTED) == strong:
                return control
    others = [control for control in controls if control.mixture != BASELINE]
    return next(reversed([*controls[:1], *others]), None)


def with_breaks(name: str, mark: str) -> str:
    """Marks where an arm's name may be broken: before its form and its modifiers, not in a word."""
    return re.sub("(?=[:+])", mark, name)


def parse(text: str) -> Arm:
    """Reads an arm.

    Args:
        text: Such as `none`, `oversample`, `balanced+affine`, `conditional-wgan:4500` or
            `conditional-vae:latent-perturbation+affine`; the names of `ALIASES` are read too.

    Raises:
        InputError: If the text is not an arm.
    """
    text = text.strip()
    first, *modifiers = text.split("+")
    modifiers = [ALIASES.get(name, name) for name in modifiers]
    mixture, colon, amount = first.partition(":")
    amount = ALIASES.get(amount, amount)
    if mixture not in MIXTURES and mixture not in MODELS:
        names = ", ".join([*MIXTURES, *MODELS])
        raise InputError(f"there is no arm {text!r}; its first word must be one of {names}")
    if colon and mixture in MIXTURES and mixture not in COUNTED:
        raise InputError(f"arm {text!r}: {mixture!r} takes no count")
    form = amount if amount in FORMS and mixture in MODELS else None
    if form:
        _check_form(text, mixture, form)
    elif colon and not (amount.isdecimal() and int(amount) > 0):
        forms = "".join(f" or {name!r}" for name in FORMS) if mixture in MODELS else ""
        raise InputError(f"arm {text!r}: after ':' must stand a whole number from 1{forms}")
    _check_modifiers(text, mixture, modifiers)
    count = int(amount) if colon and not form else None
    order = sorted(modifiers, key=list(MODIFIERS).index)
    return Arm(mixture, count, form, tuple(order))


def parse_list(text: str) -> tuple[Arm, ...]:
    """Reads arms separated by commas; raises `InputError` for one that is none, or named twice."""
    arms = tuple(map(parse, text.split(",")))
    for number, arm in enumerate(arms):
        if arm in arms[:number]:
            raise InputError(f"arm {str(arm)!r} is named twice")
    return arms


def _check_form(text: str, mixture: str, form: str) -> None:
    needed, lacks = {
        CLASS_BALANCED: ("all_classes", "makes one class"),
        LATENT_PERTURBATION: ("transfers", "has no encoder that is told the classes"),
    }[form]
    models = [name for name, entry in MODELS.items() if getattr(entry, needed)]
    if mixture not in models:
        raise InputError(
            f"arm {text!r}: {mixture!r} {lacks}; before ':{form}' must stand one of "
            f"{', '.join(models)}"
        )


def _check_modifiers(text: str, mixture: str, modifiers: list[str]) -> None:
    if not set(modifiers) <= set(MODIFIERS):
        raise InputError(f"arm {text!r}: after '+' must stand one of {', '.join(MODIFIERS)}")
    for group in (AUGMENTATIONS, BLENDINGS):
        if len(set(modifiers) & set(group)) > 1:
            raise InputError(f"arm {text!r}: only one of {', '.join(group)} may be given")
    if len(set(modifiers)) < len(modifiers):
        raise InputError(f"arm {text!r}: a modifier may be given once")
    if mixture in WEIGHTED and set(modifiers) & set(BLENDINGS):
        raise InputError(f"arm {text!r}: a blended image has no one class to be weighted by")
    if HALF in modifiers and (mixture in MODELS or mixture == FULL_DATA):
        raise InputError(f"arm {text!r}: '+{HALF}' goes with the imbalanced real images alone")


CANDIDATES = parse_list(
    "balanced,balanced+affine,balanced+flip-shift,balanced+flip-shift-erasing,"
    "balanced+flip-shift+cutmix"
)
"""The arms that `+auto` chooses from; of equals, the first."""
