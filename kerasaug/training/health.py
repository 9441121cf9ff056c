"""What can go wrong in the training of a generator, told apart from what is only slow."""

import math
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from kerasaug.errors import TrainingFailed

LARGEST_CRITIC_LOSS = 1000.0
"""Up or down: slopes of 1 cannot make a larger one, whatever the images."""
SMALLEST_DIVERSITY = 1.0
"""Grey levels of 255; images of one class that differ by less show one and the same."""


class StopOnNonFinite(keras.callbacks.Callback):
    """Ends a training whose loss, or its gradient, is no longer a finite number.

    Keras' `TerminateOnNaN` reads only `loss`. It must come before the callback that saves the
    model, so that the last checkpoint is a good one.

    Args:
        checkpoint: The file of the last checkpoint.
    """

    def __init__(self, checkpoint: Path):
        super().__init__()
        self.checkpoint = checkpoint

    def on_train_batch_end(self, batch, logs=None):
        """Raises `TrainingFailed` with the name of the loss and the step."""
        for name, loss in (logs or {}).items():
            if not math.isfinite(loss):
                rest = f"; {self.checkpoint} is kept" if self.checkpoint.exists() else ""
                raise TrainingFailed(
                    f"{name} or its gradient is not finite ({float(loss)}) at step "
                    f"{self.model.steps_taken}{rest}; a lower learning rate, a larger batch, "
                    "another seed or another model may do better"
                )


class WarnOfTrouble(keras.callbacks.Callback):
    """Warns of a critic whose loss explodes and of a generator that has collapsed, once of each.

    Args:
        warnings: The texts of earlier warnings, by kind; new ones are added to it.
        warn: Is called with the text of a new one.
    """

    def __init__(self, warnings: dict[str, str], warn: Callable[[str], None]):
        super().__init__()
        self.warnings = warnings
        self.warn = warn

    def on_train_batch_end(self, batch, logs=None):
        """Warns of a critic loss that is too large."""
        loss = float((logs or {}).get("critic_loss", 0.0))
        if abs(loss) > LARGEST_CRITIC_LOSS:
            self._warn(
                "exploded critic",
                f"the mean critic_loss is {loss:.3g} at step {self.model.steps_taken}: the critic "
                "explodes, and the images will be noise; a lower learning rate, a larger batch or "
                "another model may do better",
            )

    def check_images(self, step: int, images: np.ndarray) -> None:
        """Warns of images that are all alike.

        Args:
            step: Steps taken.
            images: uint8 array (classes, images of each, height, width, channels).
        """
        smallest = diversity(images).min()
        if smallest < SMALLEST_DIVERSITY:
            self._warn(
                "collapsed generator",
                f"images of one class differ by {smallest:.2f} grey levels at step {step}: the "
                "generator has collapsed; another seed, more images to learn from, or a model with "
                "a Wasserstein loss or an autoencoder may do better",
            )

    def _warn(self, kind, text):
        if kind not in self.warnings:
            self.warnings[kind] = text
            self.warn(text)


def diversity(images: np.ndarray) -> np.ndarray:
    """How much images of one class differ: the standard deviation of a pixel, its mean over all.

    Args:
        images: uint8 array (classes, images of each, height, width, channels).

    Returns:
        float array (classes,), in grey levels from 0 to 127.5.
    """
    return images.astype(float).std(axis=1).mean(axis=(1, 2, 3))
