"""Synthetic images for a trial: drawn, by style transfer, or by latent perturbation."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from kerasaug.data.dataset import MOST_CACHED, ImageDataset
from kerasaug.errors import TrainingFailed
from kerasaug.images import as_float
from kerasaug.models.encoding import EncodingModel
from kerasaug.saved.folder import ModelFolder

ROUNDS = 4
"""How often as many images as are wanted are drawn, until the label filter has confirmed enough."""
LABEL_CONFIDENCE = 0.5
"""The least probability that the label filter must give to an image's label."""
FILTER_BATCH = 500
MOST_REAL = 10_000
"""Real images of a class that are used, if that many fit into memory."""
SCALE, RARE_SCALE = 0.5, 0.35
"""How far latents are moved, in differences between two images of one class.

A model that saw few images of a class decodes them less truly. Moved as far as the others, they
come out odder, and a classifier learns that odd images are of the rare class.
"""


@dataclasses.dataclass
class Synthesizer:
    """Makes the synthetic images of one repetition.

    They depend on the generator, on the imbalanced training split that it saw, and on a label
    filter that was trained on the same split; on nothing else.

    Args:
        dataset: The imbalanced data, in memory.
        folder: The trained generator.
        pool_size: Images of each class, for an arm with a form.
        seed: Same arguments, same images.
        label_filter: The file of the classifier that confirms labels; read only if it is needed.

    Attributes:
        acceptance_rates: Share of the generated images that the label filter confirmed, by name of
            class.
    """

    dataset: ImageDataset
    folder: ModelFolder
    pool_size: int
    seed: int
    label_filter: Path | None = None
    acceptance_rates: dict[str, float] = dataclasses.field(default_factory=dict, init=False)

    def draw(self, class_id: int, count: int) -> np.ndarray:
        """Draws images of one class, uint8 (count, height, width, channels)."""
        return self._generator.generate(count, class_id, self.seed)

    def class_balanced(self) -> list[np.ndarray]:
        """Makes images of every class by one and the same model.

        A conditional model with an encoder makes rare classes by style transfer from all others,
        and reconstructs images of the others, whose labels are certain. Another model draws all
        classes. All but reconstructions have to pass the label filter.

        Returns:
            uint8 arrays (at most `pool_size`, height, width, channels), by class index.

        Raises:
            TrainingFailed: If no image of some class passes: artefacts would then mark the others.
        """
        model = self.folder.load_encoder()
        images = self._empty()
        for class_id in self._present_classes():
            if model is None:
                images[class_id] = self._filter(self._draw_rounds(class_id), class_id)
            elif class_id in self.dataset.rare_classes:
                images[class_id] = self._filter(self._transfer_rounds(model, class_id), class_id)
            else:
                real, labels = self._sample([class_id], np.random.default_rng(self.seed))
                images[class_id] = model.reconstruct(real, labels)
        return images

    def latent_perturbation(self) -> list[np.ndarray]:
        """Changes real images of every class by differences between latents of one class.

        The differences are between images of classes that are not rare, which have enough of them.

        Returns as `class_balanced` does.
        """
        model = self.folder.load_encoder()
        random = np.random.default_rng(self.seed)
        real = {class_id: self._real(class_id) for class_id in self._present_classes()}
        rare = self.dataset.rare_classes
        common = {class_id: images for class_id, images in real.items() if class_id not in rare}
        differences = self._latent_differences(model, common or real, random)
        perturbed = self._empty()
        for class_id, images in real.items():
            rows, inverse = np.unique(
                random.integers(len(images), size=self.pool_size), return_inverse=True
            )
            scale = RARE_SCALE if class_id in rare else SCALE
            perturbed[class_id] = model.perturb(images[rows], class_id, differences, scale, inverse)
        return perturbed

    @functools.cached_property
    def _generator(self):
        return self.folder.load_generator()

    @functools.cached_property
    def _label_classifier(self):
        return keras.models.load_model(self.label_filter)

    def _present_classes(self) -> list[int]:
        return [c for c, count in enumerate(self.dataset.class_counts) if count > 0]

    def _real(self, class_id: int) -> np.ndarray:
        # Images of all classes are in memory at once, in no more memory than cached data take.
        size = np.prod(self.dataset.image_shape) * self.dataset.num_classes
        most = max(1, min(MOST_REAL, MOST_CACHED // int(size)))
        return self.dataset.class_images(class_id, most)

    def _empty(self) -> list[np.ndarray]:
        return [np.empty((0, *self.dataset.image_shape), np.uint8)] * self.dataset.num_classes

    def _latent_differences(self, model, real, random):
        """Differences between the latents of `pool_size` pairs of images, each of one class."""
        labels = random.choice(list(real), self.pool_size)
        pairs = np.empty((2, self.pool_size, *self.dataset.image_shape), np.uint8)
        for class_id in np.unique(labels):
            images, chosen = real[class_id], labels == class_id
            pairs[:, chosen] = images[random.integers(len(images), size=(2, chosen.sum()))]
        first, second = (model.encode(images, labels)[0] for images in pairs)
        return second - first

    def _draw_rounds(self, class_id: int) -> Iterator[np.ndarray]:
        for number in range(ROUNDS):
            # Seeds of repetitions are small; those of rounds are far from them.
            seed = self.seed + 1_000_000 * number
            yield self._generator.generate(self.pool_size, class_id, seed)

    def _transfer_rounds(self, model: EncodingModel, class_id: int) -> Iterator[np.ndarray]:
        others = [other for other in self._present_classes() if other != class_id]
        random = np.random.default_rng([self.seed, class_id])
        for _ in range(ROUNDS):
            images, labels = self._sample(others, random)
            yield model.transfer(images, labels, class_id)

    def _sample(self, classes: Sequence[int], random) -> tuple[np.ndarray, np.ndarray]:
        """About `pool_size` training images of some classes, evenly, without repeating one."""
        count = -(-self.pool_size // len(classes))
        real = [self._real(class_id) for class_id in classes]
        chosen = [images[random.permutation(len(images))[:count]] for images in real]
        return np.concatenate(chosen), np.repeat(classes, list(map(len, chosen)))

    def _filter(self, rounds: Iterator[np.ndarray], class_id: int) -> np.ndarray:
        """Takes rounds of images until `pool_size` have passed the label filter."""
        passed, drawn = [], 0
        for images in rounds:
            passed.append(images[self._confirmed(images, class_id)])
            drawn += len(images)
            if sum(map(len, passed)) >= self.pool_size:
                break
        images = np.concatenate(passed)
        name = self.dataset.class_names[class_id]
        self.acceptance_rates[name] = len(images) / drawn
        if len(images) == 0:
            raise TrainingFailed(f"the label filter confirmed no generated image of class {name}")
        return images[: self.pool_size]

    def _confirmed(self, images: np.ndarray, class_id: int) -> np.ndarray:
        logits = self._label_classifier.predict(
            as_float(images), batch_size=FILTER_BATCH, verbose=0
        )
        probabilities = np.asarray(keras.ops.softmax(logits))
        is_class = probabilities.argmax(axis=1) == class_id
        return is_class & (probabilities[:, class_id] >= LABEL_CONFIDENCE)
