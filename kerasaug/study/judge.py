"""A classifier that judges generated images, and never helps to make them."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from kerasaug.data import mixture
from kerasaug.data.dataset import ImageDataset, collect
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
        classifier = build_classifier(whole.image_shape, whole.num_classes, steps, WIDTH)
        stream = mixture.batches(mixture.balanced(whole.cache()), BATCH, seed=0)
        classifier.fit(
            stream, steps_per_epoch=steps, callbacks=list(callbacks), shuffle=False, verbose=0
        )
        outputs = [classifier.get_layer("features").output, classifier.output]
        self.network = keras.Model(classifier.input, outputs)

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
            `judge_accuracy` on the test images of the classes measured, and by name in `classes`:
            `recognised` (share of generated images that are taken for their class), `nearest_ratio`
            and `memorised`, and as `generated` and `training` the `fidelity.figures` of generated
            images and, as a yardstick, of the training images.
        """
        test_images, test_labels = collect(dataset.test)
        measured, right, seen = {}, 0, 0
        for class_id in classes:
            real = test_images[test_labels == class_id]
            if min(len(real), dataset.class_counts[class_id]) < fidelity.FEWEST:
                continue
            training, _ = collect(dataset.class_stream(class_id))
            real_features, said = self.look(real[:MOST_IMAGES])
            training_features, _ = self.look(training)
            features, recognised = self.look(generate(MOST_IMAGES, class_id))
            right, seen = right + int((said == class_id).sum()), seen + len(said)
            ratio = fidelity.nearest_ratio(training_features, real_features, features)
            measured[dataset.class_names[class_id]] = {
                "recognised": float((recognised == class_id).mean()),
                "nearest_ratio": ratio,
                "memorised": ratio < fidelity.MEMORISED,
                "generated": fidelity.figures(real_features, features),
                "training": fidelity.figures(real_features, training_features[:MOST_IMAGES]),
            }
        return {"judge_accuracy": right / seen if seen else None, "classes": measured}
