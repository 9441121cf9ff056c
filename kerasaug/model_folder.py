"""A trained generator on disk: what its folder holds, and how to draw images from it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.files import write_json

SCHEMA = 1
DRAW_BATCH = 512
CONTENT = (
    "run.json",
    "generator",
    "model.keras",
    "history.csv",
    "losses.png",
    "samples",
    "checkpoint.keras",
)


class ModelFolder:
    """A folder that `bin/train-gan` fills.

    Args:
        path: The folder; it need not exist.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.run_file = self.path / "run.json"
        self.generator = self.path / "generator"
        self.model = self.path / "model.keras"
        self.history = self.path / "history.csv"
        self.losses = self.path / "losses.png"
        self.samples = self.path / "samples"
        self.checkpoint = self.path / "checkpoint.keras"

    def read_run(self) -> dict[str, Any] | None:
        """Reads what is known of the training.

        Returns:
            The content of `run.json`, or None if nothing was begun here.

        Raises:
            InputError: If the folder holds something else, or a `run.json` that is not ours.
        """
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path} is a file; a folder is needed")
        if not self.run_file.exists():
            if self.path.exists() and any(self.path.iterdir()):
                raise InputError(f"{self.path} is not empty and holds no training (no run.json)")
            return None
        try:
            run = json.loads(self.run_file.read_text(encoding="utf-8"))
            known = run["schema"] == SCHEMA and run["status"] in ("training", "finished")
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self.run_file} is damaged: {error}") from error
        if not known:
            raise InputError(f"{self.run_file} is not of schema {SCHEMA}, which this version reads")
        return run

    def write_run(self, run: dict[str, Any]) -> None:
        """Writes `run.json`.

        Args:
            run: `config`, `status` (`training` or `finished`) and what else is known.
        """
        write_json(self.run_file, {"schema": SCHEMA, **run})

    def clear(self) -> None:
        """Removes what an earlier training wrote here, and nothing else."""
        for name in CONTENT:
            path = self.path / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def generate(self, count: int, class_id: int, seed: int) -> np.ndarray:
        """Draws images from the SavedModel.

        Args:
            count: How many images.
            class_id: Their class.
            seed: Same count, class and seed, same images.

        Returns:
            uint8 array (count, height, width, channels).
        """
        sample = tf.saved_model.load(str(self.generator)).signatures["serving_default"]
        chunks = []
        for start in range(0, count, DRAW_BATCH):
            labels = tf.fill((min(DRAW_BATCH, count - start),), class_id)
            images = sample(labels=labels, seed=tf.constant([seed, start], tf.int32))
            chunks.append(next(iter(images.values())).numpy())
        return np.concatenate(chunks)
