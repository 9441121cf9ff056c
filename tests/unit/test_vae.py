import numpy as np
import pytest

from kerasaug.data.dataset import collect
from kerasaug.models import registry
from kerasaug.reproducibility import make_reproducible


@pytest.fixture(scope="module")
def trained(tiny):
    make_reproducible(0)
    vae = registry.create("conditional-vae", (8, 8, 1), 3, width=8, latent_dim=4)
    vae.compile_for_training(3e-3)
    history = vae.fit(
        tiny.batches(32, balanced=True), epochs=4, steps_per_epoch=75, verbose=0, shuffle=False
    ).history
    return vae, history


def bright(images):
    """The class of an image of `tiny`: where its bright square is."""
    corners = [
        images[:, 2 * k : 2 * k + 3, 2 * k : 2 * k + 3].mean(axis=(1, 2, 3)) for k in range(3)
    ]
    return np.argmax(corners, axis=0)


def test_the_losses_fall_and_add_up(trained):
    _, history = trained
    assert history["loss"][-1] < history["loss"][0]
    total = np.add(history["reconstruction_loss"], history["kl_loss"])
    np.testing.assert_allclose(history["loss"], total, rtol=1e-4)


def test_reconstructions_resemble_their_images(trained, tiny):
    vae, _ = trained
    images, labels = collect(tiny.test)
    rebuilt = vae.reconstruct(images, labels)
    assert rebuilt.shape == images.shape
    assert rebuilt.dtype == np.uint8
    error = np.abs(rebuilt.astype(float) - images).mean()
    shuffled = np.abs(rebuilt[::-1].astype(float) - images).mean()
    assert error < 0.7 * shuffled


def test_codes_are_distributions(trained, tiny):
    vae, _ = trained
    images, labels = collect(tiny.test)
    mean, log_variance = vae.encode(images, labels)
    assert mean.shape == log_variance.shape == (60, 4)
    assert np.isfinite(log_variance).all()


def test_a_transfer_is_of_the_class_asked_for(trained, tiny):
    vae, _ = trained
    images, labels = collect(tiny.test)
    made = vae.transfer(images, labels, to_class=2)
    assert (bright(made) == 2).mean() > 0.95
    assert (bright(vae.generate(50, class_id=0, seed=1)) == 0).mean() > 0.95
