"""Networks of `keras.applications` as classifiers: pretrained on ImageNet, or not."""

import difflib
import importlib
import inspect
import os
import re
import socket
import warnings
from collections.abc import Callable

import keras

from kerasaug.errors import InputError
from kerasaug.models.classifier import MOMENTUM
from kerasaug.study.config import APPLICATIONS

RANDOM = ":random"
PATIENCE = 15
"""Seconds that a server of weights may be silent."""
SMALLEST = 96
"""Sides to which smaller images are enlarged. Features of 32 pixels are too coarse for weights that
were trained on 224, and some networks refuse fewer than 75."""


def find(target: str) -> tuple[Callable[..., keras.Model], str | None]:
    """Finds a network by its name.

    Args:
        target: `keras.applications:NAME`, or `keras.applications:NAME:random`.

    Returns:
        Its function, and the weights that it begins with.

    Raises:
        InputError: If there is no such network.

    Example:
        >>> find("keras.applications:ResNet50")[1]
        'imagenet'
    """
    name = target.removeprefix(APPLICATIONS).removesuffix(RANDOM)
    names = [n for n, item in vars(keras.applications).items() if inspect.isfunction(item)]
    if name not in names:
        similar = difflib.get_close_matches(name, names, n=6, cutoff=0.5) or sorted(names)
        raise InputError(
            f"`classifier` {target}: there is no {name} in keras.applications; there is "
            f"{', '.join(similar)}; '{RANDOM}' behind it leaves out ImageNet's weights"
        )
    return getattr(keras.applications, name), None if target.endswith(RANDOM) else "imagenet"


def build(target: str, image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Makes a network with a new last layer, which is not compiled.

    Images go through the network's own preprocessing. Grey ones get three channels, small ones are
    enlarged. With ImageNet's weights, batch normalisation uses the statistics of ImageNet, as
    Keras' guide to fine-tuning advises; all weights are trained.

    Args:
        target: See `find`.
        image_shape: `(height, width, channels)`, of 1 or 3 channels.
        num_classes: How many classes there are.

    Returns:
        A model from float32 images in [0, 255] to float32 logits (n, num_classes).

    Raises:
        InputError: If ImageNet's weights are neither here nor to be had.
    """
    function, weights = find(target)
    # For one of resnet.py, the functions of keras.applications.resnet.
    module = importlib.import_module(f"keras.applications.{function.__module__.split('.')[-1]}")
    height, width, channels = image_shape
    images = features = keras.Input(image_shape, name="images")
    if channels == 1:
        features = keras.layers.Concatenate()([features] * 3)
    if min(height, width) < SMALLEST:
        scale = SMALLEST / min(height, width)
        height, width = round(scale * height), round(scale * width)
        features = keras.layers.Resizing(height, width, dtype="float32")(features)
    features = module.preprocess_input(features)
    base = _load(function, weights, (height, width, 3))
    features = base(features) if weights is None else base(features, training=False)
    outputs = keras.layers.Dense(num_classes, dtype="float32", name="logits")(features)
    return keras.Model(images, outputs, name="classifier")


def _load(function, weights, shape) -> keras.Model:
    timeout = socket.getdefaulttimeout()
    # A network that answers nobody would otherwise be waited for.
    socket.setdefaulttimeout(PATIENCE)
    try:
        with warnings.catch_warnings():
            # That ImageNet's weights are those of 224 pixels.
            warnings.simplefilter("ignore", UserWarning)
            base = function(include_top=False, weights=weights, input_shape=shape, pooling="avg")
    except Exception as error:  # Keras raises a bare one if a download fails.
        address = re.search(r"URL fetch failure on (\S+?):? ", f"{error} ")
        if address is None:
            raise InputError(f"cannot be made for images of {shape}: {error}") from error
        folder = os.path.join(os.environ.get("KERAS_HOME", "~/.keras"), "models")
        raise InputError(
            f"its weights could not be loaded from {address[1]}; put that file into {folder}, or "
            f"take {function.__name__}{RANDOM}, or path/model.keras with weights of your own"
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)
    for layer in base.layers if weights is None else ():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM
    return base
