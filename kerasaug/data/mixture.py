"""How images meet in one training stream.

A mixture is a list of parts, each with a weight: an image of the batch comes from a part
with a probability proportional to its weight. Leaving the data as it is, balancing the classes,
repeating a rare class and adding generated images are the same thing with other weights.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from kerasaug.data import sampling
from kerasaug.data.augment import LAYER_OPTIONS, call_with_seed
from kerasaug.data.memory import InMemory
from kerasaug.data.sampling import Augmentation, Part
from kerasaug.images import to_float

BLENDINGS: dict[str, Callable[[], keras.Layer]] = {
    "mixup": lambda: keras.layers.MixUp(alpha=0.2, **LAYER_OPTIONS),
    # Both ends of the factor at 1, as in the paper: every share of the image is as probable.
    "cutmix": lambda: keras.layers.CutMix(factor=(1.0, 1.0), **LAYER_OPTIONS),
}


def repeated(part: Part, count: int, augment: Augmentation | None = None) -> Part:
    """So many further copies of the images of a part, each augmented anew when it is drawn."""
    return part._replace(weight=float(count), augment=augment)


def added(images: np.ndarray, class_id: int) -> Part:
    """Images of one class from elsewhere, uint8 (n, height, width, channels), for other parts."""
    return Part(InMemory.of(images), len(images), float(len(images)), class_id)


def with_synthetic_share(
    real: Sequence[Part], synthetic: Sequence[np.ndarray], share: float
) -> list[Part]:
    """Every class equally often, with the same share of synthetic images in each class.

    Artefacts of synthetic images then do not correlate with the class, so a classifier cannot learn
    them in the place of the class.

    Args:
        real: What `ImageDataset.balanced_parts` returned.
        synthetic: Images of every class, in index order: uint8 arrays (n, height, width, channels).
        share: Of synthetic images, in [0, 1].
    """
    parts = [part._replace(weight=1.0 - share) for part in real]
    more = [added(images, class_id) for class_id, images in enumerate(synthetic)]
    return parts + [part._replace(weight=share) for part in more]


def blended(
    batched: tf.data.Dataset, blending: str, num_classes: int, seed: int
) -> tf.data.Dataset:
    """Blends every image of a batch with another one of it, and their labels likewise.

    Args:
        batched: What `batches` returned.
        blending: A key of `BLENDINGS`.
        num_classes: How many classes there are.
        seed: Same stream and seed, same result.

    Returns:
        A stream of `(images, labels)`: images like those of `batched` and float32 probabilities
        (batch_size, num_classes).

    References:
        Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization", arXiv 1710.09412;
        Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong Classifiers with
        Localizable Features", arXiv 1905.04899.
    """
    layer = BLENDINGS[blending]()

    def blend(number, element):
        images, labels = element
        pairs = {"images": images, "labels": tf.one_hot(labels, num_classes)}
        # Not the seeds of what drew and augmented the batch.
        seeds = tf.random.fold_in(tf.stack([tf.constant(seed, tf.int64), number]), -1)
        outputs = call_with_seed(layer, pairs, seeds)
        return outputs["images"], outputs["labels"]

    return batched.enumerate().map(blend, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def batches(
    parts: Sequence[Part],
    batch_size: int,
    *,
    seed: int,
    augment: Augmentation | None = None,
    convert: Callable[[tf.Tensor], tf.Tensor] = to_float,
) -> tf.data.Dataset:
    """Draws endless batches from a mixture.

    Where all images are in memory, whole batches are drawn at a time; else image by image, with
    memory bounded by `sampling.SHUFFLE_BUFFER` and not by the data.

    Args:
        parts: The mixture; parts of weight 0 are left out.
        batch_size: Images per batch.
        seed: Same parts and seed, and same `tf.random.set_seed` if that was called: same batches.
        augment: What is done to every image of every batch.
        convert: See `to_model_input`.

    Returns:
        A stream of `(images, labels)`: float32 `(batch_size, height, width, channels)` and int32
        `(batch_size,)`.
    """
    parts = [part for part in parts if part.weight > 0 and part.size > 0]
    if all(part.class_id is not None for part in parts):
        mixed = sampling.from_memory(parts, batch_size, seed)
    else:
        mixed = sampling.from_streams(parts, batch_size, seed)
    if augment is not None:
        mixed = sampling.augmented(mixed, augment, seed)
    return to_model_input(mixed, convert)


def weighted(batched: tf.data.Dataset, weights: np.ndarray, begin: int = 0) -> tf.data.Dataset:
    """Adds to `(images, labels)` how much each image counts in the loss, by its class.

    Args:
        batched: What `batches` returned.
        weights: float32 array (num_classes,).
        begin: How many batches go before the first one whose images do not all count 1.
    """

    def weigh(number, element):
        images, labels = element
        own = tf.gather(tf.constant(weights), labels)
        return images, labels, tf.where(number < begin, tf.ones_like(own), own)

    return batched.enumerate().map(weigh)


def one_hot(batched: tf.data.Dataset, num_classes: int) -> tf.data.Dataset:
    """Makes of the labels of `(images, labels, ...)` float32 probabilities (n, num_classes)."""
    return batched.map(
        lambda images, labels, *rest: (images, tf.one_hot(labels, num_classes), *rest)
    )


def to_model_input(
    batched: tf.data.Dataset, convert: Callable[[tf.Tensor], tf.Tensor] = to_float
) -> tf.data.Dataset:
    """Makes floats of the uint8 images of batches, and prepares them ahead of use.

    Args:
        batched: A stream of `(images, labels)`.
        convert: `images.to_float` for generative models, `images.as_float` for classifiers.
    """
    converted = batched.map(lambda images, labels: (convert(images), labels))
    return converted.prefetch(tf.data.AUTOTUNE)
