"""Where a worker process begins; free of TensorFlow, so that it can be silenced first."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from kerasaug.quiet import quiet_tensorflow

Outcome = tuple[tuple, tuple[str, str] | None]
"""The task, and of one that failed the error and the traceback."""


def work(config: dict[str, Any], output: str, task: tuple, channel: Any) -> Outcome:
    """Does one task of a study in this process.

    Args:
        config: What `StudyConfig.as_dict` gave.
        output: The study's folder.
        task: The fields of a `Task`.
        channel: Where to send progress: the address and key of a listener, or None.

    Returns:
        What came of it.
    """
    quiet_tensorflow()
    from kerasaug.study import parallel

    return task, parallel.work_here(config, output, task, channel)


def work_apart(config: dict[str, Any], output: str, task: tuple) -> Outcome:
    """Does one task in a new process, for a Dask worker.

    The worker's own threads draw random numbers at any time, which would change the figures.

    Args:
        config: What `StudyConfig.as_dict` gave.
        output: The study's folder.
        task: The fields of a `Task`.

    Returns:
        What came of it.
    """
    order = json.dumps([os.getpid(), config, output, task])
    command = [sys.executable, "-m", __name__]
    done = subprocess.run(command, input=order, capture_output=True, text=True)
    if done.returncode != 0:
        return task, (f"its process ended with exit code {done.returncode}", done.stderr)
    failure = json.loads(done.stdout.splitlines()[-1])
    return task, failure and tuple(failure)


def end_with(study: int) -> None:
    """Makes this process end with its study, which may be killed and must not be outlived.

    A worker would otherwise go on writing into the study's folder, or wait for work for minutes.

    Args:
        study: The process that started this one.
    """
    # Ctrl-C reaches workers too, but what to do about it is the study's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch():
        while os.getppid() == study:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    study, config, output, task = json.load(sys.stdin)
    end_with(study)
    print(json.dumps(work(config, output, task, channel=None)[1]))
