import numpy as np
import pytest
import tensorflow as tf

from kerasaug import data, plots
from kerasaug.data.streams import collect
from kerasaug.errors import InputError
from kerasaug.models import registry
from kerasaug.runtime import make_reproducible
from kerasaug.training import latent_map

CORNERS = [slice(2 * class_id, 2 * class_id + 3) for class_id in range(3)]
"""Rows and columns of the square of each class."""


def train(name, tiny, latent_dim):
    make_reproducible(0)
    options = {"n_critic": 1} if name == "conditional-vae-wgan" else {}
    vae = registry.create(name, (8, 8, 1), 3, width=8, latent_dim=latent_dim, **options)
    vae.compile_for_training(3e-3)
    history = vae.fit(
        tiny.batches(32, balanced=True), epochs=6, steps_per_epoch=75, verbose=0, shuffle=False
    ).history
    return vae, history


@pytest.fixture(scope="module")
def styled():
    """Like `tiny`, but a style, dark or light, brightens an image whatever its class."""

    def draw(count, seed):
        generator = np.random.default_rng(seed)
        labels = np.repeat(np.arange(3), count)
        images = generator.integers(0, 20, (len(labels), 8, 8, 1))
        images += generator.choice([0, 100], (len(labels), 1, 1, 1))
        for image, label in zip(images, labels, strict=True):
            image[CORNERS[label], CORNERS[label]] += 120
        return images.astype(np.uint8), labels

    return data.from_arrays(*draw(40, 1), *draw(20, 2), ("a", "b", "c"), "styled")


@pytest.fixture(
    scope="module",
    params=[
        "conditional-vae",
        pytest.param("conditional-vae-wgan", marks=pytest.mark.thorough),
    ],
)
def trained(styled, request):
    return train(request.param, styled, latent_dim=4)


@pytest.fixture(scope="module")
def plain(tiny):
    return train("vae", tiny, latent_dim=2)


def class_of(images):
    """The class of an image of `tiny`: where its bright square is."""
    corners = [images[:, corner, corner].mean(axis=(1, 2, 3)) for corner in CORNERS]
    return np.argmax(corners, axis=0)


def is_light(images):
    """The style of an image of `styled`."""
    return images[:, :3, 5:].mean(axis=(1, 2, 3)) > 60


def test_the_losses_fall_and_add_up(plain):
    _, history = plain
    assert history["loss"][-1] < history["loss"][0]
    total = np.add(history["reconstruction_loss"], history["kl_loss"])
    np.testing.assert_allclose(history["loss"], total, rtol=1e-4)


def test_reconstructions_resemble_their_images(trained, styled):
    vae, _ = trained
    images, labels = collect(styled.test)
    reconstructions = vae.reconstruct(images, labels)
    assert reconstructions.shape == images.shape
    assert reconstructions.dtype == np.uint8
    error = np.abs(reconstructions.astype(float) - images).mean()
    shuffled = np.abs(reconstructions[::-1].astype(float) - images).mean()
    assert error < 0.7 * shuffled


def test_latents_are_distributions(trained, styled):
    vae, _ = trained
    images, labels = collect(styled.test)
    mean, log_variance = vae.encode(images, labels)
    assert mean.shape == log_variance.shape == (60, 4)
    assert np.isfinite(log_variance).all()


def test_a_transfer_is_of_the_class_asked_for_in_the_style_of_its_image(trained, styled):
    vae, _ = trained
    images, labels = collect(styled.test)
    transferred = vae.transfer(images, labels, to_class=2)
    assert (class_of(transferred) == 2).mean() > 0.95
    assert (class_of(vae.generate(50, class_id=0, seed=1)) == 0).mean() > 0.9
    assert (is_light(images) == is_light(transferred)).mean() > 0.95


def test_a_perturbation_keeps_the_class_and_adds_the_difference_of_a_pair(trained, styled):
    vae, _ = trained
    images, labels = collect(styled.test)
    zeros = np.zeros_like(vae.encode(images, labels)[0])
    np.testing.assert_array_equal(vae.perturb(images, labels, zeros, scale=0.5), images)
    light = is_light(images)
    dark, bright, base = (
        images[(labels == class_id) & style]
        for class_id, style in ((0, ~light), (0, light), (2, ~light))
    )
    count = min(len(dark), len(bright), len(base))
    dark, bright, base = dark[:count], bright[:count], base[:count]
    differences = vae.encode(bright, 0)[0] - vae.encode(dark, 0)[0]
    np.testing.assert_array_equal(vae.perturb(base, 2, differences, scale=0.0), base)
    half, full = (vae.perturb(base, 2, differences, scale).astype(float) for scale in (0.5, 1.0))
    assert (class_of(half) == 2).all()
    assert (class_of(full) == 2).all()
    assert is_light(full).mean() > 0.9
    assert 0 < np.abs(half - base).mean() < np.abs(full - base).mean()
    labels, rows = np.array([2, 0, 2]), np.arange(count) % 3
    expected = vae.perturb(base[rows], labels[rows], differences, 1.0).astype(float)
    perturbed = vae.perturb(base[:3], labels, differences, 1.0, rows)
    np.testing.assert_allclose(perturbed, expected, atol=1)


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


def test_an_unconditional_one_makes_the_class_asked_for(plain):
    """From a normal distribution that followed the latents of the class."""
    for class_id in range(3):
        assert (class_of(plain[0].generate(100, class_id, seed=1)) == class_id).mean() > 0.9


def test_the_distribution_of_a_class_is_that_of_its_latents():
    vae = registry.create("vae", (8, 8, 1), 2, width=4, latent_dim=2)
    generator = np.random.default_rng(0)
    means = np.array([[1.0, -2.0], [0.0, 3.0]])
    roots = np.array([[[1.0, 0.0], [0.5, 0.2]], [[0.1, 0.0], [0.0, 2.0]]])
    update = tf.function(vae._update_latent_statistics)
    for _ in range(1500):
        labels = generator.integers(0, 2, 16)
        noise = generator.normal(size=(16, 2, 1))
        latents = (means[labels] + (roots[labels] @ noise)[..., 0]).astype(np.float32)
        update(tf.constant(latents), tf.constant(labels, tf.int32))
    estimated, estimated_roots = map(np.asarray, vae._latent_distribution([0, 1]))
    np.testing.assert_allclose(estimated, means, atol=0.2)
    covariances = estimated_roots @ estimated_roots.swapaxes(1, 2)
    np.testing.assert_allclose(covariances, roots @ roots.swapaxes(1, 2), rtol=0.15, atol=0.1)


def test_latents_that_are_no_styles_are_not_transferred(plain, tiny):
    with pytest.raises(InputError, match="needs a conditional model"):
        plain[0].transfer(collect(tiny.test)[0], 0, to_class=1)
    with pytest.raises(InputError, match="latent_dim"):
        registry.create("vae", (8, 8, 1), 3, latent_dim=1)


@pytest.fixture
def maps(monkeypatch):
    """Points and labels of the maps that are drawn, by title."""
    maps = {}
    draw = plots.latent_map

    def record(points, labels, names, rare, limits, title):
        maps[title] = (points, labels)
        return draw(points, labels, names, rare, limits, title)

    monkeypatch.setattr(plots, "latent_map", record)
    return maps


def test_a_map_of_two_dimensions_is_drawn_as_it_is(plain, maps, tiny, tmp_path):
    vae, _ = plain
    latent_map.write(vae, tiny, tmp_path)
    for title, stream in (("training images", tiny.train), ("test images", tiny.test)):
        images, labels = collect(stream)
        points, classes = maps[title]
        order = np.argsort(labels, kind="stable")
        np.testing.assert_array_equal(classes, labels[order])
        np.testing.assert_allclose(points, vae.encode(images)[0][order], atol=1e-4)


def test_latents_of_more_dimensions_are_projected(trained, maps, styled, tmp_path):
    vae, _ = trained
    latent_map.write(vae, styled, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(latent_map.PICTURES)
    assert [points.shape for points, _ in maps.values()] == [(120, 2), (60, 2)]
