"""Where a worker process begins; free of TensorFlow, so that it can be silenced first."""

import os
import signal
import threading
import time
from typing import Any

from kerasaug.quiet import quiet_tensorflow

# Seeds and number formats belong to a process: the threads of a Dask worker take turns.
_turn = threading.Lock()
_watched: set[int] = set()


def work(
    config: dict[str, Any], output: str, task: tuple, channel: Any, study: int | None
) -> tuple[tuple, Any]:
    """Does one task of a study.

    Args:
        config: What `StudyConfig.as_dict` gave.
        output: The study's folder.
        task: The fields of a `Task`.
        channel: Where to send progress: the address and key of a listener, or None.
        study: The process that started this one, if it ends with it; None on a cluster.

    Returns:
        The task, and a `parallel.Failure` or None.
    """
    if study is not None and study not in _watched:
        _watched.add(study)
        _end_with(study)
    with _turn:
        quiet_tensorflow()
        from kerasaug.study import parallel

        return task, parallel.work_here(config, output, task, channel)


def _end_with(study: int) -> None:
    """A worker whose study was killed must not go on writing into its folder."""
    # Ctrl-C reaches workers too, but what to do about it is the study's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch():
        while os.getppid() == study:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
