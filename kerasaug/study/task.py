"""One task of a study, which can be sent to another process."""

from typing import Any, NamedTuple

from kerasaug.study.arms import parse
from kerasaug.study.protocol import Split

PROXY, GENERATOR, LABEL_FILTER, TRIAL = "proxy", "generator", "label-filter", "trial"


class Task(NamedTuple):
    """One task of a study.

    Attributes:
        kind: One of the kinds above.
        subject: The arm to train; of a generator, the name of the model.
        split: The training images.
    """

    kind: str
    subject: Any
    split: Split

    def __str__(self) -> str:
        """The task in words."""
        words = {
            PROXY: f"training {self.subject} on proxy classes",
            GENERATOR: f"training {self.subject}",
            LABEL_FILTER: f"training the label filter {self.subject}",
            TRIAL: str(self.subject),
        }
        return f"{words[self.kind]}, {self.split}"

    def as_text(self) -> tuple[str, str, int, int | None]:
        """The task as another process can be sent it."""
        return self.kind, str(self.subject), *self.split

    @classmethod
    def from_text(cls, kind: str, subject: str, repetition: int, fold: int | None) -> "Task":
        """Makes a task from what `as_text` returned."""
        split = Split(repetition, fold)
        return cls(kind, subject if kind == GENERATOR else parse(subject), split)
