"""A trained generator on disk: what its folder holds, and how to draw images from it."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.files import is_empty, write_json
from kerasaug.images import to_uint8
from kerasaug.models import registry
from kerasaug.models.encoding import EncodingModel

SCHEMA = 1
DRAW_BATCH = 512


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
        self.latent = self.path / "latent"
        self.checkpoint = self.path / "checkpoint.keras"
        self.checkpoint_before = self.path / "checkpoint-before.keras"

    @property
    def checkpoints(self) -> tuple[Path, Path]:
        """Where an unfinished training goes on: the newest save, and the one before it."""
        return self.checkpoint, self.checkpoint_before

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
            if self.path.exists() and not is_empty(self.path):
                raise InputError(f"{self.path} is not empty and holds no training (no run.json)")
            return None
        try:
            run = json.loads(self.run_file.read_text(encoding="utf-8"))
            known = run["schema"] == SCHEMA and run["status"] in ("training", "finished")
            known = known and {"config", "dataset"} <= run.keys()
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
        for folder in (self.generator, self.samples, self.latent):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.model, self.history, self.losses, *self.checkpoints, self.run_file):
            file.unlink(missing_ok=True)

    def digest(self) -> str:
        """A hash of the SavedModel and `model.keras`: tells one trained generator from another."""
        digest = hashlib.sha256()
        files = sorted(path for path in self.generator.rglob("*") if path.is_file())
        for file in [*files, *([self.model] if self.model.exists() else [])]:
            digest.update(file.relative_to(self.path).as_posix().encode())
            digest.update(file.read_bytes())
        return digest.hexdigest()[:16]

    def generate(self, count: int, class_id: int, seed: int) -> np.ndarray:
        """Draws images from the SavedModel, as `GenerativeModel.generate` does from the model.

        Args:
            count: How many images; at least 1.
            class_id: Their class.
            seed: Same count, class and seed, same images.

        Returns:
            uint8 array (count, height, width, channels).
        """
        model = tf.saved_model.load(str(self.generator))
        return draw(model, self.read_run()["latent_dim"], count, class_id, seed)

    def load_encoder(self) -> EncodingModel | None:
        """Loads the model if it can carry styles from class to class.

        Returns:
            A model that can `transfer`; None if this one cannot.

        Raises:
            InputError: If it could, but `model.keras` is not there.
        """
        name = self.read_run()["config"]["model"]
        if not registry.MODELS[name].transfers:
            return None
        if not self.model.exists():
            raise InputError(
                f"{self.path} lacks model.keras, which {name} needs to carry styles from class to "
                "class; train it with train-gan"
            )
        return registry.load(name, self.model)


def draw(model: Any, latent_dim: int, count: int, class_id: int, seed: int) -> np.ndarray:
    """Draws images from a SavedModel, as `GenerativeModel.generate` does from the model.

    Args:
        model: What `tf.saved_model.load` gave.
        latent_dim: Length of its latents.
        count: How many images; at least 1.
        class_id: Their class.
        seed: Same count, class and seed, same images.

    Returns:
        uint8 array (count, height, width, channels).
    """
    latents = tf.random.stateless_normal((count, latent_dim), tf.constant([seed, 0]))
    labels = tf.fill((count,), class_id)
    chunks = [
        to_uint8(model.decode(latents[i : i + DRAW_BATCH], labels[i : i + DRAW_BATCH])).numpy()
        for i in range(0, count, DRAW_BATCH)
    ]
    return np.concatenate(chunks)
