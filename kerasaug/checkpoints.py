"""What a training that was stopped goes on from."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError
from kerasaug.model_folder import ModelFolder
from kerasaug.models import registry
from kerasaug.models.generative import GenerativeModel


def newest(
    name: str,
    folder: ModelFolder,
    dataset: ImageDataset,
    tell: Callable[[str], None],
    rename: bool = True,
) -> GenerativeModel | None:
    """Loads a model as its last whole checkpoint has it.

    Args:
        name: A key of `registry.MODELS`.
        folder: Holds the checkpoints, if there are any.
        dataset: What it is trained on.
        tell: Is given a line for what is found.
        rename: Whether the checkpoint is made the newest one, so that the next save does not put a
            damaged one into its place. Of several workers, one does.

    Returns:
        The model; None if there is no whole checkpoint.

    Raises:
        InputError: If the checkpoint is one of another model.
    """
    found = [checkpoint for checkpoint in folder.checkpoints if checkpoint.exists()]
    for checkpoint in found:
        if _whole(checkpoint):
            model = registry.load(name, checkpoint)
            if model.image_shape != dataset.image_shape:
                raise InputError(f"{checkpoint} makes images of another size; use --fresh")
            if rename:
                checkpoint.replace(folder.checkpoint)
            tell(f"going on from step {model.steps_taken}")
            return model
        tell(f"{checkpoint} is damaged, and not used")
    if found:
        tell("no whole checkpoint is left, so the training begins anew")
    return None


def _whole(checkpoint: Path) -> bool:
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            return archive.testzip() is None
    except OSError:
        raise
    # Damage makes many kinds of errors.
    except Exception:
        return False
