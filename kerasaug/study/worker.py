"""Where a worker process begins; free of TensorFlow, so that it can be silenced first."""

from typing import Any

from kerasaug.quiet import quiet_tensorflow


def work(config: dict[str, Any], output: str, task: tuple, channel: Any) -> tuple[tuple, Any]:
    """Does one task of a study.

    Args:
        config: What `StudyConfig.as_dict` gave.
        output: The study's folder.
        task: The fields of a `Task`.
        channel: A queue to put progress into, or None.

    Returns:
        The task, and a `parallel.Failure` or None.
    """
    quiet_tensorflow()
    from kerasaug.study import parallel

    return task, parallel.work_here(config, output, task, channel)
