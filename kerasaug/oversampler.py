"""`GenerativeOverSampler`: generated images the way that imbalanced-learn adds samples."""

import math
import random
from typing import Any

import keras
import numpy as np
from imblearn.over_sampling.base import BaseOverSampler
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions

from kerasaug import fitting, precision
from kerasaug.data import arrays
from kerasaug.data.held import blocks
from kerasaug.models.registry import MODELS
from kerasaug.presets import GENERATOR_PRESETS
from kerasaug.reproducibility import make_reproducible


class GenerativeOverSampler(BaseOverSampler):
    """Fills classes up with images from a generative model that is trained on the data given.

    Args:
        model: A key of `models.registry.MODELS`. One that learns a single class is trained anew for
            each.
        sampling_strategy: Which classes get how many images, in imbalanced-learn's words: a text
            such as `"auto"` or `"minority"`, a ratio, a dict or a function of `y`.
        image_shape: `(height, width, channels)` of flat rows, sides from 8; not needed for arrays
            (n, height, width, channels).
        preset: A key of `presets.GENERATOR_PRESETS`: how large the model is, and how long it is
            trained.
        random_state: Of the initial weights, the order of the data and the images: an int, a
            `numpy.random.RandomState`, or None.

    Attributes:
        sampling_strategy_: By class, how many images were added.
        n_features_in_: Values per image.

    `fit_resample(x, y)` takes images (n, height, width, channels) or flat rows (n, features), and
    labels (n,); it returns both with the generated ones at the end.

    Pixels may be of any numeric type. The model sees uint8: uint8 as it is, other numbers with
    their range brought to 0 to 255 (see `arrays.RANGES`; standardised ones by their lowest and
    highest value); generated images are brought back to that range and type. Samples that were
    given come first and stay as they are.

    Training calls `keras.utils.clear_session`, sets Keras' and TensorFlow's random seed, and makes
    TensorFlow's operations deterministic for the rest of the process.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).integers(0, 255, (30, 8, 8, 1)).astype(np.uint8)
        >>> y = np.repeat([0, 1], [20, 10])
        >>> sampler = GenerativeOverSampler(preset="smoke", random_state=0)
        >>> x_balanced, y_balanced = sampler.fit_resample(x, y)
        >>> np.bincount(y_balanced).tolist()
        [20, 20]
    """

    _parameter_constraints = {
        **BaseOverSampler._parameter_constraints,
        "model": [StrOptions(set(MODELS))],
        "image_shape": ["array-like", None],
        "preset": [StrOptions(set(GENERATOR_PRESETS))],
    }

    def __init__(
        self,
        model: str = "conditional-wgan",
        *,
        sampling_strategy: Any = "auto",
        image_shape: tuple[int, int, int] | None = None,
        preset: str = "quick",
        random_state: Any = None,
    ):
        super().__init__(sampling_strategy=sampling_strategy)
        self.model = model
        self.image_shape = image_shape
        self.preset = preset
        self.random_state = random_state

    def _check_X_y(self, x, y):
        # imbalanced-learn knows rows alone.
        shape = np.shape(x)
        rows = np.reshape(x, (shape[0], -1)) if len(shape) == 4 else x
        rows, y, one_against_all = super()._check_X_y(rows, y, accept_sparse=False)
        return (rows.reshape(shape) if len(shape) == 4 else rows), y, one_against_all

    def _fit_resample(self, x, y):
        rows = x.reshape(len(x), -1)
        shape = x.shape[1:] if x.ndim == 4 else self.image_shape
        if shape is None:
            raise ValueError(f"flat rows need `image_shape`. Received: x of shape {x.shape}")
        shape = tuple(shape)
        if len(shape) != 3 or math.prod(shape) != rows.shape[1]:
            raise ValueError(
                f"`image_shape` must be (height, width, channels) of {rows.shape[1]} values. "
                f"Received: image_shape={shape}"
            )
        wanted = {label: count for label, count in self.sampling_strategy_.items() if count > 0}
        if not wanted:
            return x.copy(), y.copy()
        low, high = _range(x)
        pixels = x
        if x.dtype != np.uint8:
            pixels = np.rint((x - np.float32(low)) * (255.0 / (high - low))).astype(np.uint8)
        classes, numbers = np.unique(y, return_inverse=True)
        training_split = blocks(pixels.reshape(-1, *shape)), numbers
        made = self._generate(
            arrays.of_splits({"train": training_split}, classes, "arrays"),
            {int(np.searchsorted(classes, label)): count for label, count in wanted.items()},
        )
        back = made.reshape(len(made), *x.shape[1:]) * ((high - low) / 255.0) + low
        if not np.issubdtype(x.dtype, np.floating):
            back = np.rint(back)
        labels = np.repeat(list(wanted), list(wanted.values())).astype(y.dtype)
        return np.concatenate([x, back.astype(x.dtype)]), np.concatenate([y, labels])

    def _generate(self, dataset, counts):
        """Images of some classes, in their order."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        policy = keras.config.dtype_policy()
        states = np.random.get_state(), random.getstate()
        entry, images, model = MODELS[self.model], [], None
        try:
            for class_id, count in counts.items():
                if model is None or not entry.all_classes:
                    model = self._trained(dataset.naming_rare([class_id]), seed)
                images.append(model.generate(count, class_id, seed))
        finally:
            keras.config.set_dtype_policy(policy)
            np.random.set_state(states[0])
            random.setstate(states[1])
        return np.concatenate(images)

    def _trained(self, dataset, seed):
        config = fitting.GeneratorConfig(
            model=self.model,
            dataset=dataset.name,
            seed=seed,
            precision=precision.best_dtype_policy(),
            **GENERATOR_PRESETS[self.preset].of(self.model)._asdict(),
        )
        keras.config.set_dtype_policy(config.precision)
        make_reproducible(seed)
        model = fitting.new_model(config, dataset)
        fitting.fit(model, config, dataset)
        return model

    def __sklearn_tags__(self):
        """What scikit-learn's checks may expect: everything but sparse matrices."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags


def _range(x: np.ndarray) -> tuple[float, float]:
    """The range of pixels that is brought to 0 to 255."""
    if x.dtype == np.uint8:
        return 0.0, 255.0
    lowest, highest = float(x.min()), float(x.max())
    known = arrays.pixel_range(lowest, highest)
    return known or (lowest, highest if highest > lowest else lowest + 1.0)
