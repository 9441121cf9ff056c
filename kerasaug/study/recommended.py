"""The arm that a study recommends, for the user's own training script."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from kerasaug.data.dataset import ImageDataset
from kerasaug.data.load import load
from kerasaug.errors import InputError, TrainingFailed, naming
from kerasaug.files import read_json
from kerasaug.study import results, trial
from kerasaug.study.arms import BASELINE, Arm, parse
from kerasaug.study.best import best
from kerasaug.study.config import StudyConfig
from kerasaug.study.mixing import TrialInputs, parts
from kerasaug.study.tasks import Tasks


class Winner:
    """What `winner` returns.

    Attributes:
        arm: The arm, with the augmentation that `+auto` chose (for the first fold).
        dataset: All images of the study, but those of a test split.
        steps: How many batches a classifier of the study was trained on.
    """

    def __init__(self, arm: Arm, tasks: Tasks):
        split = tasks.protocol.splits[0]
        self.arm = arm
        self.dataset: ImageDataset = tasks.protocol.data.cache()
        self.steps = tasks.config.steps
        self._recipe = tasks.config.recipe
        synthesizer = None if arm.model is None else tasks.synthesizer(arm, self.dataset, split)
        self._inputs = TrialInputs(self.dataset, synthesizer=synthesizer)

    def batches(
        self, batch_size: int | None = None, *, one_hot: bool = False, seed: int = 0
    ) -> tf.data.Dataset:
        """Endless training batches of the arm, for the `fit` of your own classifier.

        Args:
            batch_size: Images per batch; None for as many as in the study.
            one_hot: Whether labels are probabilities.
            seed: Same seed, and same `tf.random.set_seed` if that was called: same batches.

        Returns:
            A stream of `(images, labels)` as `keras.utils.image_dataset_from_directory` gives them:
            float32 images (batch_size, height, width, channels) in [0, 255], and int32 classes
            (batch_size,) or float32 probabilities (batch_size, num_classes). Of `class-weight` and
            `deferred`, of `(images, labels, weights)`.

        Raises:
            InputError: If the arm blends images, whose labels must be probabilities.
        """
        if self.arm.blending and not one_hot:
            raise InputError(f"the arm {self.arm} blends labels; it needs `one_hot` True")
        recipe = self._recipe._replace(batch_size=batch_size or self._recipe.batch_size)
        mixed = parts(self.arm, self._inputs, seed)
        return trial.stream(self.arm, self.dataset, mixed, recipe, seed, one_hot)


def winner(folder: str | Path) -> Winner:
    """Makes the training batches of the arm that a study recommends.

    See `best`; if no arm helps, it is the baseline. Synthetic images are those of the generator of
    the first repetition; of cross-validation, of the first fold, which saw the images of the
    others.

    Args:
        folder: A finished study, whose data are where they were.

    Raises:
        InputError: If it holds no finished study, or the data have changed.

    Example:
        >>> from kerasaug import data
        >>> from kerasaug.study import Study
        >>> short = {"arms": "none", "seeds": 1, "steps": 2, "latent_map": False}
        >>> config = StudyConfig.from_preset("smoke", "mnist", {"5": 54}, **short)
        >>> results = Study(config, data.load("mnist"), "study").run()
        >>> images, labels = next(iter(winner("study").batches(32)))
        >>> images.shape
        TensorShape([32, 28, 28, 1])
    """
    folder = Path(folder)
    with naming(f"`folder` {folder}"):
        try:
            summary = read_json(folder / "results.json")
        except FileNotFoundError as error:
            raise InputError("it holds no finished study (no results.json)") from error
        if summary.get("schema") != results.SCHEMA:
            raise InputError("it holds a study of another release")
        options = dict(summary["config"])
        options.pop("generator_note")
        config = StudyConfig.from_dict(options)
        tasks = Tasks(config, load(config.dataset, **config.loading), folder)
        if tasks.protocol.data.fingerprint != summary["data"]["fingerprint"]:
            raise InputError(f"the images of {config.dataset} have changed since")
        try:
            return Winner(choose(summary["arms"]), tasks)
        except TrainingFailed as error:
            raise InputError(str(error)) from error


def choose(summaries: dict[str, Any]) -> Arm:
    """The arm that `winner` takes, by `arms` of `results.json`; as it was trained."""
    name = best(summaries)
    return parse(summaries[name]["trainings"][0]["trained"]) if name else Arm(BASELINE)
