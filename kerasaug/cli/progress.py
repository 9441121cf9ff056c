"""A progress bar with losses; plain lines where there is no terminal."""

import datetime
import threading

import rich.console
import rich.progress
import rich.table

from kerasaug.study.config import Follower
from kerasaug.wording import printable

LINES_WITHOUT_TERMINAL = 20


class Progress(Follower):
    """Shows how far a long job is, how long it still takes, and its losses.

    Args:
        total: The work, in units of one training step.
    """

    def __init__(self, total: float):
        self.console = rich.console.Console(stderr=True)
        self.lock = threading.Lock()
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
        self.task = self.bar.add_task("starting, up to a minute", total=total, losses="")

    def __enter__(self) -> "Progress":
        """Begins to draw."""
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Leaves the terminal as it was."""
        self.bar.stop()

    def advance(self, units: float) -> None:
        """Counts work as done; where there is no terminal, says so twenty times.

        Args:
            units: How much.
        """
        task = self.bar.tasks[0]
        part = max(1.0, task.total / LINES_WITHOUT_TERMINAL)
        with self.lock:  # Every worker has a thread here.
            before = task.completed // part
            self.bar.advance(self.task, units)
            if task.completed // part > before and not self.console.is_terminal:
                left = task.time_remaining
                known = "" if left is None else f"{datetime.timedelta(seconds=left)} left  "
                self.say(f"{known}{task.description}  {task.fields['losses']}".strip())

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

    def step(self, description, losses, units):
        """Shows the losses and counts a step of a training."""
        shown = "  ".join(f"{name} {value:.3g}" for name, value in losses.items())
        self.bar.update(self.task, description=description, losses=shown)
        self.advance(units)


def _column(width: int) -> rich.table.Column:
    return rich.table.Column(min_width=width, no_wrap=True)
