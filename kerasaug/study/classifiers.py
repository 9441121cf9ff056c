"""What the arms train: the built-in classifier, one of the user's own, or a pretrained network."""

import functools
import hashlib
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasaug.data.dataset import Note
from kerasaug.errors import InputError, naming
from kerasaug.models.classifier import (
    CAREFUL_LEARNING_RATE,
    build_classifier,
    compile_classifier,
)
from kerasaug.runtime import make_reproducible
from kerasaug.study import applications, user_code
from kerasaug.study.arms import AUTO, FOCAL, Arm
from kerasaug.study.config import APPLICATIONS, SMALL_CNN

TARGETS = (
    f"{SMALL_CNN}, module:function, path/file.py:function, {APPLICATIONS}NAME or path/model.keras"
)
TRIED = 4
"""Images of the batch that a classifier is tried with before the study begins."""
TOLERANCE = 1e-3
"""Of the sum of the probabilities of an image."""
SOFT = "soft"
LOSSES: dict[str, Callable[..., keras.losses.Loss]] = {
    SOFT: keras.losses.CategoricalCrossentropy,
    # Keras' own factor of a quarter would take as much off the learning rate.
    FOCAL: functools.partial(keras.losses.CategoricalFocalCrossentropy, alpha=1.0),
}
"""Losses that an arm asks for; their labels are probabilities."""


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


def loss_of(arm: Arm) -> str | None:
    """The loss that an arm asks for, a key of `LOSSES`; None if any will do."""
    return FOCAL if arm.mixture == FOCAL else SOFT if arm.blending else None


def resolve(target: str) -> str:
    """Names a classifier so that every process finds it, whatever its working directory.

    Args:
        target: One of `TARGETS`.

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
    if target.startswith(APPLICATIONS):
        applications.find(target)
        return target
    with naming(f"`classifier` {target}"):
        if target.endswith(".keras"):
            return str(user_code.existing(Path(target)))
        place, colon, function = target.rpartition(":")
        if not (colon and place and function.isidentifier()):
            raise InputError(f"must be {TARGETS}")
        path = (
            user_code.existing(Path(place))
            if place.endswith(".py")
            else user_code.module_file(place)
        )
        return f"{path}:{function}"


def digest(target: str) -> str | None:
    """Tells classifiers of one name apart, by the content of the file.

    What else the file imports does not count. The weights of `keras.applications` are those of the
    installed version.

    Args:
        target: What `resolve` returned.
    """
    if target == SMALL_CNN or target.startswith(APPLICATIONS):
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
        loss: A key of `LOSSES`; None for the user's own loss, or cross entropy.

    Raises:
        InputError: If it is no classifier of such images.
        UserCodeError: If the user's function fails.
    """
    if target == SMALL_CNN:
        model = build_classifier(image_shape, num_classes)
        compile_classifier(model, num_classes, steps, _loss(loss, probabilities=False))
        return Classifier(model, loss is not None, returns_probabilities=False)
    with naming(f"`classifier` {target}"):
        if target.startswith(APPLICATIONS):
            model = applications.build(target, image_shape, num_classes)
            return _prepared(model, image_shape, num_classes, steps, loss)
        policy = keras.config.dtype_policy()
        # Probabilities in bfloat16 are too coarse to rank by, and do not sum to 1.
        keras.config.set_dtype_policy("float32")
        try:
            if target.endswith(".keras"):
                model = _load(Path(target))
            else:
                model = _call(target, image_shape, num_classes)
            return _prepared(model, image_shape, num_classes, steps, loss)
        finally:
            keras.config.set_dtype_policy(policy)


def check(
    target: str, image_shape: tuple[int, int, int], num_classes: int, arms: Collection[Arm] = ()
) -> None:
    """Tries a classifier on a batch, as trainings do.

    Args:
        target: What `resolve` returned.
        image_shape: See `build`.
        num_classes: See `build`.
        arms: Those that will train it.

    Raises:
        InputError: If it cannot be trained.
        UserCodeError: If the user's code fails.
    """
    if target == SMALL_CNN:
        return
    losses = {loss_of(arm) for arm in arms} | {SOFT for arm in arms if arm.augmentation == AUTO}
    make_reproducible(0)
    first = build(target, image_shape, num_classes, steps=1)
    variables = set(map(id, first.model.variables))
    for loss in [None, *(losses - {None})]:
        classifier = build(target, image_shape, num_classes, steps=1, loss=loss)
        with naming(f"`classifier` {target}"):
            if variables & set(map(id, classifier.model.variables)):
                raise InputError(
                    "must make new layers whenever it is called, so that no trial begins with what "
                    "another one learned"
                )
            _try(classifier, image_shape, num_classes)


def notes(target: str, image_shape: tuple[int, int, int]) -> tuple[Note, ...]:
    """What a user should know of a classifier before its scores are believed."""
    height, width, _ = image_shape
    if target.startswith(APPLICATIONS) and min(height, width) < applications.SMALLEST:
        text = (
            f"images of {width}x{height} are enlarged for {target}; if the files are larger, "
            f"`image_size` {applications.SMALLEST} or more keeps what they show"
        )
    elif target.endswith(".keras"):
        text = (
            f"every trial begins with the weights of {Path(target).name}; if they were trained on "
            "images that are tested here, all scores are too good"
        )
    else:
        return ()
    return (Note(text),)


def _try(classifier: Classifier, image_shape, num_classes) -> None:
    """Trains and tests on a batch."""
    labels: np.ndarray = np.arange(TRIED) % num_classes
    if classifier.takes_one_hot:
        labels = np.eye(num_classes, dtype=np.float32)[labels]
    model, images = classifier.model, _images(image_shape)
    model.run_eagerly = True
    with user_code.errors("its training step"):
        logs = model.train_on_batch(images, labels, return_dict=True)
        tests = model.test_on_batch(images, labels, return_dict=True)
    for step, values in (("training", logs), ("test", tests)):
        if not np.isfinite(float(values.get("loss", np.nan))):
            raise InputError(f"a {step} step must return a finite 'loss'. Received: {values}")


def _loss(name: str | None, probabilities: bool) -> keras.losses.Loss:
    kind = keras.losses.SparseCategoricalCrossentropy if name is None else LOSSES[name]
    return kind(from_logits=not probabilities)


def _prepared(model, image_shape, num_classes, steps, loss) -> Classifier:
    """Checks the shapes of a model, and compiles it if that was not done."""
    with user_code.errors("its call"):
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
    last = model.layers[-1] if model.layers else None
    if not probabilities and getattr(last, "activation", None) is keras.activations.sigmoid:
        raise InputError("must end in logits or in a softmax. Received: a sigmoid")
    if not model.compiled:
        own = _loss(loss, probabilities)
        compile_classifier(model, num_classes, steps, own, CAREFUL_LEARNING_RATE)
        return Classifier(model, loss is not None, probabilities)
    takes_one_hot = _takes_one_hot(model.loss)
    if loss == FOCAL or (loss and not takes_one_hot):
        with user_code.errors("its compile"):
            model.compile(
                model.optimizer,
                _loss(loss, probabilities),
                metrics=["accuracy"],
                run_eagerly=model.run_eagerly,
                steps_per_execution=model.steps_per_execution,
                jit_compile=model.jit_compile,
            )
        takes_one_hot = True
    return Classifier(model, takes_one_hot, probabilities)


def _takes_one_hot(loss: Any) -> bool:
    """Those of Keras' losses do that are not sparse; a loss of the user's own gets classes."""
    if isinstance(loss, list | tuple) and len(loss) == 1:
        (loss,) = loss
    if isinstance(loss, str):
        name = loss
    else:
        kind = loss if callable(loss) and not isinstance(loss, keras.losses.Loss) else type(loss)
        if not getattr(kind, "__module__", "").startswith("keras."):
            return False
        name = kind.__name__
    return "sparse" not in name.lower()


def _call(target: str, image_shape, num_classes) -> keras.Model:
    place, _, name = target.rpartition(":")
    with user_code.function(Path(place), name) as build_model, user_code.errors(name):
        model = build_model(image_shape, num_classes)
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


def _images(image_shape: tuple[int, int, int]) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 256, (TRIED, *image_shape))
    return pixels.astype(np.float32)
