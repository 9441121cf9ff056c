"""The tasks of a study, run here, in several processes, or on a Dask cluster."""

import contextlib
import functools
import os
import secrets
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import joblib

from kerasaug.errors import InputError, TrainingFailed
from kerasaug.progress import Progress, listen
from kerasaug.study.task import Task
from kerasaug.study.tasks import Tasks
from kerasaug.study.worker import Failure, attempt, end_with, work, work_apart

MOST_JOBS = 8
"""Each takes about a gigabyte."""


class FailedTask(NamedTuple):
    """A task that did not end well, and why."""

    task: Task
    failure: Failure


Runner = Callable[[Tasks, Sequence[Task]], Iterator[FailedTask]]


def default_jobs() -> int:
    """How many processes use this machine well: one per processor, at most `MOST_JOBS`."""
    return min(joblib.cpu_count(), MOST_JOBS)


@contextlib.contextmanager
def runner(progress: Progress, jobs: int, scheduler: str | None) -> Iterator[Runner]:
    """Prepares the processes that tasks run in.

    Args:
        progress: What to report to.
        jobs: How many processes; 1 is this one.
        scheduler: Address of a Dask scheduler to use instead, whose workers see the study's folder
            under the same path.

    Yields:
        A function that runs tasks which do not need each other, and yields those that failed.
    """
    if scheduler is not None:
        with _dask(scheduler):
            yield functools.partial(_run_elsewhere, progress, None)
    elif jobs == 1:
        yield functools.partial(_run_here, progress)
    else:
        key = secrets.token_bytes(32)
        with _processes(jobs), listen(progress, key) as address:
            yield functools.partial(_run_elsewhere, progress, (address, key))


def _run_here(progress, tasks, todo):
    for task in todo:
        failure = attempt(functools.partial(tasks.perform, task, progress))
        yield from _report(progress, tasks, task, failure)


def _run_elsewhere(progress, channel, tasks, todo):
    if not todo:
        return
    # Tasks come in order; the first free worker takes the next.
    run = joblib.Parallel(return_as="generator_unordered", batch_size=1)
    config, output = tasks.config.as_dict(), str(tasks.output.resolve())
    if config["generator_folder"] is not None:
        config["generator_folder"] = str(Path(config["generator_folder"]).resolve())
    function = work_apart if channel is None else functools.partial(work, channel=channel)
    data = tasks.protocol.whole.fingerprint
    calls = (joblib.delayed(function)(config, output, data, task.as_text()) for task in todo)
    for text, failure in _results(run(calls)):
        task = Task.from_text(*text)
        if channel is None:
            progress.step(str(task), {}, tasks.cost(task))
        yield from _report(progress, tasks, task, failure)


def _results(results):
    try:
        yield from results
    except Exception as error:  # What kills a worker has many types, by back end.
        words = " ".join(str(error).split())
        raise TrainingFailed(
            f"a worker was lost, perhaps for want of memory ({type(error).__name__}: {words}); the "
            "same command with this `output` goes on, `jobs` 1 needs the least memory"
        ) from error


def _report(progress, tasks, task, failure):
    if failure is None and not tasks.is_done(task):
        words = "its result cannot be read here; workers need the same folder and versions"
        failure = Failure(words)
    if failure is None:
        progress.report(tasks.describe(task))
    else:
        progress.report(f"{task} FAILED: {failure.error}")
        yield FailedTask(task, failure)


@contextlib.contextmanager
def _processes(jobs: int) -> Iterator[None]:
    # Workers that have not been given a task yet end with the study too.
    options: dict[str, Any] = {"initializer": end_with, "initargs": (os.getpid(),)}
    with warnings.catch_warnings(), joblib.parallel_config("loky", n_jobs=jobs, **options):
        # A worker that has grown large is replaced by a fresh one, and nothing is lost.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
        yield


@contextlib.contextmanager
def _dask(scheduler: str) -> Iterator[None]:
    try:
        import distributed
    except ImportError as error:
        raise InputError(f"`scheduler` {scheduler}: needs dask; install kerasaug[dask]") from error
    try:
        client = distributed.Client(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise InputError(f"`scheduler` {scheduler}: there is no Dask scheduler") from error
    with client, joblib.parallel_config(backend="dask"):
        yield
