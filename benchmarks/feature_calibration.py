"""Does it help to draw features of a rare class from a distribution calibrated by common classes?

Trains the control, takes the features before its last layer, and trains a logistic regression in
the place of that layer: on the real features, every class weighted alike, and on these with 500
drawn features of every rare class. Prints average precision of the rare classes, the means over
repetitions, or over five folds of data without a test split.

    python benchmarks/feature_calibration.py fashion_mnist Shirt=60 [--arm balanced+flip-shift]
        [--steps 1000] [--seeds 3] [--image-size 48]

Yang et al. 2021, "Free Lunch for Few-Shot Learning: Distribution Calibration", arXiv 2101.06395.
"""

from kerasaug.runtime import limit_threads, quiet_tensorflow

quiet_tensorflow()

import keras
import numpy as np
from rare import arguments, splits_of
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.preprocessing import StandardScaler

from kerasaug import data
from kerasaug.data.streams import collect
from kerasaug.images import as_float, in_chunks
from kerasaug.study import trial
from kerasaug.study.arms import parse
from kerasaug.study.config import SMALL_CNN, Recipe

NEIGHBOURS, SPREAD = 2, 0.21
"""Common classes that calibrate an image, and what is added to their covariance; the paper's."""
DRAWN = 500
MOST_COMMON = 500
"""Features of a common class that the regression learns from."""


def main() -> None:
    """The entry point."""
    options = arguments(__doc__)
    limit_threads()
    keras.config.set_dtype_policy("float32")
    recipe = Recipe(SMALL_CNN, options.steps, batch_size=256, epochs=1)
    results = [measure(dataset, options.arm, recipe, seed) for dataset, seed in splits_of(options)]
    for name in results[0]:
        each = ", ".join(f"{result[name]:.4f}" for result in results)
        print(f"{name:20} {np.mean([result[name] for result in results]):.4f} ({each})")


def measure(dataset: data.ImageDataset, arm: str, recipe: Recipe, seed: int) -> dict[str, float]:
    """Average precision of the rare classes, by what ranks them."""
    trained = trial.train(parse(arm), trial.TrialInputs(dataset), recipe, seed)
    (classifier,), rare = trained.members, dataset.rare_classes
    model = classifier.model
    network = keras.Model(model.input, model.get_layer("features").output)

    def features(stream):
        images, labels = collect(stream)
        outputs = in_chunks(lambda chunk: network(as_float(chunk)), images)
        # The root makes what a rectifier leaves more like a normal distribution, as in the paper.
        return np.sqrt(outputs), labels

    random = np.random.default_rng(seed)
    (train, labels), (test, tested) = features(dataset.train), features(dataset.test)
    rows = np.concatenate(
        [
            random.permutation(np.flatnonzero(labels == class_id))[:MOST_COMMON]
            for class_id in range(dataset.num_classes)
        ]
    )
    train, labels = train[rows], labels[rows]
    _, logits = trained.predict(dataset.test)
    more, more_labels = calibrated(train, labels, rare, random)

    def average_precision(scores):
        return float(np.mean([average_precision_score(tested == c, scores[c]) for c in rare]))

    return {
        "the classifier": average_precision(np.asarray(keras.ops.softmax(logits)).T),
        "last layer refitted": average_precision(refitted(train, labels, test)),
        "calibrated": average_precision(
            refitted(np.concatenate([train, more]), np.concatenate([labels, more_labels]), test)
        ),
    }


def calibrated(train, labels, rare, random) -> tuple[np.ndarray, np.ndarray]:
    """Features of rare classes, drawn around each real one, and their labels."""
    common = [class_id for class_id in np.unique(labels) if class_id not in rare]
    means = np.stack([train[labels == class_id].mean(axis=0) for class_id in common])
    covariances = np.stack([np.cov(train[labels == class_id].T) for class_id in common])
    drawn, drawn_labels = [], []
    for class_id in rare:
        own = train[labels == class_id]
        for feature in own:
            nearest = np.argsort(((means - feature) ** 2).sum(axis=1))[:NEIGHBOURS]
            mean = (means[nearest].sum(axis=0) + feature) / (NEIGHBOURS + 1)
            covariance = covariances[nearest].mean(axis=0) + SPREAD
            count = -(-DRAWN // len(own))
            drawn.append(random.multivariate_normal(mean, covariance, count, "ignore"))
            drawn_labels += [class_id] * count
    return np.concatenate(drawn), np.array(drawn_labels)


def refitted(train, labels, test) -> dict[int, np.ndarray]:
    """Probabilities of the test images by class."""
    scaler = StandardScaler().fit(train)
    regression = LogisticRegression(class_weight="balanced", max_iter=300)
    regression.fit(scaler.transform(train), labels)
    probabilities = regression.predict_proba(scaler.transform(test))
    return dict(zip(regression.classes_, probabilities.T, strict=True))


if __name__ == "__main__":
    main()
