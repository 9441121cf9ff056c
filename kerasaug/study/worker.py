"""Where a worker process begins; free of TensorFlow, so that it can be silenced first."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from kerasaug.progress import Progress, WorkerProgress
from kerasaug.runtime import limit_threads, quiet_tensorflow

_studies: dict[str, Any] = {}
"""The `Tasks` of the study that this process works for, whose data stay in memory."""


class Failure(NamedTuple):
    """Why a task did not end well.

    Attributes:
        error: What went wrong, in a line.
        trace: The traceback.
    """

    error: str
    trace: str = ""


def attempt(perform: Callable[[], None]) -> Failure | None:
    """Calls a function that does a task; says why it failed, if it did.

    One failed task must not take the hours of the others with it.
    """
    try:
        perform()
    except Exception as error:
        words = " ".join(str(error).split()) or "no message"
        return Failure(f"{type(error).__name__}: {words}", traceback.format_exc())
    return None


def work(
    config: dict[str, Any],
    output: str,
    data: str,
    task: tuple,
    channel: tuple[Any, bytes] | None,
) -> tuple[tuple, Failure | None]:
    """Does one task of a study in this process.

    Args:
        config: What `StudyConfig.as_dict` returned.
        output: The study's folder.
        data: Fingerprint of the whole data; if it is not that of an earlier task, they are read
            again.
        task: What `Task.as_text` returned.
        channel: Address and key for `WorkerProgress`; None for no progress.

    Returns:
        The task, and why it failed, if it did.
    """
    quiet_tensorflow()

    def perform():
        from kerasaug.study.task import Task

        with contextlib.ExitStack() as stack:
            progress = Progress()
            if channel is not None:
                progress = stack.enter_context(contextlib.closing(WorkerProgress(*channel)))
            _tasks(config, output, data).perform(Task.from_text(*task), progress)

    return task, attempt(perform)


def work_apart(
    config: dict[str, Any], output: str, data: str, task: tuple
) -> tuple[tuple, Failure | None]:
    """Does one task in a new process, for a Dask worker.

    The worker's own threads draw random numbers at any time, which would change the figures.

    Returns:
        See `work`.
    """
    order = json.dumps([os.getpid(), config, output, data, task])
    command = [sys.executable, "-m", __name__]
    process = subprocess.run(command, input=order, capture_output=True, text=True)
    if process.returncode != 0:
        error = f"its process ended with exit code {process.returncode}"
        return task, Failure(error, process.stderr)
    failure = json.loads(process.stdout.splitlines()[-1])
    return task, failure and Failure(*failure)


def end_with(study: int) -> None:
    """Makes this process end with its study, which may be killed and must not be outlived.

    A worker would otherwise go on writing into the study's folder, or wait for tasks for minutes.
    """
    # They reach workers too, but what to do about them is for the study to decide.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def watch():
        while os.getppid() == study:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _tasks(config, output, data):
    key = f"{output} {config} {data}"
    if key not in _studies:
        from kerasaug.data.load import load
        from kerasaug.study.config import StudyConfig
        from kerasaug.study.tasks import Tasks

        limit_threads()
        _studies.clear()
        parsed = StudyConfig.from_dict(config)
        dataset = load(parsed.dataset, **parsed.loading)
        _studies[key] = Tasks(parsed, dataset, Path(output))
    return _studies[key]


if __name__ == "__main__":
    study, config, output, data, task = json.load(sys.stdin)
    end_with(study)
    print(json.dumps(work(config, output, data, task, channel=None)[1]))
