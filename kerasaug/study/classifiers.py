"""What the arms train: the built-in classifier, one of the user's own, or a pretrained network."""

import functools
import hashlib
import importlib.util
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasaug.data.dataset import Note
from kerasaug.errors import InputError, UserCodeError, naming
from kerasaug.models.classifier import (
    PRETRAINED_LEARNING_RATE,
    build_classifier,
    compile_classifier,
)
from kerasaug.study import applications
from kerasaug.study.config import SMALL_CNN

FORMS = (
    f"{SMALL_CNN}, module:function, path/file.py:function, {applications.PREFIX}NAME or "
    "path/model.keras"
)
TRIED = 4
"""Images of the batch that a classifier is tried with before the study begins."""
TOLERANCE = 1e-3
"""Of the sum of the probabilities of an image."""


class Classifier(NamedTuple):
    """A classifier to be trained by `fit`.

    Attributes:
        model: Compiled; from float32 images in [0, 255] to logits or probabilities (n,
            num_classes).
        takes_one_hot: Whether its loss takes probabilities (n, num_classes) as labels, and not
            classes (n,).
        returns_probabilities: Whether it returns probabilities.
    """

    model: keras.Model
    takes_one_hot: bool
    returns_probabilities: bool

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Predicts float32 images in [0, 255]; float32 logits (n, num_classes)."""
        outputs = np.asarray(self.model.predict_on_batch(images), np.float32)
        return np.log(np.maximum(outputs, 1e-12)) if self.returns_probabilities else outputs


def resolve(target: str) -> str:
    """Names a classifier so that every process finds it, whatever its working directory.

    Args:
        target: One of `FORMS`.

    Returns:
        The same with an absolute path, and with the file in the place of a module.

    Raises:
        InputError: If there is no such classifier.

    Example:
        >>> resolve("small-cnn")
        'small-cnn'
    """
    if target == SMALL_CNN:
        return target
    if target.startswith(applications.PREFIX):
        applications.find(target)
        return target
    with naming(f"`classifier` {target}"):
        if target.endswith(".keras"):
            return str(_existing(Path(target)))
        place, colon, function = target.rpartition(":")
        if not (colon and place and function.isidentifier()):
            raise InputError(f"must be {FORMS}")
        path = _existing(Path(place)) if place.endswith(".py") else _module_file(place)
        return f"{path}:{function}"


def digest(target: str) -> str | None:
    """Tells classifiers of one name apart, by the content of the file.

    What else the file imports does not count.

    Args:
        target: What `resolve` returned.
    """
    # Keras itself checks the weights of its applications by a hash.
    if target == SMALL_CNN or target.startswith(applications.PREFIX):
        return None
    file = Path(target if target.endswith(".keras") else target.rpartition(":")[0])
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def build(
    target: str,
    image_shape: tuple[int, int, int],
    num_classes: int,
    steps: int,
    loss: str | None = None,
) -> Classifier:
    """Makes a classifier with initial weights.

    Args:
        target: What `resolve` returned.
        image_shape: `(height, width, channels)`.
        num_classes: How many classes there are.
        steps: Length of the training, in batches. A model that the user did not compile gets Adam
            with a learning rate that falls to 0 by then.
        loss: A key of `LOSSES`, for labels that are probabilities; None for the user's own loss, or
            cross entropy.

    Raises:
        InputError: If it is no classifier of such images.
        UserCodeError: If the user's function fails.
    """
    if target == SMALL_CNN:
        model = build_classifier(image_shape, num_classes)
        compile_classifier(model, steps, _loss(loss, probabilities=False))
        return Classifier(model, loss is not None, returns_probabilities=False)
    with naming(f"`classifier` {target}"):
        if target.startswith(applications.PREFIX):
            model = applications.build(target, image_shape, num_classes)
        elif target.endswith(".keras"):
            model = _load(Path(target))
        else:
            model = _call(target, image_shape, num_classes)
        return _prepared(model, image_shape, num_classes, steps, loss)


def check(target: str, image_shape: tuple[int, int, int], num_classes: int) -> None:
    """Tries a classifier on a batch, as a training does.

    Args:
        target: What `resolve` returned.
        image_shape: See `build`.
        num_classes: See `build`.

    Raises:
        InputError: If it cannot be trained.
        UserCodeError: If the user's code fails.
    """
    if target == SMALL_CNN:
        return
    classifier = build(target, image_shape, num_classes, steps=1)
    labels: np.ndarray = np.arange(TRIED) % num_classes
    if classifier.takes_one_hot:
        labels = np.eye(num_classes, dtype=np.float32)[labels]
    classifier.model.run_eagerly = True
    with naming(f"`classifier` {target}"), _users_errors("its training step"):
        logs = classifier.model.train_on_batch(_images(image_shape), labels, return_dict=True)
    if not np.isfinite(float(logs.get("loss", np.nan))):
        raise InputError(
            f"`classifier` {target}: a training step must return a finite 'loss'. Received: {logs}"
        )


def notes(target: str) -> tuple[Note, ...]:
    """What a user should know of a classifier before its scores are believed."""
    if not target.endswith(".keras"):
        return ()
    text = (
        f"every trial begins with the weights of {Path(target).name}; if they were trained on "
        "images that are tested here, all scores are too good"
    )
    return (Note(text),)


LOSSES: dict[str, Callable[..., keras.losses.Loss]] = {
    "soft": keras.losses.CategoricalCrossentropy,
    "focal": keras.losses.CategoricalFocalCrossentropy,
}
"""Losses for labels that are probabilities."""


def _loss(name: str | None, probabilities: bool) -> keras.losses.Loss:
    kind = keras.losses.SparseCategoricalCrossentropy if name is None else LOSSES[name]
    return kind(from_logits=not probabilities)


def _prepared(model, image_shape, num_classes, steps, loss) -> Classifier:
    """Checks the shapes of a model, and compiles it if that was not done."""
    with _users_errors("its call"):
        if isinstance(model, keras.Sequential) and not model.built:
            model.build((None, *image_shape))
        outputs = model(_images(image_shape), training=False)
    shape = getattr(outputs, "shape", None)
    if shape is None or tuple(shape) != (TRIED, num_classes):
        raise InputError(
            f"must return one output for each of the {num_classes} classes, (n, {num_classes}). "
            f"Received: {shape and ('n', *shape[1:])}"
        )
    values = np.asarray(outputs, np.float32)
    probabilities = bool((values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=TOLERANCE))
    if not model.compiled:
        compile_classifier(model, steps, _loss(loss, probabilities), PRETRAINED_LEARNING_RATE)
        return Classifier(model, loss is not None, probabilities)
    takes_one_hot = _takes_one_hot(model.loss)
    if loss == "focal" or (loss and not takes_one_hot):
        model.compile(model.optimizer, _loss(loss, probabilities), metrics=["accuracy"])
        takes_one_hot = True
    return Classifier(model, takes_one_hot, probabilities)


def _takes_one_hot(loss: Any) -> bool:
    """Keras' losses of classes are called sparse; a function of the user's own gets classes."""
    name = loss if isinstance(loss, str) else getattr(loss, "name", None)
    if not isinstance(name, str) or not isinstance(loss, str | keras.losses.Loss):
        return False
    return "sparse" not in name.lower()


def _call(target: str, image_shape, num_classes) -> keras.Model:
    place, _, name = target.rpartition(":")
    with _users_errors("the file"):
        module = _import(Path(place), digest(target))
    function = getattr(module, name, None)
    if not callable(function):
        raise InputError(f"there is no function {name} in {place}")
    with _users_errors(name):
        model = function(image_shape, num_classes)
    if not isinstance(model, keras.Model):
        raise InputError(
            f"{name}({image_shape}, {num_classes}) must return a Keras model. "
            f"Received: {type(model).__name__}"
        )
    return model


def _load(path: Path) -> keras.Model:
    try:
        with warnings.catch_warnings():
            # Such as that the optimizer of a model that was never trained has no state.
            warnings.simplefilter("ignore", UserWarning)
            model = keras.models.load_model(path)
        if model.compiled:
            # With an optimizer that does not go on where the last training ended.
            model.compile_from_config(model.get_compile_config())
        return model
    except Exception as error:  # What a damaged file or an unknown layer raises has many types.
        first = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"is no model that Keras can load: {first[0]}") from error


def _existing(path: Path) -> Path:
    path = path.expanduser()
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    return path.resolve()


def _module_file(name: str) -> Path:
    """The file of a module, which may be in the working directory."""
    with _on_path(Path.cwd()):
        try:
            found = importlib.util.find_spec(name)
        except (ImportError, ValueError) as error:
            raise InputError(f"there is no module {name}: {error}") from error
    if found is None or found.origin is None or not found.origin.endswith(".py"):
        raise InputError(f"there is no module {name}, here or among those that are installed")
    return Path(found.origin).resolve()


@functools.lru_cache
def _import(path: Path, content: str) -> Any:
    """Imports a file, of a package as the module that it is, with what stands beside it.

    Once for each content: in a notebook, it may be edited between two studies.
    """
    root, names = path.parent, [path.stem]
    while (root / "__init__.py").exists():
        root, names = root.parent, [root.name, *names]
    with _on_path(root):
        if len(names) > 1:
            return importlib.import_module(".".join(names))
        # Under a name of its own, so that a file test.py is not taken for Python's.
        name = f"_classifier_{content}"
        specification = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(specification)
        sys.modules[name] = module
        specification.loader.exec_module(module)
        return module


@contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _users_errors(what: str) -> Iterator[None]:
    """Shows an error of the user's code as theirs, with its traceback and without ours."""
    try:
        yield
    except Exception as error:
        last = " ".join(str(error).split()) or "no message"
        frame = error.__traceback__
        while frame is not None and frame.tb_frame.f_code.co_filename == __file__:
            frame = frame.tb_next
        trace = "".join(traceback.format_exception(error.with_traceback(frame)))
        raise UserCodeError(f"{what} raised {type(error).__name__}: {last}", trace) from error


def _images(image_shape: tuple[int, int, int]) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 256, (TRIED, *image_shape))
    return pixels.astype(np.float32)
