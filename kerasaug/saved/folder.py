"""The folder of a trained generator: what it holds, and how to draw images from it."""

import functools
import hashlib
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from kerasaug.errors import InputError
from kerasaug.files import is_empty, read_json, write_json
from kerasaug.models import registry
from kerasaug.models.encoding import EncodingModel
from kerasaug.runtime import POLICIES
from kerasaug.saved.savedmodel import ExportedGenerator
from kerasaug.wording import whole

SCHEMA = 2
SCHEMA_1_KEYS = {
    "judge_steps": "evaluator_steps",
    "judge_accuracy": "evaluator_accuracy",
    "recognised": "classification_accuracy",
}
"""What schema 1 called the keys that schema 2 has renamed."""
FIELDS: dict[str, Callable[[Any], bool]] = {
    "status": lambda status: status in ("training", "finished"),
    "latent_dim": lambda length: type(length) is int,
    "makes": lambda name: isinstance(name, str),
    # A program may have added models to the registry.
    "config.model": lambda name: name in list(registry.MODELS),
    "config.seed": lambda seed: type(seed) is int and 0 <= seed < 2**31,
    "config.keep": lambda keep: isinstance(keep, dict) and _are({int, float}, keep.values()),
    "config.dataset": lambda name: isinstance(name, str),
    "config.precision": lambda policy: policy in (None, *POLICIES),
    "dataset.class_names": lambda names: (
        isinstance(names, list)
        and _are({str}, names)
        and list(dict.fromkeys(map(whole, names))) == names != []
    ),
    "dataset.image_shape": lambda shape: isinstance(shape, list) and _are({int}, shape),
    "dataset.fingerprint": lambda digest: isinstance(digest, str),
    "fidelity": lambda measured: measured is None or _is_fidelity(measured),
    "warnings": lambda texts: isinstance(texts, dict) and _are({str}, texts.values()),
}
"""What every field of `run.json` must fulfil; a missing one counts as None."""


CLASSES = "assets.extra/classes.json"
"""Where a SavedModel says what its classes are called; TensorFlow leaves that folder to others."""


def write_classes(path: Path, class_names: Sequence[str], makes: str | None) -> None:
    """Writes into a SavedModel what its classes are called.

    Args:
        path: The SavedModel's folder.
        class_names: In the order of the labels.
        makes: The one class that it makes whatever it is asked for; None if it makes several.
    """
    write_json(path / CLASSES, {"class_names": list(class_names), "makes": makes})


def read_classes(path: Path) -> tuple[tuple[str, ...] | None, str | None]:
    """Reads what `write_classes` wrote: the names, None if it wrote nothing, and `makes`.

    Raises:
        InputError: If the file is damaged.
    """
    file = path / CLASSES
    if not file.exists():
        return None, None
    content = read_json(file)
    names, makes = content.get("class_names"), content.get("makes")
    if not (FIELDS["dataset.class_names"](names) and (makes is None or makes in names)):
        raise InputError(f"{file} is damaged")
    return tuple(names), makes


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
        self.checkpoints = (self.path / "checkpoint.keras", self.path / "checkpoint-before.keras")
        """Where an unfinished training is resumed: the newest save, and the previous one."""

    def read_run(self) -> dict[str, Any] | None:
        """Reads what is known of the training.

        Returns:
            The content of `run.json`, brought to the present schema; None if no training was begun
            here.

        Raises:
            InputError: If the folder holds something else, or `run.json` is damaged.
        """
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path} is a file; a folder is needed")
        if not self.run_file.exists():
            if self.path.exists() and not is_empty(self.path):
                raise InputError(f"{self.path} is not empty and holds no training (no run.json)")
            return None
        run = {"warnings": {}, **read_json(self.run_file)}
        schema = run.get("schema")
        if schema not in (1, SCHEMA):
            raise InputError(f"{self.run_file} must be of schema 1 or {SCHEMA}. Received: {schema}")
        for place, fits in FIELDS.items():
            value = functools.reduce(_entry, place.split("."), run)
            if not fits(value):
                problem = "lacks" if value is None else "is damaged in"
                raise InputError(f"{self.run_file} {problem} {place}")
        return _from_schema_1(run) if schema == 1 else run

    def write_run(self, run: dict[str, Any]) -> None:
        """Writes `run.json`: `config`, `status` (`training` or `finished`) and what is known."""
        write_json(self.run_file, {"schema": SCHEMA, **run})

    def clear(self) -> None:
        """Removes what an earlier training wrote here, but for its checkpoints."""
        for folder in (self.generator, self.samples, self.latent):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.model, self.history, self.losses, self.run_file):
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
        """Reads as `read_run`, and raises `InputError` if no finished training is here."""
        run = self.read_run()
        if run is None or run["status"] != "finished":
            raise InputError(f"{self.path} holds no finished training of train-gan")
        return run

    def load_generator(self) -> ExportedGenerator:
        """Loads the SavedModel; raises `InputError` if it is damaged or not as `run.json` says."""
        run = self.read_finished()
        generator = ExportedGenerator(self.generator)
        self.check_shapes(generator, self.generator, run)
        return generator

    def load_encoder(self) -> EncodingModel | None:
        """Loads the model, if it is one that transfers styles from class to class.

        Returns:
            The model; None if its `transfer` is not supported.

        Raises:
            InputError: If `model.keras` is missing, damaged, or not what `run.json` says.
        """
        run = self.read_finished()
        name = run["config"]["model"]
        if not registry.MODELS[name].transfers:
            return None
        if not self.model.exists():
            raise InputError(
                f"{self.path} lacks model.keras, which {name} needs for style transfer; "
                "train it with train-gan"
            )
        model = registry.load(name, self.model)
        self.check_shapes(model, self.model, run)
        return model

    def check_shapes(
        self, model: ExportedGenerator | EncodingModel, path: Path, run: dict[str, Any]
    ) -> None:
        """Raises `InputError` if latents or images of the model at `path` are not as `run` says."""
        shape, expected = list(model.image_shape), run["dataset"]["image_shape"]
        if (model.latent_dim, shape) != (run["latent_dim"], expected):
            raise InputError(
                f"{path} is damaged: it makes images {shape} of {model.latent_dim} latents, and "
                f"{self.run_file} says {expected} of {run['latent_dim']}"
            )


def _entry(content: Any, key: str) -> Any:
    return content.get(key) if isinstance(content, dict) else None


def _are(kinds: set[type], values: Iterable[Any]) -> bool:
    # By type, because to Python true is an int.
    return kinds >= set(map(type, values))


def _is_fidelity(measured: Any) -> bool:
    classes = _entry(measured, "classes")
    return isinstance(classes, dict) and all(
        isinstance(_entry(samples, "generated"), dict) for samples in classes.values()
    )


def _from_schema_1(run: dict[str, Any]) -> dict[str, Any]:
    def renamed(content):
        return {SCHEMA_1_KEYS.get(key, key): value for key, value in content.items()}

    run = {**run, "schema": SCHEMA, "config": renamed(run["config"])}
    if run.get("fidelity") is not None:
        classes = {
            name: {**samples, "generated": renamed(samples["generated"])}
            for name, samples in run["fidelity"]["classes"].items()
        }
        run["fidelity"] = {**renamed(run["fidelity"]), "classes": classes}
    return run
