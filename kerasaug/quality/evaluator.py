"""The evaluation classifier: it measures generated images, and never helps to make them."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasaug.data import mixture
from kerasaug.data.dataset import ImageDataset
from kerasaug.images import as_float, in_chunks
from kerasaug.models.classifier import (
    CAREFUL_LEARNING_RATE,
    LEARNING_RATE,
    build_classifier,
    compile_classifier,
)
from kerasaug.progress import Progress
from kerasaug.quality import fidelity
from kerasaug.quality.fidelity import Sample
from kerasaug.runtime import make_reproducible, released_graphs

BATCH_SIZE = 256
MOST_IMAGES = 1000


class Evaluator:
    """Measures generators by a classifier that is trained on the full data.

    The classifier learns from every training image, also those that the generators did not see; it
    is trained when it is first needed. Generated images are compared with test images in the
    features before its last layer. Nothing that trains or chooses may read the results.

    Args:
        full: The data set before it was reduced.
        steps: Training steps of the classifier.
        progress: What to report to.
        units_per_step: Work per training step; see `Progress.callback`.
        build: From an image shape and a number of classes to a classifier that is not compiled, of
            float32 images in [0, 255], whose last layer makes logits of its features; None for the
            built-in one.
    """

    def __init__(
        self,
        full: ImageDataset,
        steps: int,
        progress: Progress | None = None,
        units_per_step: float = 0.0,
        build: Callable[[tuple[int, int, int], int], keras.Model] | None = None,
    ):
        self.full = full
        self.steps = steps
        self.progress = progress or Progress()
        self.units_per_step = units_per_step
        self.build = build
        self._network: tf.types.experimental.GenericFunction | None = None

    def predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features, float32 (n, d), and predicted classes, int64 (n,), of n >= 1 uint8 images."""
        if self._network is None:
            self._train()
        features, logits = in_chunks(lambda chunk: self._network(as_float(chunk)), images)
        return features, np.argmax(logits, axis=1)

    def measure(
        self, generator: Any, dataset: ImageDataset, classes: Sequence[int]
    ) -> dict[str, Any]:
        """Compares the images of a generator with the test images, class by class.

        Args:
            generator: Has `generate(count, class_id, seed)`, as `GenerativeModel` and
                `ExportedGenerator` do.
            dataset: The imbalanced data that it learned from.
            classes: What to measure; classes with fewer than 6 training or test images are left
                out.

        Returns:
            `evaluator_accuracy` on the test images of the measured classes, and in `classes`, by
            name, the `fidelity.figures` of three samples against the test images, of up to 1,000
            images each: `generated`, with `classification_accuracy` (share of generated images that
            are classified as their class) and `fidelity.nearness`; and as references `repeated`,
            the training images that the generator learned from, and `real`, those of the full data.
        """
        if self._network is None:
            self._train()
        self.progress.describe("measuring the images")
        by_class, correct, count = {}, 0, 0
        for class_id in classes:
            training = self._training_sample(dataset, class_id)
            if self._tests[class_id] is None or training is None:
                continue
            real, predictions = self._tests[class_id]
            correct += int((predictions == class_id).sum())
            count += len(predictions)
            features, predictions = self.predict(generator.generate(MOST_IMAGES, class_id, 0))
            generated = Sample(features)
            by_class[dataset.class_names[class_id]] = {
                "generated": {
                    "classification_accuracy": float((predictions == class_id).mean()),
                    **fidelity.figures(real, generated),
                    **fidelity.nearness(training, real, generated),
                },
                "repeated": fidelity.figures(real, training),
                "real": fidelity.figures(real, self._real[class_id]),
            }
        return {"evaluator_accuracy": correct / count if count else None, "classes": by_class}

    def _train(self):
        make_reproducible(0)
        full = self.full.cache()
        policy = keras.config.dtype_policy()
        # Results must not depend on which number format trains fastest here.
        keras.config.set_dtype_policy("float32")
        try:
            build = self.build or build_classifier
            classifier = build(full.image_shape, full.num_classes)
            rate = LEARNING_RATE if self.build is None else CAREFUL_LEARNING_RATE
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            compile_classifier(classifier, full.num_classes, self.steps, loss, rate)
        finally:
            keras.config.set_dtype_policy(policy)
        description = "training the evaluation classifier"
        with released_graphs():
            parts = full.balanced_parts()
            classifier.fit(
                mixture.batches(parts, BATCH_SIZE, seed=0, convert=as_float),
                steps_per_epoch=self.steps,
                callbacks=[self.progress.callback(description, self.units_per_step)],
                shuffle=False,
                verbose=0,
            )
        outputs = [classifier.layers[-1].input, classifier.output]
        network = keras.Model(classifier.input, outputs)
        # `predict` of Keras would take as long again to hand the images over.
        self._network = tf.function(network, (tf.TensorSpec((None, *full.image_shape)),))
        classes = range(full.num_classes)
        images, labels = full.first_of_each(MOST_IMAGES, of_test=True)
        self._tests = [self._test_sample(images[labels == class_id]) for class_id in classes]
        self._real = [self._training_sample(full, class_id) for class_id in classes]

    def _training_sample(self, dataset: ImageDataset, class_id: int) -> Sample | None:
        """None if there are too few images."""
        if dataset.class_counts[class_id] < fidelity.FEWEST:
            return None
        return Sample(self.predict(dataset.class_images(class_id, MOST_IMAGES))[0])

    def _test_sample(self, images: np.ndarray) -> tuple[Sample, np.ndarray] | None:
        """Features and predicted classes; None if there are too few images."""
        if len(images) < fidelity.FEWEST:
            return None
        features, predictions = self.predict(images)
        return Sample(features), predictions
