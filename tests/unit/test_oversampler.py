import numpy as np
import pytest
from imblearn.pipeline import make_pipeline
from imblearn.utils import estimator_checks
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils._param_validation import InvalidParameterError

import kerasaug as ka
from kerasaug.data import augment
from kerasaug.training.config import GENERATOR_PRESETS, GeneratorPreset

SHAPE = (8, 8, 1)


class PaddedOverSampler(ka.GenerativeOverSampler):
    """imbalanced-learn's checks have rows of up to 20 features: here an image's first pixels."""

    def _fit_resample(self, x, y):
        padded = np.zeros((len(x), 64), x.dtype)
        padded[:, : x.shape[1]] = x
        rows, labels = super()._fit_resample(padded, y)
        return rows[:, : x.shape[1]], labels


def sampler(model="conditional-vae", **options):
    return ka.GenerativeOverSampler(model, preset="smoke", random_state=0, **options)


@pytest.fixture(autouse=True, scope="module")
def short_training(eagerly):
    """Two steps: nothing here depends on how good the images are."""
    preset = GeneratorPreset(steps=2, batch_size=8, width=4, learning_rate=1e-3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(GENERATOR_PRESETS, "smoke", preset)
        # Nor on what is augmented, which takes longer to prepare than the steps.
        patch.setattr(augment, "affine", lambda images, seed: images)
        yield


@pytest.fixture(scope="module")
def images():
    """Two classes of 8x8 images, one bright on the left and one on the right, 20 and 8."""
    x = np.random.default_rng(0).integers(0, 80, (28, *SHAPE)).astype(np.uint8)
    y = np.repeat(["left", "right"], [20, 8])
    x[y == "left", :, :4] += 150
    x[y == "right", :, 4:] += 150
    # The whole range.
    x[0, 0, 0] = 0
    x[0, 0, 1] = 255
    return x, y


@pytest.fixture(scope="module")
def balanced(images, short_training):
    """What the sampler makes of them."""
    return sampler().fit_resample(*images)[0]


CHECKS = list(
    estimator_checks.estimator_checks_generator(
        PaddedOverSampler("conditional-vae", preset="smoke", image_shape=SHAPE, random_state=0)
    )
)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("estimator", "check"), CHECKS, ids=[check.func.__name__ for _, check in CHECKS]
)
def test_it_keeps_the_contract_of_imbalanced_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("model", ["conditional-vae", "conditional-wgan", "wgan"])
def test_it_fills_every_class_up(images, model):
    x, y = images
    balanced, labels = sampler(model).fit_resample(x, y)
    np.testing.assert_array_equal(balanced[:28], x)
    np.testing.assert_array_equal(labels, [*y, *["right"] * 12])
    assert (balanced.shape, balanced.dtype) == ((40, *SHAPE), np.uint8)
    assert len(np.unique(balanced[28:].reshape(12, -1), axis=0)) == 12


def test_same_random_state_same_images_and_the_global_one_is_left_alone(images, balanced):
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    again, _ = sampler().fit_resample(*images)
    assert np.random.random() == expected
    np.testing.assert_array_equal(again, balanced)
    other, _ = sampler().set_params(random_state=1).fit_resample(*images)
    assert (other != balanced).any()


def test_flat_rows_are_the_same_images(images, balanced):
    x, y = images
    rows, _ = sampler(image_shape=SHAPE).fit_resample(x.reshape(28, -1), y)
    np.testing.assert_array_equal(rows.reshape(-1, *SHAPE), balanced)


@pytest.mark.parametrize("scale", [1 / 255, 257.0])
def test_other_ranges_come_back_as_they_were(images, balanced, scale):
    x, y = images
    scaled, _ = sampler().fit_resample(x * scale, y)
    assert scaled.dtype == np.float64
    np.testing.assert_allclose(scaled, balanced * scale, atol=1e-9)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("scale", "dtype", "change"),
    [
        (1 / 255, np.float32, {"most": 1.0000002}),
        (1, np.float32, {"most": 255.00006}),
        (1 / 255, np.float32, {"least": -1e-7}),
        (16, np.uint16, {}),
        (4, np.int32, {}),
    ],
)
def test_what_it_adds_lies_between_the_extremes_of_the_real_ones(
    images, balanced, scale, dtype, change
):
    x, y = images
    x = (x * scale).astype(dtype)
    x.flat[x.argmax()] = change.get("most", x.max())
    x.flat[x.argmin()] = change.get("least", x.min())
    result, _ = sampler().fit_resample(x, y)
    assert result.dtype == dtype
    new, expected = result[28:], balanced[28:] * scale
    assert x.min() <= new.min() and new.max() <= x.max()
    # As bright as those that bytes give.
    np.testing.assert_allclose(new.mean(), expected.mean(), rtol=0.2)


def test_bytes_are_no_brighter_than_the_real_ones(images):
    x, y = images
    assert sampler().fit_resample(x // 4, y)[0].max() <= 63


def test_boolean_pixels_stay_boolean(images):
    x, y = images
    balanced, _ = sampler().fit_resample(x > 128, y)
    assert balanced.dtype == bool
    assert 0.1 < balanced[28:].mean() < 0.9


def test_images_that_are_all_alike_do_not_break_it(images):
    _, y = images
    balanced, _ = sampler().fit_resample(np.full((28, *SHAPE), -3.0), y)
    assert np.isfinite(balanced).all()


def test_standardised_rows_stay_in_their_range(images):
    x, y = images
    rows = (x.reshape(28, -1) - x.mean()) / x.std()
    balanced, _ = sampler(image_shape=SHAPE).fit_resample(rows, y)
    assert balanced.min() >= rows.min() - 1e-9
    assert balanced.max() <= rows.max() + 1e-9


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("minority", 20), ({"right": 11}, 11), (0.5, 10), (lambda y: {"right": 9}, 9)],
)
def test_it_takes_the_strategies_of_imbalanced_learn(images, strategy, expected):
    _, labels = sampler(sampling_strategy=strategy).fit_resample(*images)
    assert (labels == "right").sum() == expected


def test_it_works_in_a_pipeline(images):
    x, y = images
    pipeline = make_pipeline(sampler(image_shape=SHAPE), LogisticRegression())
    rows = x.reshape(28, -1) / 255
    assert clone(pipeline).fit(rows, y).score(rows, y) == 1.0


def test_invalid_parameters_are_refused(images):
    x, y = images
    rows = x.reshape(28, -1)
    for estimator, samples, words in (
        (sampler(), rows, "flat rows need `image_shape`"),
        (sampler(image_shape=(8, 9, 1)), rows, "of 64 values"),
        (sampler("nosuch"), x, "'model' parameter"),
        (sampler(sampling_strategy={"right": 3}), x, "greater or equal"),
    ):
        with pytest.raises((ValueError, InvalidParameterError), match=words):
            estimator.fit_resample(samples, y)
