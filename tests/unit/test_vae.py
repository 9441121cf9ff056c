import numpy as np
import pytest
import tensorflow as tf

from kerasaug import data, latent_map
from kerasaug.data.streams import collect
from kerasaug.errors import InputError
from kerasaug.models import registry
from kerasaug.reproducibility import make_reproducible


def train(name, tiny, latent_dim):
    make_reproducible(0)
    options = {"n_critic": 1} if registry.MODELS[name].adversarial else {}
    vae = registry.create(name, (8, 8, 1), 3, width=8, latent_dim=latent_dim, **options)
    vae.compile_for_training(3e-3)
    history = vae.fit(
        tiny.batches(32, balanced=True), epochs=6, steps_per_epoch=75, verbose=0, shuffle=False
    ).history
    return vae, history


@pytest.fixture(scope="module")
def styled():
    """Like `tiny`, but the square of an image is as bright as its style, whatever its class."""

    def draw(count, seed):
        generator = np.random.default_rng(seed)
        labels = np.repeat(np.arange(3), count)
        images = generator.integers(0, 20, (len(labels), 8, 8, 1))
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 3, 2 * label : 2 * label + 3] += generator.choice(
                [60, 220]
            )
        return images.astype(np.uint8), labels

    return data.from_arrays(*draw(40, 1), *draw(20, 2), ("a", "b", "c"), "styled")


@pytest.fixture(scope="module", params=["conditional-vae", "conditional-vae-wgan"])
def trained(styled, request):
    return train(request.param, styled, latent_dim=4)


@pytest.fixture(scope="module")
def plain(tiny):
    return train("vae", tiny, latent_dim=2)


def bright(images):
    """The class of an image of `tiny`: where its bright square is."""
    corners = [
        images[:, 2 * k : 2 * k + 3, 2 * k : 2 * k + 3].mean(axis=(1, 2, 3)) for k in range(3)
    ]
    return np.argmax(corners, axis=0)


def test_the_losses_fall_and_add_up(plain):
    _, history = plain
    assert history["loss"][-1] < history["loss"][0]
    total = np.add(history["reconstruction_loss"], history["kl_loss"])
    np.testing.assert_allclose(history["loss"], total, rtol=1e-4)


def test_reconstructions_resemble_their_images(trained, styled):
    vae, _ = trained
    images, labels = collect(styled.test)
    rebuilt = vae.reconstruct(images, labels)
    assert rebuilt.shape == images.shape
    assert rebuilt.dtype == np.uint8
    error = np.abs(rebuilt.astype(float) - images).mean()
    shuffled = np.abs(rebuilt[::-1].astype(float) - images).mean()
    assert error < 0.7 * shuffled


def test_codes_are_distributions(trained, styled):
    vae, _ = trained
    images, labels = collect(styled.test)
    mean, log_variance = vae.encode(images, labels)
    assert mean.shape == log_variance.shape == (60, 4)
    assert np.isfinite(log_variance).all()


def test_a_transfer_is_of_the_class_asked_for_in_the_style_of_its_image(trained, styled):
    vae, _ = trained
    images, labels = collect(styled.test)
    made = vae.transfer(images, labels, to_class=2)
    assert (bright(made) == 2).mean() > 0.95
    assert (bright(vae.generate(50, class_id=0, seed=1)) == 0).mean() > 0.9
    ours, theirs = (each.max(axis=(1, 2, 3)) > 150 for each in (images, made))
    for class_id in range(3):
        # In so short a training, what is bright in one class may still be dark in another.
        agree = (ours == theirs)[labels == class_id].mean()
        assert max(agree, 1 - agree) > 0.9
    assert ours.any()
    assert not ours.all()
    assert theirs.any()
    assert not theirs.all()


def test_a_variation_keeps_the_class_and_takes_over_the_difference_of_a_pair(trained, styled):
    vae, _ = trained
    images, labels = collect(styled.test)
    nothing = np.zeros_like(vae.encode(images, labels)[0])
    np.testing.assert_array_equal(vae.vary(images, labels, nothing, strength=0.5), images)
    other = [images[(labels == 0) & bright_style] for bright_style in _brightness(images)]
    count = min(map(len, other))
    dark, light = (each[:count] for each in other)
    base = images[(labels == 2) & _brightness(images)[0]][:count]
    count = min(count, len(base))
    differences = vae.encode(light[:count], 0)[0] - vae.encode(dark[:count], 0)[0]
    np.testing.assert_array_equal(vae.vary(base, 2, differences, strength=0.0), base)
    changed = [vae.vary(base, 2, differences, strength).astype(float) for strength in (0.5, 1.0)]
    assert all((bright(each) == 2).all() for each in changed)
    assert 0 < np.abs(changed[0] - base).mean() < np.abs(changed[1] - base).mean()
    labels, which = np.array([2, 0, 2]), np.arange(count) % 3
    each = vae.vary(base[which], labels[which], differences, 1.0).astype(float)
    np.testing.assert_allclose(vae.vary(base[:3], labels, differences, 1.0, which), each, atol=1)


def _brightness(images):
    light = images.max(axis=(1, 2, 3)) > 150
    return ~light, light


def test_classes_that_are_not_there_are_refused(trained, styled):
    vae, _ = trained
    images, labels = collect(styled.test)
    for wrong in (-1, 3):
        with pytest.raises(InputError, match="class_id"):
            vae.transfer(images, labels, to_class=wrong)
        with pytest.raises(InputError, match="class_id"):
            vae.encode(images, np.full(len(images), wrong))
    with pytest.raises(InputError, match="at least one"):
        vae.encode(images[:0])
    with pytest.raises(InputError, match="uint8"):
        vae.encode(images / 255.0)


def test_one_that_is_told_no_classes_makes_the_class_asked_for(plain):
    """From a normal distribution that followed the codes of the class."""
    plain, _ = plain
    for class_id in range(3):
        assert (bright(plain.generate(100, class_id, seed=1)) == class_id).mean() > 0.9


def test_the_distribution_of_a_class_is_that_of_its_codes():
    vae = registry.create("vae", (8, 8, 1), 2, width=4, latent_dim=2)
    generator = np.random.default_rng(0)
    means = np.array([[1.0, -2.0], [0.0, 3.0]])
    roots = np.array([[[1.0, 0.0], [0.5, 0.2]], [[0.1, 0.0], [0.0, 2.0]]])
    for _ in range(1500):
        labels = generator.integers(0, 2, 16)
        noise = generator.normal(size=(16, 2, 1))
        codes = means[labels] + (roots[labels] @ noise)[..., 0]
        vae._follow_codes(tf.constant(codes, tf.float32), tf.constant(labels, tf.int32))
    found, found_roots = (np.asarray(each) for each in vae._code_distribution([0, 1]))
    np.testing.assert_allclose(found, means, atol=0.2)
    covariances, expected = found_roots @ found_roots.swapaxes(1, 2), roots @ roots.swapaxes(1, 2)
    np.testing.assert_allclose(covariances, expected, rtol=0.15, atol=0.1)


def test_codes_that_are_no_styles_are_not_transferred(plain, tiny):
    with pytest.raises(InputError, match="told the classes"):
        plain[0].transfer(collect(tiny.test)[0], 0, to_class=1)
    with pytest.raises(InputError, match="latent_dim"):
        registry.create("vae", (8, 8, 1), 3, latent_dim=1)


@pytest.fixture
def drawn(monkeypatch):
    found = {}
    real = latent_map.plots.latent_map

    def record(points, labels, names, rare, limits, title):
        found[title] = (points, labels)
        return real(points, labels, names, rare, limits, title)

    monkeypatch.setattr(latent_map.plots, "latent_map", record)
    return found


def test_a_map_of_two_dimensions_is_drawn_as_it_is(plain, drawn, tiny, tmp_path):
    vae, _ = plain
    latent_map.write(vae, tiny, tmp_path)
    for title, stream in (("training images", tiny.train), ("test images", tiny.test)):
        images, labels = collect(stream)
        points, classes = drawn[title]
        order = np.argsort(labels, kind="stable")
        np.testing.assert_array_equal(classes, labels[order])
        np.testing.assert_allclose(points, vae.encode(images)[0][order], atol=1e-4)


def test_codes_of_more_dimensions_are_projected(trained, drawn, styled, tmp_path):
    vae, _ = trained
    latent_map.write(vae, styled, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"train.png", "test.png", "plane.png"}
    assert [points.shape for points, _ in drawn.values()] == [(120, 2), (60, 2)]
