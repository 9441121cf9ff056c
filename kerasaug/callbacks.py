"""Keras callbacks for generative models; all count in generator steps, not in epochs."""

import abc
import csv
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasaug import plots
from kerasaug.files import atomic, link

GRID_COLUMNS = 10
GRID_ROWS = 10


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
        """Counts by the model's own `step`, which survives saving and loading."""
        step = self.model.steps_taken
        if step * self.times // self.steps > (step - 1) * self.times // self.steps:
            self.at_step(step, logs or {})

    @abc.abstractmethod
    def at_step(self, step: int, logs: dict[str, float]) -> None:
        """Does the work.

        Args:
            step: Steps taken.
            logs: Means of the losses since the last row of the history.
        """


class History(AtMilestones):
    """Writes the mean losses between milestones to a CSV file.

    Rows beyond the model's own step are dropped when a training begins: they were written after
    the checkpoint that it goes on from.

    Args:
        path: The file; `step` and one column per loss. None for a worker that only has to let its
            means start anew when the one that writes does.
        steps: Length of the whole training.
        times: How many rows.
    """

    def __init__(self, path: Path | None, steps: int, times: int):
        super().__init__(steps, times)
        self.path = path
        self.rows: list[dict[str, float]] = []

    def on_train_begin(self, logs=None):
        """Reads the rows that still hold, and the means since the last of them."""
        rows = [] if self.path is None else read_history(self.path)
        self.rows = [row for row in rows if row["step"] <= self.model.steps_taken]
        means = [variable for metric in self.model.metrics for variable in metric.variables]
        self.means = [(variable, variable.numpy()) for variable in means]

    def on_epoch_begin(self, epoch, logs=None):
        """Goes on with the means, which `fit` has set back."""
        for variable, value in self.means:
            variable.assign(value)
        self.means = []

    def at_step(self, step, logs):
        """Adds a row and lets the means start anew."""
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
        steps: Length of the whole training.
        times: How many pictures.
        look_at: Is given the step and the images too, (rows, columns, height, width, channels); all
            of a row are of one class.
    """

    def __init__(
        self,
        folder: Path,
        steps: int,
        times: int,
        look_at: Callable[[int, np.ndarray], None],
    ):
        super().__init__(steps, times)
        self.folder = folder
        self.look_at = look_at

    def at_step(self, step, logs):
        """Draws one picture; of a conditional model each row is a class, the first ten of them."""
        rows = min(self.model.num_classes or GRID_ROWS, GRID_ROWS)
        labels = tf.repeat(tf.range(rows), GRID_COLUMNS)
        images = np.asarray(self.model.sample(labels, tf.constant([0, 0])))
        plots.save_grid(images, self.folder / f"step-{step:06d}.png", GRID_COLUMNS)
        self.look_at(step, images.reshape(rows, GRID_COLUMNS, *images.shape[1:]))


class Checkpoint(AtMilestones):
    """Saves the whole model, optimizers and all, and keeps the save before.

    Args:
        path: A file that ends in `.keras`.
        before: Another one: where the save before it goes.
        steps: Length of the whole training.
        times: How many saves.
    """

    def __init__(self, path: Path, before: Path, steps: int, times: int):
        super().__init__(steps, times)
        self.path = path
        self.before = before

    def at_step(self, step, logs):
        """Saves whole or not at all; there is always a whole one."""
        if self.path.exists():
            with atomic(self.before) as draft:
                link(self.path, draft)
        with atomic(self.path) as draft:
            self.model.save(draft)


class StopOnInterrupt(keras.callbacks.Callback):
    """Ends a training on Ctrl-C after the step that is being taken, with a checkpoint.

    A second Ctrl-C ends it at once. To be used in a `with` statement around `fit`.

    Args:
        checkpoint: What saves.
        tell: Is given a line when Ctrl-C is pressed.
    """

    def __init__(self, checkpoint: Checkpoint, tell: Callable[[str], None]):
        super().__init__()
        self.checkpoint = checkpoint
        self.tell = tell
        self.asked = False

    def __enter__(self):
        """Takes Ctrl-C over, where nobody else has."""
        mine = threading.current_thread() is threading.main_thread()
        self.takes = mine and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self.takes:
            signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *exception):
        """Gives it back."""
        if self.takes:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.asked and exception[0] is None:
            raise KeyboardInterrupt

    def _ask(self, *_):
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.tell("stopping after this step; Ctrl-C again stops at once")

    def on_train_batch_end(self, batch, logs=None):
        """Saves and raises `KeyboardInterrupt`, if it was asked to."""
        if self.asked:
            self.checkpoint.at_step(self.model.steps_taken, logs or {})
            raise KeyboardInterrupt


def read_history(path: Path) -> list[dict[str, float]]:
    """Reads what `History` wrote.

    Args:
        path: The CSV file; it need not exist.

    Returns:
        One dictionary per row, `step` as an int.
    """
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {name: float(value) if name != "step" else int(value) for name, value in row.items()}
            for row in csv.DictReader(file)
        ]
