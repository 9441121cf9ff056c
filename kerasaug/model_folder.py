"""A trained generator on disk: what its folder holds, and how to draw images from it."""

import functools
import hashlib
import shutil
from pathlib import Path
from typing import Any

from kerasaug.errors import InputError
from kerasaug.exported import ExportedGenerator
from kerasaug.files import is_empty, read_json, write_json
from kerasaug.models import registry
from kerasaug.models.encoding import EncodingModel
from kerasaug.precision import POLICIES
from kerasaug.wording import whole

SCHEMA = 1
STATUSES = ("training", "finished")
FIELDS = {
    "status": str,
    "latent_dim": int,
    "makes": str,
    "config.model": str,
    "config.seed": int,
    "config.keep": dict,
    "config.dataset": str,
    "dataset.class_names": list,
    "dataset.image_shape": list,
    "dataset.fingerprint": str,
}
"""What `run.json` must have, and of which type."""


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
        self.checkpoints = (self.checkpoint, self.path / "checkpoint-before.keras")
        """Where an unfinished training goes on: the newest save, and the one before it."""

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
        run = read_json(self.run_file)
        schema = run.get("schema")
        if schema != SCHEMA:
            raise InputError(f"{self.run_file} is not of schema {SCHEMA}, which this version reads")
        for place, kind in FIELDS.items():
            found = functools.reduce(_entry, place.split("."), run)
            if not isinstance(found, kind) or isinstance(found, bool):
                what = "lacks" if found is None else "is damaged in"
                raise InputError(f"{self.run_file} {what} {place}")
        config, dataset = run["config"], run["dataset"]
        names, warnings = dataset["class_names"], run.get("warnings", {})
        fidelity = run.get("fidelity") or {"classes": {}}
        for place, fits in (
            (
                "dataset.class_names",
                _all(str, names) and [*dict.fromkeys(map(whole, names))] == names != [],
            ),
            ("config.precision", config.get("precision") in (None, *POLICIES)),
            ("dataset.image_shape", _all(int, dataset["image_shape"])),
            ("config.seed", 0 <= config["seed"] < 2**31),
            ("config.keep", _all((int, float), config["keep"].values())),
            ("fidelity", isinstance(_entry(fidelity, "classes"), dict)),
            ("warnings", isinstance(warnings, dict) and _all(str, warnings.values())),
        ):
            if not fits:
                raise InputError(f"{self.run_file} is damaged in {place}")
        model, status = config["model"], run["status"]
        if model not in registry.MODELS or status not in STATUSES:
            raise InputError(
                f"{self.run_file} is of a {model!r} that is {status!r}; accepted: "
                f"{', '.join(registry.MODELS)}; {', '.join(STATUSES)}"
            )
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

    def read_finished(self) -> dict[str, Any]:
        """Reads what is known of a training that ended.

        Returns:
            The content of `run.json`.

        Raises:
            InputError: If there is none.
        """
        run = self.read_run()
        if run is None or run["status"] != "finished":
            raise InputError(f"{self.path} holds no finished training of train-gan")
        return run

    def load_generator(self) -> ExportedGenerator:
        """Loads the SavedModel.

        Raises:
            InputError: If it is not there, damaged, or not what `run.json` says.
        """
        run = self.read_finished()
        generator = ExportedGenerator(self.generator)
        self.check_shapes(generator, self.generator, run)
        return generator

    def load_encoder(self) -> EncodingModel | None:
        """Loads the model if it can carry styles from class to class.

        Returns:
            A model that can `transfer`; None if this one cannot.

        Raises:
            InputError: If it could, but `model.keras` is not there, damaged, or not what `run.json`
                says.
        """
        run = self.read_finished()
        name = run["config"]["model"]
        if not registry.MODELS[name].transfers:
            return None
        if not self.model.exists():
            raise InputError(
                f"{self.path} lacks model.keras, which {name} needs to carry styles from class to "
                "class; train it with train-gan"
            )
        model = registry.load(name, self.model)
        self.check_shapes(model, self.model, run)
        return model

    def check_shapes(
        self, model: ExportedGenerator | EncodingModel, place: Path, run: dict[str, Any]
    ) -> None:
        """Refuses a model that is not what the folder says.

        Args:
            model: What was loaded.
            place: Where from.
            run: What `read_run` gave.

        Raises:
            InputError: If its latents or images are of another shape.
        """
        found, known = [model.latent_dim, *model.image_shape], run["dataset"]["image_shape"]
        if found != [run["latent_dim"], *known]:
            raise InputError(
                f"{place} is damaged: it makes images {found[1:]} of {found[0]} latents, and "
                f"{self.run_file} says {known} of {run['latent_dim']}"
            )


def _all(kind, values):
    return all(isinstance(value, kind) and not isinstance(value, bool) for value in values)


def _entry(found, name):
    return found.get(name) if isinstance(found, dict) else None
