"""A classifier that judges generated images, and never helps to make them."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from kerasaug import graphs
from kerasaug.data import mixture
from kerasaug.data.dataset import ImageDataset
from kerasaug.data.streams import collect, first_of_each
from kerasaug.images import to_float
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
        self.network = keras.Model(classifier.input, outputs)
        self.real_features = {
            class_id: self._features(whole, class_id)
            for class_id, count in enumerate(whole.class_counts)
            if count >= fidelity.FEWEST
        }

    def look(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Looks at images.

        Args:
            images: uint8 array (n, height, width, channels).

        Returns:
            Features, float32 (n, d), and the class said of each, int64 (n,).
        """
        features, logits = self.network.predict(to_float(images), batch_size=BATCH, verbose=0)
        return np.asarray(features, np.float32), np.argmax(logits, axis=1)

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
        most = first_of_each(dataset.test, MOST_IMAGES, dataset.num_classes)
        test_images, test_labels = collect(most)
        measured, right, seen = {}, 0, 0
        for class_id in classes:
            real = test_images[test_labels == class_id]
            if min(len(real), dataset.class_counts[class_id]) < fidelity.FEWEST:
                continue
            real_features, said = self.look(real)
            right, seen = right + int((said == class_id).sum()), seen + len(said)
            kept = self._features(dataset, class_id)
            features, recognised = self.look(generate(MOST_IMAGES, class_id))
            measured[dataset.class_names[class_id]] = {
                "generated": {
                    "recognised": float((recognised == class_id).mean()),
                    **fidelity.figures(real_features, features),
                    **fidelity.nearness(kept, real_features, features),
                },
                "repeated": fidelity.figures(real_features, kept),
                "real": fidelity.figures(real_features, self.real_features[class_id]),
            }
        return {"judge_accuracy": right / seen if seen else None, "classes": measured}

    def _features(self, dataset, class_id):
        return self.look(dataset.class_images(class_id, MOST_IMAGES))[0]
