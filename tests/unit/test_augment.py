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


@pytest.mark.parametrize("name", augment.AUGMENTATIONS)
def test_augmentations_are_pure_functions_of_the_seed(name):
    change, images = augment.AUGMENTATIONS[name](), tf.constant(photo())
    once, other = (change(images, seed).numpy() for seed in ([1, 2], [1, 3]))
    keras.utils.set_random_seed(5)
    again = [built(images, [1, 2]).numpy() for built in (change, augment.AUGMENTATIONS[name]())]
    assert once.dtype == np.uint8
    assert once.shape == images.shape
    for images in again:
        np.testing.assert_array_equal(once, images)
    assert not np.array_equal(once, other)
    same = np.repeat(photo(1), 12, axis=0)
    assert len(np.unique(change(tf.constant(same), [0, 0]).numpy().reshape(12, -1), axis=0)) > 6


@pytest.mark.parametrize("name", augment.AUGMENTATIONS)
def test_a_stream_is_augmented_alike_at_every_pass_and_in_parallel_calls(name):
    change, images = augment.AUGMENTATIONS[name](), photo()

    seeds = tf.data.Dataset.from_tensor_slices([[7, number] for number in range(4)])
    stream = seeds.map(lambda seed: change(images, seed), num_parallel_calls=4)
    first, second = (np.stack(list(stream.as_numpy_iterator())) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first.reshape(4, -1), axis=0)) == 4
    np.testing.assert_array_equal(first[2], change(images, [7, 2]))


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 20, 1), (96, 96, 3)])
@pytest.mark.parametrize("name", augment.AUGMENTATIONS)
def test_augmentations_take_grey_and_coloured_images_of_any_size(name, shape):
    images = np.random.default_rng(0).integers(0, 256, (24, *shape)).astype(np.uint8)
    change = augment.AUGMENTATIONS[name]()
    stream = tf.data.Dataset.from_tensors(images).map(lambda batch: change(batch, [3, 4]))
    changed = stream.get_single_element().numpy()
    assert changed.dtype == np.uint8
    assert changed.shape == images.shape
    assert (changed != images).any(axis=(1, 2, 3)).mean() > 0.5


def test_the_mirrored_are_half_of_the_images_and_the_shift_is_small():
    images = np.zeros((400, 20, 20, 1), np.uint8)
    images[:, :, 3:5] = 255
    columns = (
        augment.AUGMENTATIONS["flip-shift"]()(images, [0, 1])
        .numpy()
        .sum(axis=(1, 3))
        .argmax(axis=1)
    )
    mirrored = columns > 10
    assert mirrored.mean() == pytest.approx(0.5, abs=0.1)
    assert set(columns[~mirrored]) <= {2, 3, 4, 5}
    assert set(columns[mirrored]) <= {14, 15, 16, 17}


def test_layers_that_shift_repeat_the_border():
    white = np.full((16, 16, 16, 1), 255, np.uint8)
    for name in ("shift", "flip-shift"):
        np.testing.assert_array_equal(augment.AUGMENTATIONS[name]()(white, [0, 1]), white)


def test_half_of_the_images_have_a_rectangle_of_noise():
    grey = np.full((400, 16, 16, 3), 128, np.uint8)
    changed = augment.AUGMENTATIONS["flip-shift-erasing"]()(grey, [0, 1]).numpy() != 128
    erased = changed.any(axis=(1, 2, 3))
    assert erased.mean() == pytest.approx(0.5, abs=0.1)
    for pixels in changed[erased][:50].any(axis=3):
        rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
        assert pixels.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


def test_randaugment_draws_operations_for_every_image():
    images = np.repeat(photo(1), 100, axis=0)
    changed = (
        tf.function(augment.AUGMENTATIONS["randaugment"]())(images, [0, 1]).numpy().reshape(100, -1)
    )
    assert len(np.unique(changed, axis=0)) > 60
    # Twice the identity is drawn for one image of 144.
    assert (changed == photo(1).reshape(1, -1)).all(axis=1).mean() < 0.1


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
