"""How images meet in one training stream.

A mixture is a list of parts, each with a weight: an image of the batch comes from a part
with a probability proportional to its weight. Leaving the data as it is, balancing the classes,
repeating a rare class and adding generated images are the same thing with other weights.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from kerasaug.data import sampling
from kerasaug.data.held import blocks, hold
from kerasaug.data.sampling import Augmentation, Part
from kerasaug.images import to_float

if TYPE_CHECKING:
    from kerasaug.data.dataset import ImageDataset

BLENDING_ALPHA = 0.2
"""Both parameters of the beta distribution that mixup's weights are drawn from."""


def natural(dataset: "ImageDataset") -> list[Part]:
    """Every training image equally often.

    Args:
        dataset: Where the training images come from.

    Returns:
        Parts whose weights sum to the number of training images.
    """
    if dataset.held is None:
        # Read from disk, one pass over the split is cheaper than one per class.
        count = len(dataset.train_labels)
        return [Part(dataset.records, count, float(count), decode=dataset.decode)]
    return [part._replace(weight=float(part.size)) for part in balanced(dataset)]


def balanced(dataset: "ImageDataset") -> list[Part]:
    """Every class equally often.

    Args:
        dataset: Where the training images come from.

    Returns:
        One part per class, in index order.
    """
    return [of_class(dataset, class_id) for class_id in range(dataset.num_classes)]


def of_class(dataset: "ImageDataset", class_id: int) -> Part:
    """The training images of one class.

    Args:
        dataset: Where the training images come from.
        class_id: Index of the class.

    Returns:
        The part, of weight 1.
    """
    positions = np.flatnonzero(dataset.train_labels == class_id)
    if dataset.held is not None:
        return Part(dataset.held.at(positions), len(positions), 1.0, class_id)
    records = dataset.records.filter(lambda _, label: label == class_id)
    return Part(records, len(positions), 1.0, decode=dataset.decode)


def repeated(
    dataset: "ImageDataset", class_id: int, count: int, augment: Augmentation | None = None
) -> Part:
    """Further copies of the training images of one class, to be added to other parts.

    Args:
        dataset: Where the images come from.
        class_id: The class that grows.
        count: By how many images it grows; the weight of the part.
        augment: What is done to the copies, anew at every draw.

    Returns:
        The part to add.
    """
    return of_class(dataset, class_id)._replace(weight=float(count), augment=augment)


def added(images: np.ndarray, class_id: int) -> Part:
    """Images from elsewhere, such as generated ones, each as often as a training image.

    Args:
        images: uint8 array (n, height, width, channels).
        class_id: Their label.

    Returns:
        The part to add to those of `natural`.
    """
    return Part(hold(blocks(images)), len(images), float(len(images)), class_id)


def symmetric(dataset: "ImageDataset", generated: Sequence[np.ndarray], share: float) -> list[Part]:
    """Every class equally often, and the same share of each class generated.

    Whatever gives generated images away then says nothing about the class, so a classifier cannot
    learn it in the place of the class.

    Args:
        dataset: Where the real images come from.
        generated: Images of every class, in index order: uint8 arrays (n, height, width, channels).
        share: Of generated images, in [0, 1].

    Returns:
        Two parts per class.
    """
    real = [part._replace(weight=1.0 - share) for part in balanced(dataset)]
    made = [added(images, class_id) for class_id, images in enumerate(generated)]
    return real + [part._replace(weight=share) for part in made]


def blended(batched: tf.data.Dataset, num_classes: int, seed: int) -> tf.data.Dataset:
    """Blends every image of a batch with the one before it, and their labels likewise: mixup.

    Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization" (arXiv 1710.09412).

    Args:
        batched: What `batches` gives.
        num_classes: How many classes there are.
        seed: Same stream and seed, same result.

    Returns:
        A stream of `(images, labels)`: images like those of `batched` and float32 probabilities
        (batch_size, num_classes).
    """

    def blend(number, element):
        images, labels = element
        count = tf.shape(images)[0]
        seeds = tf.random.split(tf.stack([tf.constant(seed, tf.int64), number]), 2)
        first, second = (
            tf.random.stateless_gamma((count,), each, BLENDING_ALPHA) for each in tf.unstack(seeds)
        )
        # Of so small an alpha both can round to 0.
        weight = tf.math.divide_no_nan(first, first + second)
        probabilities = tf.one_hot(labels, num_classes)
        return tuple(
            values * factor + tf.roll(values, 1, axis=0) * (1.0 - factor)
            for values, factor in (
                (images, weight[:, None, None, None]),
                (probabilities, weight[:, None]),
            )
        )

    return batched.enumerate().map(blend, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def batches(
    parts: Sequence[Part],
    batch_size: int,
    *,
    seed: int,
    augment: Augmentation | None = None,
) -> tf.data.Dataset:
    """Draws endless batches from a mixture.

    Where all images are in memory, whole batches are drawn at a time; else image by image, with
    memory bounded by `sampling.SHUFFLE_BUFFER` and not by the data.

    Args:
        parts: The ingredients; those of weight 0 are left out.
        batch_size: Images per batch.
        seed: Same parts and seed, and same `tf.random.set_seed` if that was called: same batches.
        augment: What is done to every image of every batch.

    Returns:
        A stream of `(images, labels)`: float32 `(batch_size, height, width, channels)` in [-1, 1]
        and int32 `(batch_size,)`.
    """
    parts = [part for part in parts if part.weight > 0 and part.size > 0]
    if all(part.class_id is not None for part in parts):
        mixed = sampling.from_memory(parts, batch_size, seed)
    else:
        mixed = sampling.from_streams(parts, batch_size, seed)
    if augment is not None:
        mixed = sampling.augmented(mixed, augment, seed)
    return to_model_input(mixed)


def to_model_input(batched: tf.data.Dataset) -> tf.data.Dataset:
    """Converts batches of pixels to what the models take, and prepares them ahead of use.

    Args:
        batched: A stream of uint8 images and labels.

    Returns:
        The same with float32 images in [-1, 1].
    """
    converted = batched.map(lambda images, labels: (to_float(images), labels))
    return converted.prefetch(tf.data.AUTOTUNE)
