"""Doing the tasks of a study: here, in several processes, or on a Dask cluster."""

import contextlib
import functools
import json
import os
import secrets
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import tensorflow as tf

from kerasaug import data
from kerasaug.errors import InputError, TrainingFailed
from kerasaug.study.config import Follower, StudyConfig
from kerasaug.study.tasks import Task, Tasks
from kerasaug.study.worker import end_with, work, work_apart

THREADS = 1
"""Threads of an operation. Sums are rounded as threads share them out, so that figures which must
not depend on the number of jobs, or of processors, need a fixed number of threads."""

MOST_JOBS = 8
"""Each takes about a gigabyte."""

LONGEST_STEP = 2**16
"""Bytes of what a worker says of a step."""


class Failure(NamedTuple):
    """A task that did not end well.

    Attributes:
        task: Which.
        error: What went wrong, in a line.
        trace: Where, for whoever mends it.
    """

    task: Task
    error: str
    trace: str


Perform = Callable[[Tasks, Sequence[Task]], Iterator[Failure]]


def limit_threads() -> None:
    """Limits the threads of this process to `THREADS`, unless TensorFlow has computed before."""
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(THREADS)


def default_jobs() -> int:
    """How many processes use this machine well: one per processor, at most `MOST_JOBS`."""
    return min(joblib.cpu_count(), MOST_JOBS)


@contextlib.contextmanager
def workers(follower: Follower, jobs: int, scheduler: str | None) -> Iterator[Perform]:
    """Makes ready what tasks are done by.

    Args:
        follower: Is told of the progress.
        jobs: How many processes; 1 is this one.
        scheduler: Address of a Dask scheduler to use instead, whose workers see the study's folder
            under the same path.

    Yields:
        A function that does tasks which do not need each other, and yields those that failed.

    Raises:
        InputError: If there is no scheduler at the address.
    """
    if jobs == 1 and scheduler is None:
        yield functools.partial(_perform_here, follower)
        return
    with _backend(jobs, scheduler), _progress_channel(follower, scheduler) as channel:
        yield functools.partial(_perform_elsewhere, follower, channel)


def _perform_here(follower, tasks, todo):
    for task in todo:
        yield from _outcome(
            follower, tasks, task, _attempt(task, functools.partial(tasks.perform, task, follower))
        )


def _perform_elsewhere(follower, channel, tasks, todo):
    if not todo:
        return
    # Tasks come in order; the first free worker takes the next.
    run = joblib.Parallel(return_as="generator_unordered", batch_size=1)
    config, output = tasks.config.as_dict(), str(tasks.output.resolve())
    if config["generator_folder"] is not None:
        config["generator_folder"] = str(Path(config["generator_folder"]).resolve())
    begin = work_apart if channel is None else functools.partial(work, channel=channel)
    calls = (joblib.delayed(begin)(config, output, tuple(task)) for task in todo)
    for fields, failure in _received(run(calls)):
        task = Task(*fields)
        failure = failure and Failure(task, *failure)
        if channel is None:
            follower.step(str(task), {}, tasks.cost(task))
        yield from _outcome(follower, tasks, task, failure)


def _received(results):
    try:
        yield from results
    except Exception as error:  # What kills a worker has many types, by back end.
        words = " ".join(str(error).split())
        raise TrainingFailed(
            f"a worker was lost, perhaps for want of memory ({type(error).__name__}: {words}); the "
            "same command with this --output goes on, --jobs 1 needs least"
        ) from error


def _outcome(follower, tasks, task, failure):
    if failure is None and not tasks.done(task):
        words = "its result cannot be seen here; workers need the same folder and versions"
        failure = Failure(task, words, "")
    if failure is None:
        follower.say(tasks.describe(task))
    else:
        follower.say(f"{task} FAILED: {failure.error}")
        yield failure


def _attempt(task: Task, perform: Callable[[], None]) -> Failure | None:
    try:
        perform()
    except Exception as error:  # One failure must not take the hours of the others with it.
        words = " ".join(str(error).split()) or "no message"
        return Failure(task, f"{type(error).__name__}: {words}", traceback.format_exc())
    return None


_known: dict[str, Tasks] = {}


def work_here(
    config: dict[str, Any], output: str, task: tuple, channel: Any
) -> tuple[str, str] | None:
    """Does one task in a worker, which keeps the data for the next one; see `worker.work`.

    Args:
        config: What `StudyConfig.as_dict` gave.
        output: The study's folder.
        task: The fields of a `Task`.
        channel: The address and key of a listener to send progress to; None on a cluster.

    Returns:
        The error and the traceback, if it failed.
    """
    key = f"{output} {config}"

    def perform():
        if key not in _known:
            limit_threads()
            _known.clear()
            parsed = StudyConfig.from_dict(config)
            _known[key] = Tasks(parsed, data.load(parsed.dataset, **parsed.loading), Path(output))
        nobody = contextlib.nullcontext(Follower())
        with contextlib.closing(_Remote(*channel)) if channel else nobody as follower:
            _known[key].perform(Task(*task), follower)

    failure = _attempt(Task(*task), perform)
    return failure and (failure.error, failure.trace)


class _Remote(Follower):
    """A follower in a worker: sends what it does and how far it is to the process that shows it."""

    LEAST = 10.0

    def __init__(self, address, key):
        self.connection = Client(address, authkey=key)
        self.owed, self.does = 0.0, ("starting", {})

    def close(self):
        with self.connection:
            self._send()

    def step(self, description, losses, units):
        begins = description != self.does[0]
        self.does = description, {name: float(loss) for name, loss in losses.items()}
        self.advance(units)
        if begins:
            self._send()

    def advance(self, units):
        self.owed += units
        if self.owed >= self.LEAST:
            self._send()

    def _send(self):
        # A task that is done is none the worse for nobody hearing of it.
        with contextlib.suppress(OSError):
            self.connection.send_bytes(json.dumps([*self.does, float(self.owed)]).encode())
        self.owed = 0.0


@contextlib.contextmanager
def _progress_channel(follower: Follower, scheduler: str | None) -> Iterator[Any]:
    """Listens to workers of this machine, which send the steps that they have taken."""
    if scheduler is not None:
        yield None
        return
    key = secrets.token_bytes(32)
    with Listener(authkey=key) as listener:

        def accept():
            # Closing the listener ends this.
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=hear, args=(listener.accept(),), daemon=True).start()

        def hear(connection):
            with contextlib.suppress(EOFError, OSError), connection:
                while True:
                    follower.step(*json.loads(connection.recv_bytes(LONGEST_STEP)))

        threading.Thread(target=accept, daemon=True).start()
        yield listener.address, key


@contextlib.contextmanager
def _backend(jobs: int, scheduler: str | None) -> Iterator[None]:
    if scheduler is None:
        # Workers that have not been given work yet end with the study too.
        ending = {"initializer": end_with, "initargs": (os.getpid(),)}
        with (
            warnings.catch_warnings(),
            joblib.parallel_config(backend="loky", n_jobs=jobs, **ending),
        ):
            # A worker that has grown large is replaced by a fresh one, and nothing is lost.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
            yield
        return
    try:
        import distributed
    except ImportError as error:
        raise InputError(f"--scheduler {scheduler}: needs dask; install kerasaug[dask]") from error
    try:
        client = distributed.Client(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise InputError(f"--scheduler {scheduler}: there is no Dask scheduler") from error
    with client, joblib.parallel_config(backend="dask"):
        yield
