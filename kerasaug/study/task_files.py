"""What the tasks of a study leave on disk, and whether it may be used again."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kerasaug.errors import InputError
from kerasaug.files import read_json, write_json
from kerasaug.study.protocol import Split
from kerasaug.study.scores import Predictions
from kerasaug.study.task import LABEL_FILTER, PROXY, TRIAL, Task
from kerasaug.training import provenance

FOLDERS = {PROXY: "proxies", LABEL_FILTER: "label-filters", TRIAL: "trials"}
"""Where results go, by kind of task; those of generators are folders of their own."""
FORMAT = 11
"""Of the files; those of another format are not read."""


class TaskFiles:
    """Writes and reads the results of tasks.

    Args:
        folder: The study's.
        facts: From a split to the options and the data that a result depends on, as JSON can hold
            them.
    """

    def __init__(self, folder: Path, facts: Callable[[Split], Any]):
        self.folder = folder
        self._facts = facts

    def result(self, task: Task) -> Path:
        """The file of a result."""
        name = f"{task.subject.file_name}-{task.split.file_name}.json"
        return self.folder / FOLDERS[task.kind] / name

    def network(self, task: Task) -> Path:
        """The file of a label filter's network."""
        return self.result(task).with_suffix(".keras")

    def predictions(self, task: Task) -> Path:
        """The file of a trial's predictions."""
        return self.result(task).with_suffix(".npz")

    def read(self, task: Task) -> dict[str, Any] | None:
        """The result of a finished task; None if there is none that can be used."""
        try:
            content = read_json(self.result(task))
        except (FileNotFoundError, InputError):
            return None
        return content.get("result") if content.get("key") == self._key(task) else None

    def read_predictions(self, task: Task) -> Predictions | None:
        """The predictions of a trial; None if they cannot be read."""
        try:
            return Predictions.load(self.predictions(task))
        except InputError:
            return None

    def write(self, task: Task, result: dict[str, Any]) -> None:
        """Writes the result of a task, which is then finished."""
        write_json(self.result(task), {"key": self._key(task), "result": result})

    def _key(self, task: Task) -> str:
        """Tells a result from that of other options, data or versions."""
        facts = [FORMAT, task.as_text(), self._facts(task.split), provenance.versions()]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
