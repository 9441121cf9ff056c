"""Doing the tasks of a study: here, in several processes, or on a Dask cluster."""

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import keras
import tensorflow as tf

from kerasaug import data
from kerasaug.errors import InputError
from kerasaug.study.config import Follower, StudyConfig
from kerasaug.study.tasks import Task, Tasks
from kerasaug.study.worker import work

THREADS = 1
"""Threads of an operation. Sums are rounded as threads share them out, so that figures which must
not depend on the number of jobs, or of processors, need a fixed number of threads."""

MOST_JOBS = 8
"""Each takes about a gigabyte."""


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
        yield from _outcome(follower, tasks, task, _attempt(tasks, task, follower))


def _perform_elsewhere(follower, channel, tasks, todo):
    if not todo:
        return
    # Tasks come in order; the first free worker takes the next.
    run = joblib.Parallel(return_as="generator_unordered", batch_size=1)
    config, output = tasks.config.as_dict(), str(tasks.output.resolve())
    calls = (joblib.delayed(work)(config, output, tuple(task), channel) for task in todo)
    for fields, failure in run(calls):
        task = Task(*fields)
        if channel is None:
            follower.advance(tasks.cost(task))
        yield from _outcome(follower, tasks, task, failure)


def _outcome(follower, tasks, task, failure):
    if failure is None:
        follower.say(tasks.describe(task))
    else:
        follower.say(f"{task} FAILED: {failure.error}")
        yield failure


def _attempt(tasks: Tasks, task: Task, follower: Follower) -> Failure | None:
    try:
        tasks.perform(task, follower)
    except Exception as error:  # One failure must not take the hours of the others with it.
        words = " ".join(str(error).split()) or "no message"
        return Failure(task, f"{type(error).__name__}: {words}", traceback.format_exc())
    return None


_known: dict[str, Tasks] = {}


def work_here(config: dict[str, Any], output: str, task: tuple, channel: Any) -> Failure | None:
    """Does one task in a worker, which keeps the data for the next one; see `worker.work`.

    Args:
        config: What `StudyConfig.as_dict` gave.
        output: The study's folder.
        task: The fields of a `Task`.
        channel: A queue to put progress into; None on a cluster.

    Returns:
        What failed, if it did.
    """
    key = f"{output} {config}"
    if key not in _known:
        limit_threads()
        if channel is not None:
            _end_with_parent()
        _known.clear()
        parsed = StudyConfig.from_dict(config)
        _known[key] = Tasks(parsed, data.load(parsed.dataset), Path(output))
    return _attempt(_known[key], Task(*task), _Remote(channel))


def _end_with_parent() -> None:
    """A worker whose study was killed must not go on writing into its folder."""
    # Ctrl-C reaches workers too, but what to do about it is the study's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class _Remote(Follower):
    """A follower in a worker: sends how far it is to the process that shows it."""

    def __init__(self, channel):
        self.channel = channel

    def say(self, line):
        """Lines are said where the results are read."""

    def advance(self, units):
        if self.channel is not None:
            self.channel.put(units)

    def following(self, description, units_per_step=1.0):
        return _Sender(self, units_per_step)


class _Sender(keras.callbacks.Callback):
    EVERY = 10

    def __init__(self, remote, units_per_step):
        super().__init__()
        self.remote = remote
        self.units_per_step = units_per_step
        self.steps = 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps % self.EVERY == 0:
            self.remote.advance(self.EVERY * self.units_per_step)

    def on_train_end(self, logs=None):
        self.remote.advance(self.steps % self.EVERY * self.units_per_step)


@contextlib.contextmanager
def _progress_channel(follower: Follower, scheduler: str | None) -> Iterator[Any]:
    """A queue that workers of this machine put their progress into."""
    if scheduler is not None:
        yield None
        return
    with multiprocessing.Manager() as manager:
        channel = manager.Queue()

        def listen():
            while (units := channel.get()) is not None:
                follower.advance(units)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            yield channel
        finally:
            channel.put(None)
            listener.join()


@contextlib.contextmanager
def _backend(jobs: int, scheduler: str | None) -> Iterator[None]:
    if scheduler is None:
        with joblib.parallel_config(backend="loky", n_jobs=jobs):
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
