import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasaug.data import augment


def photo(count=5, side=16):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3)).astype(np.uint8)


def transform(images, degrees=0.0, side=1.0, shift=(0.0, 0.0)):
    count = len(images)
    return augment._transform(
        images,
        tf.fill((count,), np.float32(np.deg2rad(degrees))),
        tf.fill((count,), np.float32(side)),
        tf.tile([np.float32(shift)], (count, 1)),
    ).numpy()


@pytest.mark.parametrize("change", augment.AUGMENTATIONS.values(), ids=augment.AUGMENTATIONS)
def test_augmentations_are_pure_functions_of_the_seed(change):
    images = tf.constant(photo())
    once, again, other = (change(images, seed).numpy() for seed in ([1, 2], [1, 2], [1, 3]))
    assert once.dtype == np.uint8
    assert once.shape == images.shape
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, other)
    same = np.repeat(photo(1), 4, axis=0)
    assert len(np.unique(change(tf.constant(same), [0, 0]).numpy().reshape(4, -1), axis=0)) == 4


def test_no_change_is_the_identity():
    np.testing.assert_array_equal(transform(photo()), photo())


def test_a_quarter_turn_is_exact():
    turned = np.rot90(photo(), axes=(1, 2))
    assert any(np.array_equal(transform(photo(), angle), turned) for angle in (90, -90))


def test_a_shift_moves_the_window_and_repeats_the_border():
    moved = transform(photo(), shift=(1 / 16, 0.0))
    np.testing.assert_array_equal(moved[:, :, :-1], photo()[:, :, 1:])
    np.testing.assert_array_equal(moved[:, :, -1], photo()[:, :, -1])


def test_a_smaller_window_enlarges():
    images = np.zeros((1, 16, 16, 1), np.uint8)
    images[:, 6:10, 6:10] = 255
    assert transform(images, side=0.5).sum() > 3 * images.sum()


def test_the_crop_stays_inside_the_image(monkeypatch):
    """Unturned, a white image stays white even where outside is black, but for a pixel's edge."""
    deform, transform = keras.ops.image.affine_transform, augment._transform

    def black_outside(images, matrices, **options):
        return deform(images, matrices, **{**options, "fill_mode": "constant", "fill_value": 0})

    def unturned(images, angle, side, offset):
        return transform(images, tf.zeros_like(angle), side, offset)

    monkeypatch.setattr(keras.ops.image, "affine_transform", black_outside)
    monkeypatch.setattr(augment, "_transform", unturned)
    images = tf.constant(np.full((64, 16, 16, 1), 255, np.uint8))
    assert augment.crop_rotate(images, [0, 1]).numpy().min() > 200
    assert augment.affine(images, [0, 1]).numpy().min() == 0
