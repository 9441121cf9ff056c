"""How the data are divided: into repetitions with one test split, or into folds."""

import functools
from collections.abc import Mapping
from typing import NamedTuple

from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError
from kerasaug.study.config import (
    AUTO_PROTOCOL,
    CROSS_VALIDATION,
    FEWEST_TESTS,
    HOLDOUT,
    PROTOCOLS,
    StudyConfig,
)

FOLD_SEEDS = 1000
"""Distance between the seeds of two folds, so that no two trainings share one."""


class Split(NamedTuple):
    """One division of the data into training and test images.

    Attributes:
        repetition: Number of the repetition.
        fold: The fold that is tested; None if there is a test split.
    """

    repetition: int
    fold: int | None = None

    @property
    def seed(self) -> int:
        """Of all that is random in what is trained on the split."""
        return self.repetition + FOLD_SEEDS * (self.fold or 0)

    @property
    def file_name(self) -> str:
        """The split as part of a file name."""
        return f"seed{self.repetition}" + ("" if self.fold is None else f"-fold{self.fold}")

    def __str__(self) -> str:
        """The split in words."""
        return f"seed {self.repetition}" + ("" if self.fold is None else f", fold {self.fold}")


def choose_protocol(
    protocol: str, dataset: ImageDataset, keep: Mapping[str, int | float] | None = None
) -> str:
    """Decides between holdout and cross-validation.

    Args:
        protocol: `"holdout"`, `"cross-validation"`, or `"auto"`: holdout if the data came with a
            test split that has at least `FEWEST_TESTS` images of every rare class.
        dataset: The whole data.
        keep: See `StudyConfig`.

    Raises:
        InputError: If there is no such protocol.

    Example:
        >>> from kerasaug import data
        >>> choose_protocol("auto", data.load("mnist"), {"5": 54})
        'holdout'
    """
    if protocol not in PROTOCOLS:
        names = ", ".join(PROTOCOLS)
        raise InputError(f"`protocol` must be one of {names}. Received: protocol={protocol!r}")
    if protocol != AUTO_PROTOCOL:
        return protocol
    rare = dataset.reduce(keep or {}).rare_classes if dataset.has_own_test else []
    tests = min((dataset.test_counts[class_id] for class_id in rare), default=0)
    return HOLDOUT if tests >= FEWEST_TESTS else CROSS_VALIDATION


class Protocol:
    """Makes the training and test images of every trial of a study.

    With *holdout*, each repetition reduces the training split with its own seed, and all share the
    test split. With *cross-validation*, training and test images are put together and reduced once;
    each repetition deals them into other folds, and each fold is tested by what was trained on the
    others.

    Args:
        config: The study.
        dataset: The whole data set.
        split_seed: What the training split is reduced by in every repetition; None for the number
            of the repetition.
    """

    def __init__(self, config: StudyConfig, dataset: ImageDataset, split_seed: int | None = None):
        self.config = config
        self.has_folds = config.protocol == CROSS_VALIDATION
        self.whole = dataset.pooled() if self.has_folds else dataset
        self.split_seed = split_seed
        self._reduced = functools.lru_cache(1)(self._reduce)

    @property
    def splits(self) -> list[Split]:
        """The splits of the study, those of one repetition after the other."""
        folds = range(self.config.folds) if self.has_folds else [None]
        return [Split(number, fold) for number in range(self.config.seeds) for fold in folds]

    @property
    def data(self) -> ImageDataset:
        """The imbalanced data; of cross-validation, all images, of which each is tested once."""
        if not self.has_folds:
            return self.reduced(Split(0))
        reduced = self.whole.reduce(self.config.keep)
        return reduced.naming_rare(reduced.rare_classes)

    @functools.cached_property
    def rare_classes(self) -> list[int]:
        """The rare classes of `data`."""
        return self.data.rare_classes

    def check(self) -> None:
        """Refuses folds that leave no training image of a class.

        Raises:
            InputError: If there are such, where a class has one image, or one group.
        """
        counts = self.data.class_counts
        for split in self.splits if self.has_folds else ():
            left = self.reduced(split).class_counts
            for class_id, name in enumerate(self.whole.class_names):
                if counts[class_id] and not left[class_id]:
                    raise InputError(
                        f"all images of class {name} are in one fold, which leaves none of it to "
                        "train on; it must have two images, of two groups if there are groups"
                    )

    def load_into_memory(self) -> None:
        """Reads the data into memory, if they fit; all splits share them there."""
        cached = self.whole.cache()
        if cached is not self.whole:
            self.whole = cached
            self._reduced.cache_clear()

    def reduced(self, split: Split) -> ImageDataset:
        """The imbalanced training images of a split, and its test images."""
        return self._reduced(split)

    def full(self, split: Split) -> ImageDataset:
        """Like `reduced`, with all training images of the data set."""
        return self.whole.without(self.reduced(split)) if self.has_folds else self.whole

    def choosing(self, split: Split) -> Split:
        """The split that options of another are chosen on, without a look at its test images."""
        return split if self.has_folds else Split(0)

    def _reduce(self, split: Split) -> ImageDataset:
        if self.has_folds:
            return self.data.fold(split.fold, self.config.folds, split.repetition)
        seed = split.repetition if self.split_seed is None else self.split_seed
        return self.whole.reduce(self.config.keep, seed)
