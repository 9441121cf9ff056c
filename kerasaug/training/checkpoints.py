"""The checkpoints of a training: written, read when it is resumed, and removed when it ends."""

import zipfile
from pathlib import Path

from kerasaug.errors import InputError
from kerasaug.files import atomic, link
from kerasaug.models import registry
from kerasaug.models.generative import GenerativeModel
from kerasaug.progress import Progress
from kerasaug.saved.folder import ModelFolder
from kerasaug.training.callbacks import AtMilestones

FEWEST_SAVES, MOST_UNSAVED_STEPS = 10, 500
"""A kill costs at most a tenth of a training, or 500 steps, and Ctrl-C nothing: it saves."""


class Checkpoint(AtMilestones):
    """Saves the whole model, optimizers and all, and keeps the save before.

    Args:
        folder: Where the checkpoints go.
        steps: Length of the whole training.
    """

    def __init__(self, folder: ModelFolder, steps: int):
        super().__init__(steps, max(FEWEST_SAVES, -(-steps // MOST_UNSAVED_STEPS)))
        self.folder = folder

    def at_step(self, step, logs):
        """Saves whole or not at all, so that there is always a whole checkpoint."""
        newest, previous = self.folder.checkpoints
        if newest.exists():
            with atomic(previous) as draft:
                link(newest, draft)
        with atomic(newest) as draft:
            self.model.save(draft)


def load_newest(
    name: str,
    folder: ModelFolder,
    image_shape: tuple[int, int, int],
    progress: Progress,
    rename: bool = True,
) -> GenerativeModel | None:
    """Loads a model from its last whole checkpoint, if there is one.

    Args:
        name: A key of `registry.MODELS`.
        folder: Where the checkpoints are.
        image_shape: That of the data.
        progress: Is told what is loaded, and what is damaged.
        rename: Whether the checkpoint becomes the newest one, so that the next save does not keep a
            damaged one as the previous. Of several workers, one does.
    """
    existing = [checkpoint for checkpoint in folder.checkpoints if checkpoint.exists()]
    for checkpoint in existing:
        if _is_whole(checkpoint):
            model = registry.load(name, checkpoint)
            if model.image_shape != image_shape:
                raise InputError(f"{checkpoint} makes images of another size; `fresh` trains anew")
            if rename:
                checkpoint.replace(folder.checkpoints[0])
            progress.report(f"resuming at step {model.steps_taken}")
            return model
        progress.report(f"{checkpoint} is damaged, and not used")
    if existing:
        progress.report("no whole checkpoint is left, so the training begins anew")
    return None


def sizes(folder: ModelFolder) -> list[int]:
    """The sizes of the checkpoints that there are, in bytes."""
    return [path.stat().st_size for path in folder.checkpoints if path.exists()]


def keep_as_model(folder: ModelFolder) -> None:
    """Gives the last checkpoint its name as the trained model, without saving it again."""
    with atomic(folder.model) as draft:
        link(folder.checkpoints[0], draft)


def remove(folder: ModelFolder) -> None:
    """Removes the checkpoints of a training that has ended."""
    for path in folder.checkpoints:
        path.unlink(missing_ok=True)


def _is_whole(checkpoint: Path) -> bool:
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            return archive.testzip() is None
    except OSError:
        raise
    # Damage makes many kinds of errors.
    except Exception:
        return False
