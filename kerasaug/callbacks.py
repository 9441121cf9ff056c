"""Keras callbacks for generative models; all count in generator steps, not in epochs."""

import csv
import math
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasaug import plots
from kerasaug.errors import TrainingFailed
from kerasaug.files import atomic

GRID_COLUMNS = 10
GRID_ROWS = 10


class EverySteps(keras.callbacks.Callback):
    """Calls `at_step` whenever the model has taken another `interval` steps.

    Args:
        interval: Steps between calls, at least 1.
    """

    def __init__(self, interval: int):
        super().__init__()
        self.interval = interval

    def on_train_batch_end(self, batch, logs=None):
        """Counts by the model's own `step`, which survives saving and loading."""
        step = self.model.steps_taken
        if step % self.interval == 0:
            self.at_step(step, logs or {})

    def at_step(self, step: int, logs: dict[str, float]) -> None:
        """Does the work.

        Args:
            step: Steps taken.
            logs: Means of the losses since the last row of the history.
        """
        raise NotImplementedError


class History(EverySteps):
    """Appends the mean losses of every interval to a CSV file.

    Rows beyond the model's own step are dropped when a training begins: they were written after
    the checkpoint that it goes on from.

    Args:
        path: The file; `step` and one column per loss.
        interval: Steps per row.
    """

    def __init__(self, path: Path, interval: int):
        super().__init__(interval)
        self.path = path
        self.rows: list[dict[str, float]] = []

    def on_train_begin(self, logs=None):
        """Reads the rows that still hold."""
        self.rows = [
            row for row in read_history(self.path) if row["step"] <= self.model.steps_taken
        ]

    def at_step(self, step, logs):
        """Adds a row and lets the means start anew."""
        self.rows.append({"step": step, **{name: float(loss) for name, loss in logs.items()}})
        with atomic(self.path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)
        self.model.reset_metrics()


class SampleGrid(EverySteps):
    """Draws images from the same latents again and again, so that one can watch them grow.

    Args:
        folder: Where the pictures go, as `step-000400.png`.
        interval: Steps per picture.
        seed: Of the latents.
    """

    def __init__(self, folder: Path, interval: int, seed: int = 0):
        super().__init__(interval)
        self.folder = folder
        self.seed = seed

    def at_step(self, step, logs):
        """Draws one picture; of a conditional model each row is a class, the first ten of them."""
        rows = min(self.model.num_classes or GRID_ROWS, GRID_ROWS)
        labels = tf.repeat(tf.range(rows), GRID_COLUMNS)
        images = self.model.sample(labels, tf.constant([self.seed, 0]))
        plots.save_grid(np.asarray(images), self.folder / f"step-{step:06d}.png", GRID_COLUMNS)


class Checkpoint(EverySteps):
    """Saves the whole model, optimizers and all, whole or not at all.

    Args:
        path: A file that ends in `.keras`.
        interval: Steps between saves.
    """

    def __init__(self, path: Path, interval: int):
        super().__init__(interval)
        self.path = path

    def at_step(self, step, logs):
        """Saves over the last checkpoint."""
        with atomic(self.path) as draft:
            self.model.save(draft)


class StopOnNonFinite(keras.callbacks.Callback):
    """Ends a training whose loss is no longer a number; Keras' own one reads only `loss`."""

    def on_train_batch_end(self, batch, logs=None):
        """Raises `TrainingFailed` with the name of the loss and the step."""
        for name, loss in (logs or {}).items():
            if not math.isfinite(loss):
                raise TrainingFailed(
                    f"{name} is {float(loss)} at step {self.model.steps_taken}; "
                    "the last checkpoint is kept"
                )


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
