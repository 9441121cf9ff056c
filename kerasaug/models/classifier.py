"""The built-in classifier, and the adjustment of its logits to the size of the classes."""

from collections.abc import Sequence

import keras
import numpy as np

from kerasaug.models.layers import FusedBatchNormalization


def build_classifier(
    image_shape: tuple[int, int, int],
    num_classes: int,
    steps: int,
    width: int = 32,
    learning_rate: float = 8e-3,
    soft_labels: bool = False,
) -> keras.Model:
    """Makes a deep convolutional classifier, compiled for a training of fixed length.

    Three strided convolutions halve the side and double the feature maps, and a dense layer
    follows; each is batch-normalised. There is no dropout: it harms a rare class most. The learning
    rate rises over the first fifth of the training and falls to 0 on a cosine (Smith and Topin
    2017, arXiv 1708.07120; Loshchilov and Hutter 2016, arXiv 1608.03983).

    Args:
        image_shape: `(height, width, channels)`; sides from 8.
        num_classes: How many classes there are.
        steps: Length of the training, in batches.
        width: Feature maps of the first convolution.
        learning_rate: The highest learning rate.
        soft_labels: Whether labels are probabilities (n, num_classes) instead of classes (n,).

    Returns:
        A model from float32 images in [-1, 1] to float32 logits (n, num_classes), with cross
        entropy as its loss and `accuracy` as a metric.

    Example:
        >>> build_classifier((28, 28, 1), num_classes=10, steps=400).output_shape
        (None, 10)
    """
    images = features = keras.Input(image_shape, name="images")
    for size, maps in ((5, width), (3, 2 * width), (3, 4 * width)):
        convolution = keras.layers.Conv2D(maps, size, strides=2, padding="same", use_bias=False)
        features = FusedBatchNormalization()(convolution(features))
        features = keras.layers.ReLU()(features)
    features = keras.layers.Flatten()(features)
    features = keras.layers.Dense(4 * width, use_bias=False)(features)
    features = FusedBatchNormalization()(features)
    features = keras.layers.ReLU(name="features")(features)
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(features)
    classifier = keras.Model(images, logits, name="classifier")
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=learning_rate / 40,
        warmup_target=learning_rate,
        warmup_steps=max(1, steps // 5),
        decay_steps=max(1, steps - steps // 5),
    )
    loss = "CategoricalCrossentropy" if soft_labels else "SparseCategoricalCrossentropy"
    classifier.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss=getattr(keras.losses, loss)(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    return classifier


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
