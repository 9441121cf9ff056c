"""A classifier that judges generated images, and never helps to make them."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasaug import graphs
from kerasaug.data import mixture
from kerasaug.data.dataset import ImageDataset
from kerasaug.data.streams import first_of_each
from kerasaug.images import in_chunks, to_float
from kerasaug.models.classifier import build_classifier
from kerasaug.reproducibility import make_reproducible
from kerasaug.study import fidelity

BATCH = 256
WIDTH = 32
MOST_IMAGES = 1000


class Judge:
    """Knows the classes from every training image there is, also those held back from generators.

    Generated images are compared with test images in the features before its last layer. Nothing
    that trains or chooses may read what it says.

    Args:
        whole: The data set before it was reduced.
        steps: Length of the training.
        callbacks: Keras callbacks, for progress.
    """

    def __init__(
        self,
        whole: ImageDataset,
        steps: int,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ):
        make_reproducible(0)
        whole = whole.cache()
        policy = keras.config.dtype_policy()
        # One judge for all: what it says must not depend on which format trains fastest here.
        keras.config.set_dtype_policy("float32")
        try:
            classifier = build_classifier(whole.image_shape, whole.num_classes, steps, WIDTH)
        finally:
            keras.config.set_dtype_policy(policy)
        stream = mixture.batches(mixture.balanced(whole), BATCH, seed=0)
        with graphs.released():
            classifier.fit(
                stream, steps_per_epoch=steps, callbacks=list(callbacks), shuffle=False, verbose=0
            )
        outputs = [classifier.get_layer("features").output, classifier.output]
        network = keras.Model(classifier.input, outputs)
        # `predict` would take as long again to hand the images over.
        self._look = tf.function(network, (tf.TensorSpec((None, *whole.image_shape)),))
        classes = range(whole.num_classes)
        images, labels = first_of_each(whole.test, MOST_IMAGES, whole.num_classes)
        self._tests = [self._look_at(images[labels == class_id]) for class_id in classes]
        self._real = [self._features(whole, class_id) for class_id in classes]

    def look(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Looks at images.

        Args:
            images: uint8 array (n, height, width, channels), n >= 1.

        Returns:
            Features, float32 (n, d), and the class said of each, int64 (n,).
        """
        features, logits = in_chunks(lambda some: self._look(to_float(some)), images)
        return features, np.argmax(logits, axis=1)

    def measure(
        self,
        generate: Callable[[int, int], np.ndarray],
        dataset: ImageDataset,
        classes: Sequence[int],
    ) -> dict[str, Any]:
        """Measures the images of a generator against the test images, class by class.

        Args:
            generate: The generator: takes a count and a class, and gives uint8 images.
            dataset: The imbalanced data that it learned from.
            classes: What to measure; classes with fewer than 6 training or test images are left
                out.

        Returns:
            `judge_accuracy` on the test images of the classes measured, and by name in `classes`
            the `fidelity.figures` of three kinds of images against test images: `generated`, with
            `recognised` (share of generated images that are taken for their class) and the figures
            of `fidelity.nearness`; and as yardsticks `repeated`, the training images that the
            generator learned from, and `real`, those of the whole data; up to 1,000 of each.
        """
        measured, right, seen = {}, 0, 0
        for class_id in classes:
            kept = self._features(dataset, class_id)
            if self._tests[class_id] is None or kept is None:
                continue
            real, said = self._tests[class_id]
            right, seen = right + int((said == class_id).sum()), seen + len(said)
            features, recognised = self.look(generate(MOST_IMAGES, class_id))
            generated = fidelity.Sample(features)
            measured[dataset.class_names[class_id]] = {
                "generated": {
                    "recognised": float((recognised == class_id).mean()),
                    **fidelity.figures(real, generated),
                    **fidelity.nearness(kept, real, generated),
                },
                "repeated": fidelity.figures(real, kept),
                "real": fidelity.figures(real, self._real[class_id]),
            }
        return {"judge_accuracy": right / seen if seen else None, "classes": measured}

    def _features(self, dataset, class_id):
        """Those of training images; None if there are too few."""
        if dataset.class_counts[class_id] < fidelity.FEWEST:
            return None
        return self._look_at(dataset.class_images(class_id, MOST_IMAGES))[0]

    def _look_at(self, images):
        """Features and the class said of each image; None if there are too few."""
        if len(images) < fidelity.FEWEST:
            return None
        features, said = self.look(images)
        return fidelity.Sample(features), said
