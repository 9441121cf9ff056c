"""A progress bar with losses; plain lines where there is no terminal."""

import keras
import rich.console
import rich.progress
import rich.table

from kerasaug.study.config import Follower
from kerasaug.wording import printable

LINES_WITHOUT_TERMINAL = 20
STARTING = "starting"


class Progress(Follower):
    """Shows how far a long job is, how long it still takes, and its losses.

    Args:
        total: The work, in units of one training step.
    """

    def __init__(self, total: float):
        self.console = rich.console.Console(stderr=True)
        self.bar = rich.progress.Progress(
            rich.progress.TaskProgressColumn(table_column=_column(4)),
            rich.progress.BarColumn(bar_width=10),
            rich.progress.TimeElapsedColumn(table_column=_column(7)),
            rich.progress.TextColumn("left", table_column=_column(4)),
            rich.progress.TimeRemainingColumn(table_column=_column(7)),
            # What does not fit is cut off here, and never from the numbers before it.
            rich.progress.TextColumn(
                "{task.description}  {task.fields[losses]}",
                table_column=rich.table.Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            console=self.console,
            expand=True,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task(STARTING, total=total, losses="")

    def __enter__(self) -> "Progress":
        """Begins to draw."""
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Leaves the terminal as it was."""
        self.bar.stop()

    def advance(self, units: float) -> None:
        """Counts work as done.

        Args:
            units: How much.
        """
        if self.bar.tasks[0].description == STARTING:
            # Workers say how far they are, and not with what.
            self.describe("training")
        self.bar.advance(self.task, units)

    def describe(self, description: str) -> None:
        """Says what is being done where no training moves the bar.

        Args:
            description: A few words.
        """
        self.bar.update(self.task, description=description, losses="")

    def say(self, line: str) -> None:
        """Prints a line above the bar; where there is none, with how far the work is.

        Args:
            line: What to print.
        """
        if not self.console.is_terminal:
            line = f"{self.bar.tasks[0].percentage:3.0f}%  {line}"
        self.console.print(printable(line), highlight=False, markup=False, soft_wrap=True)

    def following(self, description: str, units_per_step: float = 1.0) -> "Follow":
        """Makes a callback that moves the bar with a training.

        Args:
            description: What is being trained.
            units_per_step: Work per training step.

        Returns:
            A callback for `fit`.
        """
        return Follow(self, description, units_per_step)


def _column(width: int) -> rich.table.Column:
    return rich.table.Column(min_width=width, no_wrap=True)


class Follow(keras.callbacks.Callback):
    """Moves a `Progress` with every training step, and shows the losses.

    Args:
        progress: What to move.
        description: What is being trained.
        units_per_step: Work per training step.
    """

    def __init__(self, progress: Progress, description: str, units_per_step: float):
        super().__init__()
        self.progress = progress
        self.description = description
        self.units_per_step = units_per_step

    def on_train_begin(self, logs=None):
        """Counts the steps of a training that goes on."""
        self.progress.advance(getattr(self.model, "steps_taken", 0) * self.units_per_step)

    def on_train_batch_end(self, batch, logs=None):
        """Counts the step."""
        losses = "  ".join(f"{name} {value:.3g}" for name, value in (logs or {}).items())
        self.progress.bar.update(self.progress.task, description=self.description, losses=losses)
        self.progress.advance(self.units_per_step)
        task = self.progress.bar.tasks[0]
        tenth = max(1.0, (task.total or 0) / LINES_WITHOUT_TERMINAL)
        crossed = task.completed // tenth > (task.completed - self.units_per_step) // tenth
        if crossed and not self.progress.console.is_terminal:
            self.progress.say(f"{self.description}  {losses}")
