"""What long work reports to: nobody, a bar in the terminal, or another process."""

import contextlib
import datetime
import json
import multiprocessing
import threading
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Client, Connection, Listener
from typing import TYPE_CHECKING, Any

import rich.console
import rich.progress
import rich.table
import rich.text

from kerasaug.wording import printable

if TYPE_CHECKING:
    import keras

LINES_WITHOUT_TERMINAL = 20
LARGEST_MESSAGE = 2**16
"""Bytes that a worker may send at once."""
UNITS_PER_MESSAGE = 10.0


class Progress:
    """What long work reports to. This one shows nothing."""

    def report(self, line: str) -> None:
        """Shows a line: what was finished, or what the user should know."""

    def describe(self, description: str) -> None:
        """Shows what is being done where no training moves the bar."""

    def advance(self, units: float) -> None:
        """Counts work as done; a unit is a training step of a classifier."""

    def step(self, description: str, losses: Mapping[str, float], units: float) -> None:
        """Counts one or several steps of a training.

        Args:
            description: What is being trained.
            losses: Their latest means, by name; may be empty.
            units: See `advance`.
        """
        self.advance(units)

    def callback(self, description: str, units_per_step: float = 1.0) -> "keras.callbacks.Callback":
        """Makes a callback for `fit` that reports every step of a training.

        Args:
            description: What is being trained.
            units_per_step: Work per training step.
        """
        import keras

        def begin(logs):
            # Steps of a training that is resumed.
            self.advance(getattr(callback.model, "steps_taken", 0) * units_per_step)

        callback = keras.callbacks.LambdaCallback(
            on_train_begin=begin,
            on_train_batch_end=lambda _, logs: self.step(description, logs, units_per_step),
        )
        return callback


class ProgressBar(Progress):
    """Shows how far a long job is, how long it will still take, and its losses.

    Where there is neither a terminal nor a notebook, it prints twenty lines instead. To be used in
    a `with` statement.

    Args:
        total: The work, in training steps of a classifier.

    Example:
        >>> with ProgressBar(total=40) as progress:
        ...     progress.advance(40)
    """

    def __init__(self, total: float):
        self.console = rich.console.Console(stderr=True)
        if self.console.is_jupyter:
            # As in a terminal: a notebook draws a line anew too, and needs no widgets for that.
            self.console = rich.console.Console(force_jupyter=False, force_terminal=True, width=100)
        self.lock = threading.Lock()
        self.bar = rich.progress.Progress(
            rich.progress.TaskProgressColumn(table_column=_column(4)),
            rich.progress.BarColumn(bar_width=10),
            rich.progress.TimeElapsedColumn(table_column=_column(7)),
            rich.progress.TextColumn("left", table_column=_column(4)),
            TimeLeftColumn(table_column=_column(7)),
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

    def __enter__(self) -> "ProgressBar":
        """Begins to draw."""
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Leaves the terminal as it was."""
        self.bar.stop()

    def advance(self, units):
        """Counts work as done; see `Progress.advance`."""
        task = self.bar.tasks[0]
        part = max(1.0, task.total / LINES_WITHOUT_TERMINAL)
        with self.lock:  # Every worker has a thread here.
            before = task.completed // part
            self.bar.advance(self.task, units)
            if task.completed // part > before and not self.console.is_terminal:
                time = f"{_time_left(task)} left  "
                self.report(f"{time}{task.description}  {task.fields['losses']}".strip())

    def describe(self, description):
        """Shows what is being done; see `Progress.describe`."""
        self.bar.update(self.task, description=description, losses="")

    def report(self, line):
        """Prints a line above the bar; where there is none, with how far the work is."""
        if not self.console.is_terminal:
            line = f"{self.bar.tasks[0].percentage:3.0f}%  {line}"
        self.console.print(printable(line), highlight=False, markup=False, soft_wrap=True)

    def step(self, description, losses, units):
        """Shows the losses and counts a step of a training."""
        shown = "  ".join(f"{name} {value:.3g}" for name, value in _numbers(losses).items())
        self.bar.update(self.task, description=description, losses=shown)
        self.advance(units)


@contextlib.contextmanager
def bar_where_seen(progress: Progress | None, total: Callable[[], float]) -> Iterator[Progress]:
    """Yields what to report to: `progress`, or a bar in a terminal or a notebook, or nothing.

    Worker processes share the terminal of the one that shows a bar, and have none of their own.

    Args:
        progress: What the caller asks for, if anything.
        total: Counts the work, if nothing is asked for; see `ProgressBar`.
    """
    if progress is not None or multiprocessing.parent_process() is not None:
        yield progress or Progress()
        return
    bar = ProgressBar(total())
    with bar if bar.console.is_terminal else contextlib.nullcontext(Progress()) as shown:
        yield shown


class WorkerProgress(Progress):
    """Sends what a worker process does to the process that shows it; see `listen`.

    Args:
        address: Of the listener.
        key: That it asks for.
    """

    def __init__(self, address: Any, key: bytes):
        self.connection = Client(address, authkey=key)
        self.unsent = 0.0
        self.latest: tuple[str, dict[str, float]] = ("starting", {})

    def close(self) -> None:
        """Sends what is left and ends the connection."""
        with self.connection:
            self._send()

    def step(self, description, losses, units):
        """Sends the first step of a training at once; see `Progress.step`."""
        is_first = description != self.latest[0]
        self.latest = description, _numbers(losses)
        self.advance(units)
        if is_first:
            self._send()

    def advance(self, units):
        """Sends work once there is enough of it; see `Progress.advance`."""
        self.unsent += units
        if self.unsent >= UNITS_PER_MESSAGE:
            self._send()

    def _send(self):
        # Work that is done is none the worse for nobody hearing of it.
        with contextlib.suppress(OSError):
            self.connection.send_bytes(json.dumps([*self.latest, float(self.unsent)]).encode())
        self.unsent = 0.0


def _numbers(losses: Mapping[str, Any]) -> dict[str, float]:
    """Without what is no single number, such as an F1 score for every class."""
    return {name: float(value) for name, value in losses.items() if getattr(value, "ndim", 0) == 0}


@contextlib.contextmanager
def listen(progress: Progress, key: bytes) -> Iterator[Any]:
    """Takes what `WorkerProgress` of other processes on this machine sends.

    Args:
        progress: What to report it to.
        key: That they have to know.

    Yields:
        The address that they need.
    """
    with Listener(authkey=key) as listener:

        def accept():
            # Closing the listener ends this.
            with contextlib.suppress(OSError):
                while True:
                    connection = listener.accept()
                    threading.Thread(target=receive, args=(connection,), daemon=True).start()

        def receive(connection: Connection):
            with contextlib.suppress(EOFError, OSError), connection:
                while True:
                    progress.step(*json.loads(connection.recv_bytes(LARGEST_MESSAGE)))

        threading.Thread(target=accept, daemon=True).start()
        yield listener.address


class TimeLeftColumn(rich.progress.ProgressColumn):
    """The time that is left at the mean speed so far.

    Rich's own column takes the speed of the last half minute, which is 0 where a study makes images
    between two trainings.
    """

    def render(self, task: rich.progress.Task) -> rich.text.Text:
        """Shows it as Rich shows the time elapsed, once there is a speed."""
        shown = str(_time_left(task)) if task.completed else "-:--:--"
        return rich.text.Text(shown, style="progress.remaining")


def _time_left(task: rich.progress.Task) -> datetime.timedelta:
    seconds = (task.elapsed or 0.0) * task.remaining / task.completed
    return datetime.timedelta(seconds=round(seconds))


def _column(width: int) -> rich.table.Column:
    return rich.table.Column(min_width=width, no_wrap=True)
