"""Keras callbacks for generative models; all count in generator steps, not in epochs."""

import abc
import csv
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasaug import plots
from kerasaug.files import atomic
from kerasaug.progress import Progress

GRID_ROWS, GRID_COLUMNS = 10, 10


class AtMilestones(keras.callbacks.Callback, abc.ABC):
    """Calls `at_step` a number of times over a training, evenly, the last time at its end.

    Args:
        steps: Length of the whole training.
        times: How often; at every step if there are fewer steps than that.
    """

    def __init__(self, steps: int, times: int):
        super().__init__()
        self.steps = steps
        self.times = min(times, steps)

    def on_train_batch_end(self, batch, logs=None):
        """Counts by the model's own `step`, which is saved with it."""
        step = self.model.steps_taken
        if step * self.times // self.steps > (step - 1) * self.times // self.steps:
            self.at_step(step, logs or {})

    @abc.abstractmethod
    def at_step(self, step: int, logs: dict[str, float]) -> None:
        """Is called after `step` steps, with the mean losses since the history's last row."""


class History(AtMilestones):
    """Writes the mean losses between milestones to a CSV file.

    When a training is resumed, rows beyond the model's own step are dropped: they were written
    after its checkpoint.

    Args:
        path: The file; `step` and one column per loss. None for a worker that only has to reset its
            means when the one that writes does.
        steps: See `AtMilestones`.
        times: How many rows.
    """

    def __init__(self, path: Path | None, steps: int, times: int):
        super().__init__(steps, times)
        self.path = path

    def on_train_begin(self, logs=None):
        """Reads the rows up to the model's step, and the means since the last of them."""
        rows = [] if self.path is None else read_history(self.path)
        self.rows = [row for row in rows if row["step"] <= self.model.steps_taken]
        means = [variable for metric in self.model.metrics for variable in metric.variables]
        self.means = [(variable, variable.numpy()) for variable in means]

    def on_epoch_begin(self, epoch, logs=None):
        """Restores the means, which `fit` has reset."""
        for variable, value in self.means:
            variable.assign(value)
        self.means = []

    def at_step(self, step, logs):
        """Adds a row and resets the means."""
        self.rows.append({"step": step, **{name: float(loss) for name, loss in logs.items()}})
        self.model.reset_metrics()
        if self.path is None:
            return
        with atomic(self.path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)


class SampleGrid(AtMilestones):
    """Draws images from the same latents again and again, so that one can watch them grow.

    Args:
        folder: Where the pictures go, as `step-000400.png`.
        steps: See `AtMilestones`.
        times: How many pictures.
        check: Is called with the step and the images, uint8 (rows, columns, height, width,
            channels); those of a row are of one class.
    """

    def __init__(
        self, folder: Path, steps: int, times: int, check: Callable[[int, np.ndarray], None]
    ):
        super().__init__(steps, times)
        self.folder = folder
        self.check = check

    def at_step(self, step, logs):
        """Draws one picture; of a conditional model each row is a class, the first ten of them."""
        rows = min(self.model.num_classes or GRID_ROWS, GRID_ROWS)
        labels = tf.repeat(tf.range(rows), GRID_COLUMNS)
        images = np.asarray(self.model.sample(labels, tf.constant([0, 0])))
        plots.save_grid(images, self.folder / f"step-{step:06d}.png", GRID_COLUMNS)
        self.check(step, images.reshape(rows, GRID_COLUMNS, *images.shape[1:]))


class StopOnInterrupt(keras.callbacks.Callback):
    """Ends a training on Ctrl-C or SIGTERM after the step that is being taken, with a checkpoint.

    A second Ctrl-C ends it at once. To be used in a `with` statement around `fit`.

    Args:
        checkpoint: Saves the model.
        progress: Is told when Ctrl-C is pressed.
    """

    def __init__(self, checkpoint: AtMilestones, progress: Progress):
        super().__init__()
        self.checkpoint = checkpoint
        self.progress = progress
        self.pressed = False
        self.before: dict[int, Any] = {}

    def __enter__(self):
        """Installs handlers in the place of Python's own, and of none."""
        usual = (signal.default_int_handler, signal.SIG_DFL)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) in usual:
                    self.before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception):
        """Puts the handlers of before back."""
        self._restore()
        if self.pressed and exception[0] is None:
            raise KeyboardInterrupt

    def on_train_batch_end(self, batch, logs=None):
        """Saves and raises `KeyboardInterrupt`, if the training is to end."""
        if self.pressed:
            self.checkpoint.at_step(self.model.steps_taken, logs or {})
            raise KeyboardInterrupt

    def _handle(self, *_):
        self.pressed = True
        self._restore()
        self.progress.report("stopping after this step; Ctrl-C again stops at once")

    def _restore(self):
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}


def read_history(path: Path) -> list[dict[str, float]]:
    """Reads the rows that `History` wrote, if any; `step` is an int."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {name: (int if name == "step" else float)(value) for name, value in row.items()}
            for row in csv.DictReader(file)
        ]
