"""The images that a model makes for a trial: drawn, carried over, varied, filtered."""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import keras
import numpy as np

from kerasaug.data.dataset import MOST_CACHED, ImageDataset
from kerasaug.errors import TrainingFailed
from kerasaug.images import to_float
from kerasaug.model_folder import ModelFolder
from kerasaug.models.encoding import EncodingModel

ROUNDS = 4
"""How often as many images as are wanted are made, until enough pass the filter."""
BATCH = 500
MOST_REAL = 10_000
"""Real images of a class that are looked at, if that many fit."""
STRENGTH, RARE_STRENGTH = 0.5, 0.35
"""How far images are varied, in differences of two images of one class; a rare class's less.

A model that saw few images of a class changes them less truly. Changed as far as the others, they
come out odder, and what is odd then speaks for the rare class and what is clean against it.
"""


@dataclasses.dataclass
class Supply:
    """Makes the images that the arms of one repetition ask for.

    Only the generator, the imbalanced training split that it saw, and a teacher that was trained on
    the same split have a say in them.

    Args:
        dataset: The imbalanced data, in memory.
        folder: The trained generator.
        teacher: Gives a classifier from float32 images in [-1, 1] to logits; asked for only if
            something is to be filtered, without which it may be None.
        pool: Images of each class that an arm with a form draws from.
        threshold: Least probability that the teacher must give to an image's label, in [0, 1].
        seed: Same supply, same images.
    """

    dataset: ImageDataset
    folder: ModelFolder
    teacher: Callable[[], keras.Model] | None
    pool: int
    threshold: float
    seed: int
    kept_shares: dict[str, float] = dataclasses.field(default_factory=dict, init=False)
    """Share of the images made that the teacher let pass, by name of class."""

    def added(self, class_id: int, count: int, filtered: bool) -> np.ndarray:
        """Draws images of one class.

        Args:
            class_id: Their class.
            count: How many.
            filtered: Whether they have to pass the teacher; then there may be fewer.

        Returns:
            uint8 array (at most count, height, width, channels).

        Raises:
            TrainingFailed: If the teacher lets none pass.
        """
        if not filtered:
            return self._generator.generate(count, class_id, self.seed)
        return self._filtered(self._drawn(class_id, count), class_id, count)

    @functools.cached_property
    def _generator(self):
        return self.folder.load_generator()

    def symmetric(self) -> list[np.ndarray]:
        """Makes images of every class by one and the same model.

        A model whose codes are styles makes rare classes of the styles of all others, and the
        others by rebuilding their own images, whose labels need no teacher. Other models draw all
        classes, and all have to pass the teacher.

        Returns:
            uint8 arrays (at most `pool`, height, width, channels), in the order of the classes.

        Raises:
            TrainingFailed: If the teacher lets none of a class pass. Without them, what is
                generated would say that it is not of that class.
        """
        model = self.folder.load_encoder()
        made = self._nothing()
        for class_id in self._present():
            if model is None:
                images = self._filtered(self._drawn(class_id, self.pool), class_id, self.pool)
            elif class_id in self.dataset.rare_classes:
                images = self._filtered(self._transferred(model, class_id), class_id, self.pool)
            else:
                real, labels = self._sampled([class_id], np.random.default_rng(self.seed))
                images = model.reconstruct(real, labels)
            made[class_id] = images
        return made

    def varied(self) -> list[np.ndarray]:
        """Changes real images of every class as two images of one class differ from each other.

        The differences are those of classes that are not rare, which have enough to show.

        Returns:
            uint8 arrays (`pool`, height, width, channels), in the order of the classes; those of
            classes without an image are empty.
        """
        model = self.folder.load_encoder()
        random = np.random.default_rng(self.seed)
        real = {c: self._real(c) for c in self._present()}
        common = {c: images for c, images in real.items() if c not in self.dataset.rare_classes}
        changes = self._differences(model, common or real, random)
        made = self._nothing()
        for class_id, images in real.items():
            chosen, which = np.unique(
                random.integers(len(images), size=self.pool), return_inverse=True
            )
            strength = RARE_STRENGTH if class_id in self.dataset.rare_classes else STRENGTH
            made[class_id] = model.vary(images[chosen], class_id, changes, strength, which)
        return made

    def _present(self) -> list[int]:
        return [c for c, count in enumerate(self.dataset.class_counts) if count > 0]

    def _real(self, class_id: int) -> np.ndarray:
        # All classes are held at once, in no more memory than cached data take.
        size = np.prod(self.dataset.image_shape) * self.dataset.num_classes
        most = max(1, min(MOST_REAL, MOST_CACHED // int(size)))
        return self.dataset.class_images(class_id, most)

    def _nothing(self) -> list[np.ndarray]:
        """An empty array for every class."""
        return [np.empty((0, *self.dataset.image_shape), np.uint8)] * self.dataset.num_classes

    def _differences(self, model, real, random):
        """Differences of the codes of `pool` pairs of images, each of one class in `real`."""
        labels = random.choice(list(real), self.pool)
        pairs = np.empty((2, self.pool, *self.dataset.image_shape), np.uint8)
        for class_id in np.unique(labels):
            images, here = real[class_id], labels == class_id
            pairs[:, here] = images[random.integers(len(images), size=(2, here.sum()))]
        first, second = (model.encode(each, labels)[0] for each in pairs)
        return second - first

    def _drawn(self, class_id: int, count: int) -> Iterator[np.ndarray]:
        for number in range(ROUNDS):
            # Seeds of repetitions are small; each round has its own, far from theirs.
            yield self._generator.generate(count, class_id, self.seed + 1_000_000 * number)

    def _transferred(self, model: EncodingModel, class_id: int) -> Iterator[np.ndarray]:
        others = [c for c in self._present() if c != class_id]
        random = np.random.default_rng([self.seed, class_id])
        for _ in range(ROUNDS):
            images, labels = self._sampled(others, random)
            yield model.transfer(images, labels, class_id)

    def _sampled(self, classes, random):
        """About `pool` training images of some classes, evenly, without repeating one."""
        each = -(-self.pool // len(classes))
        found = [self._real(c) for c in classes]
        chosen = [images[random.permutation(len(images))[:each]] for images in found]
        return np.concatenate(chosen), np.repeat(classes, list(map(len, chosen)))

    def _filtered(self, rounds, class_id, count):
        """Takes rounds of images until enough have passed."""
        passed, made = [], 0
        for images in rounds:
            passed.append(images[self._agrees(images, class_id)])
            made += len(images)
            if sum(map(len, passed)) >= count:
                break
        images = np.concatenate(passed)
        name = self.dataset.class_names[class_id]
        self.kept_shares[name] = len(images) / made
        if len(images) == 0:
            raise TrainingFailed(f"the teacher confirmed no generated image of class {name}")
        return images[:count]

    def _agrees(self, images, class_id):
        logits = self.teacher().predict(to_float(images), batch_size=BATCH, verbose=0)
        probabilities = np.asarray(keras.ops.softmax(logits))
        agrees = probabilities.argmax(axis=1) == class_id
        return agrees & (probabilities[:, class_id] >= self.threshold)
