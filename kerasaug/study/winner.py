"""The arm that a study recommends, for the user's own training script."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from kerasaug.data.dataset import ImageDataset
from kerasaug.data.load import load
from kerasaug.errors import InputError, TrainingFailed, naming
from kerasaug.files import read_json
from kerasaug.study import results, trial, verdict
from kerasaug.study.arms import BASELINE, FULL_DATA, Arm, parse, strongest_control
from kerasaug.study.config import StudyConfig
from kerasaug.study.mixing import TrialInputs, parts
from kerasaug.study.tasks import Tasks
from kerasaug.study.verdict import HELPS


class Winner:
    """What `winner` returns.

    Attributes:
        arm: The arm, with the augmentation that `+auto` chose.
        dataset: All images of the study, but those of a test split.
        steps: How many batches a classifier of the study was trained on.
    """

    def __init__(self, arm: Arm, tasks: Tasks):
        split = tasks.protocol.splits[0]
        self.arm = tasks.selection.resolve(arm, split)
        self.dataset: ImageDataset = tasks.protocol.data.cache()
        self.steps = tasks.config.steps
        self._recipe = tasks.config.recipe
        synthesizer = None if arm.model is None else tasks.synthesizer(arm, self.dataset, split)
        self._inputs = TrialInputs(self.dataset, tasks.protocol.whole, synthesizer)

    def batches(self, batch_size: int = 256, seed: int = 0) -> tf.data.Dataset:
        """Endless training batches of the arm, for the `fit` of your own classifier.

        Args:
            batch_size: Images per batch.
            seed: Same seed, and same `tf.random.set_seed` if that was called: same batches.

        Returns:
            A stream of `(images, labels)` as `keras.utils.image_dataset_from_directory` gives them:
            float32 images (batch_size, height, width, channels) in [0, 255] and int32 classes
            (batch_size,); see `trial.stream` for arms that blend or weight.
        """
        recipe = self._recipe._replace(batch_size=batch_size)
        return trial.stream(
            self.arm, self.dataset, parts(self.arm, self._inputs, seed), recipe, seed
        )


def winner(folder: str | Path) -> Winner:
    """Makes the training batches of the arm that a study recommends.

    That is the arm with the highest average precision among those that help. One with synthetic
    images must also beat the strongest control. If no arm helps, it is the baseline. Images are
    drawn by the generator of the first repetition; of cross-validation, by that of the first fold,
    which saw the images of the others.

    Args:
        folder: A finished study, whose data are where they were.

    Raises:
        InputError: If it holds no finished study, or the data have changed.

    Example:
        >>> batches = winner("parts-study").batches(32)  # doctest: +SKIP
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
    """Chooses the arm that `winner` takes, by `arms` of `results.json`."""
    arms = {name: parse(name) for name in summaries}
    control = strongest_control([arm for arm in arms.values() if arm.is_control])
    good = [name for name, arm in arms.items() if _helps(arm, summaries[name], control)]
    good.sort(key=lambda name: -summaries[name]["summary"]["rare_average_precision"]["mean"])
    return arms[good[0]] if good else Arm(BASELINE)


def _helps(arm: Arm, summary: dict[str, Any], control: Arm | None) -> bool:
    if arm.mixture == FULL_DATA or arm.is_halved or summary["verdict"] != HELPS:
        return False
    reference = summary["versus"].get(str(control))
    return arm.is_control or (reference is not None and verdict.verdict(reference) == HELPS)
