"""`GenerativeOverSampler`: generated images the way that imbalanced-learn adds samples."""

import math
import random
from typing import Any

import keras
import numpy as np
from imblearn.over_sampling.base import BaseOverSampler
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions

from kerasaug.data.readers import arrays, pixel_ranges
from kerasaug.data.readers.pixel_ranges import PixelRange
from kerasaug.models.registry import MODELS
from kerasaug.runtime import best_dtype_policy, make_reproducible
from kerasaug.training import fit
from kerasaug.training.config import GENERATOR_PRESETS, GeneratorConfig


class GenerativeOverSampler(BaseOverSampler):
    """Fills classes up with images of a generative model that is trained on the same data.

    Args:
        model: A key of `models.registry.MODELS`. One that learns a single class is trained anew for
            every class.
        sampling_strategy: Which classes get how many images, as in imbalanced-learn: a text such as
            `"auto"` or `"minority"`, a ratio, a dict or a function of `y`.
        image_shape: `(height, width, channels)` of flat rows, sides from 8; not needed for arrays
            (n, height, width, channels).
        preset: A key of `training.config.GENERATOR_PRESETS`: the size of the model and the length
            of its training.
        random_state: Of the initial weights, the order of the data and the images: an int, a
            `numpy.random.RandomState`, or None.

    Attributes:
        sampling_strategy_: By class, how many images were added.
        n_features_in_: Values per image.

    `fit_resample(x, y)` takes images (n, height, width, channels) or flat rows (n, features), and
    labels (n,). It returns both unchanged, with the generated images and their labels appended.

    Pixels may be of any numeric type. The model learns from uint8: uint8 as it is, other numbers
    with their range scaled to 0 to 255 (see `pixel_ranges.find`; standardised ones by their lowest
    and highest value). Generated images are scaled back to that range and type, and no pixel is
    darker or brighter than all of the real ones.

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
        # imbalanced-learn takes flat rows only.
        shape = np.shape(x)
        flat = np.reshape(x, (shape[0], -1)) if len(shape) == 4 else x
        flat, y, one_against_all = super()._check_X_y(flat, y, accept_sparse=False)
        return (flat.reshape(shape) if len(shape) == 4 else flat), y, one_against_all

    def _fit_resample(self, x, y):
        image_shape = x.shape[1:] if x.ndim == 4 else self.image_shape
        if image_shape is None:
            raise ValueError(f"flat rows need `image_shape`. Received: x of shape {x.shape}")
        image_shape, size = tuple(image_shape), math.prod(x.shape[1:])
        if len(image_shape) != 3 or math.prod(image_shape) != size:
            raise ValueError(
                f"`image_shape` must be (height, width, channels) of {size} values. "
                f"Received: image_shape={image_shape}"
            )
        counts = {label: count for label, count in self.sampling_strategy_.items() if count > 0}
        if not counts:
            return x.copy(), y.copy()
        filled = _pixel_range(x)
        pixels = x if x.dtype == np.uint8 else filled.to_uint8(x)
        classes, class_ids = np.unique(y, return_inverse=True)
        splits = {"train": (pixels.reshape(-1, *image_shape), class_ids)}
        generated = self._generate(
            arrays.from_splits(splits, classes, "arrays"),
            {int(np.searchsorted(classes, label)): count for label, count in counts.items()},
        )
        generated = filled.from_uint8(generated.reshape(-1, *x.shape[1:]))
        generated = np.clip(generated, x.min(), x.max())
        if not np.issubdtype(x.dtype, np.floating):
            generated = np.rint(generated)
        labels = np.repeat(list(counts), list(counts.values())).astype(y.dtype)
        return np.concatenate([x, generated.astype(x.dtype)]), np.concatenate([y, labels])

    def _generate(self, dataset, counts):
        """Generates uint8 images by `counts` of class indices, in their order."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        policy = keras.config.dtype_policy()
        numpy_state, python_state = np.random.get_state(), random.getstate()
        images, model = [], None
        try:
            for class_id, count in counts.items():
                if model is None or not MODELS[self.model].all_classes:
                    model = self._train(dataset.naming_rare([class_id]), seed)
                images.append(model.generate(count, class_id, seed))
        finally:
            keras.config.set_dtype_policy(policy)
            np.random.set_state(numpy_state)
            random.setstate(python_state)
        return np.concatenate(images)

    def _train(self, dataset, seed):
        config = GeneratorConfig(
            model=self.model,
            dataset=dataset.name,
            seed=seed,
            precision=best_dtype_policy(),
            **GENERATOR_PRESETS[self.preset].of(self.model, dataset.image_shape)._asdict(),
        )
        keras.config.set_dtype_policy(config.precision)
        make_reproducible(seed)
        model = fit.new_model(config, dataset)
        fit.fit(model, config, dataset)
        return model

    def __sklearn_tags__(self):
        """What scikit-learn's checks may expect: everything but sparse matrices."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags


def _pixel_range(x: np.ndarray) -> PixelRange:
    if x.dtype == np.uint8:
        return PixelRange(0.0, 255.0)
    lowest, highest = float(x.min()), float(x.max())
    standardised = PixelRange(lowest, highest if highest > lowest else lowest + 1.0)
    return pixel_ranges.find([x]) or standardised
