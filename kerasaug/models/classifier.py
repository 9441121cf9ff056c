"""The built-in classifier, and the adjustment of its logits to the size of the classes."""

from collections.abc import Sequence

import keras
import numpy as np

LEARNING_RATE, CAREFUL_LEARNING_RATE = 8e-3, 1e-3
"""The highest ones, of the built-in classifier and of all others, which may be pretrained."""
GREY_WIDTH, COLOUR_WIDTH = 32, 48
"""Feature maps of the first convolution; objects in colour take more."""
LAST_SIDE = 4
"""Convolutions follow until the feature maps are no larger, so that the last see whole objects."""
MEAN_OF_MAXIMA = 1.0
"""Where pooled features begin: about the mean of the largest of four standard normal values, as if
they were normalised before the pooling. From 0, half of them would be cut off."""
MOMENTUM = 0.9
"""Of the batch statistics. Keras' 0.99 is that of trainings of many thousand steps."""


def build_classifier(
    image_shape: tuple[int, int, int], num_classes: int, width: int | None = None
) -> keras.Model:
    """Makes a small convolutional classifier, which is not compiled.

    A strided convolution and two others, each with twice the maps of the one before, for images
    above 32 pixels more; pooling between them; and a dense layer over all positions, because one
    over their mean ranks a rare class worse. All are batch-normalised, after the pooling, which is
    a third faster than before it. There is no dropout: it harms a rare class most.

    Args:
        image_shape: `(height, width, channels)`; sides from 8.
        num_classes: How many classes there are.
        width: Feature maps of the first convolution; None for `GREY_WIDTH` or `COLOUR_WIDTH`.

    Returns:
        A model from float32 images in [0, 255] to float32 logits (n, num_classes).

    Example:
        >>> build_classifier((28, 28, 1), num_classes=10).output_shape
        (None, 10)
    """
    width = width or (GREY_WIDTH if image_shape[-1] == 1 else COLOUR_WIDTH)
    images = keras.Input(image_shape, name="images")
    features = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(images)
    features = _pooled(_convolved(features, width, 5, strides=2))
    features = _pooled(_convolved(features, 2 * width))
    while max(features.shape[1:3]) > LAST_SIDE:
        features = _pooled(_convolved(features, 4 * width))
    features = _rectified(_convolved(features, 4 * width))
    features = keras.layers.Dense(4 * width, use_bias=False)(keras.layers.Flatten()(features))
    features = _rectified(features, name="features")
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(features)
    return keras.Model(images, logits, name="classifier")


def _convolved(features, maps, size=3, strides=1):
    return keras.layers.Conv2D(maps, size, strides, padding="same", use_bias=False)(features)


def _pooled(features):
    pooled = keras.layers.MaxPooling2D(2, padding="same")(features)
    return _rectified(pooled, MEAN_OF_MAXIMA)


def _rectified(features, mean=0.0, name=None):
    normalised = keras.layers.BatchNormalization(
        momentum=MOMENTUM, beta_initializer=keras.initializers.Constant(mean)
    )(features)
    return keras.layers.ReLU(name=name)(normalised)


def compile_classifier(
    classifier: keras.Model,
    num_classes: int,
    steps: int,
    loss: keras.losses.Loss,
    learning_rate: float = LEARNING_RATE,
) -> None:
    """Compiles a classifier for a training of fixed length, by Adam.

    The learning rate rises over the first fifth of the training and falls to 0 on a cosine (Smith
    and Topin 2017, arXiv 1708.07120; Loshchilov and Hutter 2016, arXiv 1608.03983).

    Args:
        classifier: From images to logits or probabilities (n, num_classes).
        num_classes: How many classes there are.
        steps: Length of the training, in batches.
        loss: For the labels that it will be trained on.
        learning_rate: The highest one.
    """
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=learning_rate / 40,
        warmup_target=learning_rate,
        warmup_steps=max(1, steps // 5),
        decay_steps=max(1, steps - steps // 5),
    )
    optimizer = keras.optimizers.Adam(schedule)
    classifier.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    # Keras would make their variables in the first step, and then trace its graph a second time.
    optimizer.build(classifier.trainable_variables)
    outputs: np.ndarray = np.zeros((1, num_classes), np.float32)
    is_sparse = isinstance(loss, keras.losses.SparseCategoricalCrossentropy)
    classifier.compute_metrics(None, np.zeros(1, np.int32) if is_sparse else outputs, outputs)


def adjust_logits(logits: np.ndarray, class_counts: Sequence[int], tau: float) -> np.ndarray:
    """Lowers the logit of every class by `tau` times the logarithm of its size.

    Args:
        logits: float array (n, num_classes), of a trained classifier.
        class_counts: Training images of each class; 0 counts as 1.
        tau: In theory 1 for a classifier trained on the classes as they are, and 0 for one trained
            on balanced batches. But the latter overfits the few images of a rare class, and
            predicts that class too rarely.

    Reference:
        Menon et al. 2021, "Long-tail learning via logit adjustment", arXiv 2007.07314: the post
        hoc form.
    """
    return logits - tau * np.log(np.maximum(class_counts, 1))
