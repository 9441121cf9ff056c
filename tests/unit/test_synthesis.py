import numpy as np
import pytest

from kerasaug.errors import TrainingFailed
from kerasaug.images import to_float
from kerasaug.study.synthesis import LABEL_CONFIDENCE, ROUNDS, Synthesizer

POOL = 20


class Folder:
    """A generator of images of random brightness, whose first pixel is the index of their class."""

    def __init__(self, encoder=None):
        self.encoder = encoder
        self.draws = []

    def load_encoder(self):
        return self.encoder

    def load_generator(self):
        return self

    def generate(self, count, class_id, seed):
        self.draws.append((class_id, seed))
        brightness = np.random.default_rng([seed, class_id]).integers(0, 256, count)
        images = np.tile(brightness[:, None, None, None], (1, 8, 8, 1)).astype(np.uint8)
        images[:, 0, 0] = class_id
        return images


class Encoder:
    """Returns images as they are, and records the calls."""

    def __init__(self):
        self.reconstructed, self.transfers, self.encoded, self.perturbations = {}, [], [], []

    def reconstruct(self, images, labels):
        (class_id,) = set(labels.tolist())
        self.reconstructed[class_id] = images
        return images

    def transfer(self, images, class_ids, to_class):
        self.transfers.append((set(class_ids.tolist()), to_class, len(images)))
        return images

    def encode(self, images, labels):
        self.encoded.append((images, labels))
        return images.reshape(len(images), -1).astype(np.float32), None

    def perturb(self, images, class_ids, differences, scale, rows):
        assert len(rows) == len(differences)
        self.perturbations.append((class_ids, differences, scale))
        return images[rows]


class BrightnessFilter:
    """Is the surer of an image's first pixel as its class, the brighter the rest of it is."""

    def predict(self, images, **options):
        images = np.asarray(images)
        class_ids = np.rint(images[:, 0, 0, 0]).astype(int)
        brightness = images[:, 1:, 1:].mean(axis=(1, 2, 3)) / 127.5 - 1.0
        return 4.0 * brightness[:, None] * np.eye(3)[class_ids]


class ConstantFilter:
    """Predicts the same of every image."""

    def __init__(self, *logits):
        self.logits = logits

    def predict(self, images, **options):
        return np.tile(self.logits, (len(images), 1))


def synthesizer(dataset, encoder=None, label_filter=None):
    """Makes one; without a label filter, it fails where it would read one."""
    result = Synthesizer(dataset, Folder(encoder), POOL, seed=3)
    if label_filter is not None:
        result._label_classifier = label_filter
    return result


def test_drawn_images_are_those_of_the_generator(tiny):
    images = synthesizer(tiny.cache()).draw(2, 30)
    np.testing.assert_array_equal(images, Folder().generate(30, 2, 3))


def test_only_images_whose_label_is_confirmed_are_used_until_there_are_enough(tiny):
    synthetic = synthesizer(tiny.cache(), label_filter=BrightnessFilter())
    pools = synthetic.class_balanced()
    assert [len(images) for images in pools] == [POOL] * 3
    # Where the softmax of (0, 0, 4 b) is the least that is asked for, far above a third.
    least = np.log(2.0 * LABEL_CONFIDENCE / (1.0 - LABEL_CONFIDENCE)) / 4.0
    share = (1.0 - least) / 2.0
    for class_id, images in enumerate(pools):
        assert to_float(images[:, 1:]).numpy().min() > least
        assert (images[:, 0, 0] == class_id).all()
        seeds = [seed for drawn_class, seed in synthetic.folder.draws if drawn_class == class_id]
        assert 2 <= len(set(seeds)) == len(seeds) <= ROUNDS
    expected = dict.fromkeys(("top", "middle", "bottom"), pytest.approx(share, abs=0.15))
    assert synthetic.acceptance_rates == expected


@pytest.mark.parametrize("logits", [(0.0, 0.0, 9.0), (0.6, 0.0, 0.0)])
def test_a_class_without_a_confirmed_image_ends_the_trial(tiny, logits):
    """Also where the class is the likeliest, and not likely enough."""
    synthetic = synthesizer(tiny.reduce({2: 3}).cache(), label_filter=ConstantFilter(*logits))
    with pytest.raises(TrainingFailed, match="confirmed no generated image of class top"):
        synthetic.class_balanced()
    assert synthetic.acceptance_rates == {"top": 0.0}
    assert len(synthetic.folder.draws) == ROUNDS


def test_styles_are_transferred_to_the_rare_class_and_the_others_reconstructed(tiny):
    reduced = tiny.reduce({2: 3}).cache()
    encoder = Encoder()
    synthetic = synthesizer(reduced, encoder, ConstantFilter(0.0, 0.0, 9.0))
    pools = synthetic.class_balanced()
    assert set(encoder.reconstructed) == {0, 1}
    for class_id in (0, 1):
        real = reduced.class_images(class_id)
        assert len(pools[class_id]) == POOL
        assert {x.tobytes() for x in pools[class_id]} <= {x.tobytes() for x in real}
    assert encoder.transfers == [({0, 1}, 2, POOL)]
    assert synthetic.acceptance_rates == {"bottom": 1.0}
    assert not synthetic.folder.draws


def test_real_images_are_perturbed_by_differences_within_classes_that_are_not_rare(tiny):
    reduced = tiny.reduce({2: 3}).cache()
    real = [{x.tobytes() for x in reduced.class_images(c)} for c in range(3)]
    encoder = Encoder()
    pools = synthesizer(reduced, encoder).latent_perturbation()
    assert [len(images) for images in pools] == [POOL] * 3
    assert all({x.tobytes() for x in pools[c]} <= real[c] for c in range(3))
    assert len({x.tobytes() for x in pools[2]}) == 3
    (first, labels), (second, second_labels) = encoder.encoded
    assert set(labels) == {0, 1}
    np.testing.assert_array_equal(labels, second_labels)
    for side in (first, second):
        assert all(x.tobytes() in real[c] for x, c in zip(side, labels, strict=True))
    assert (first != second).any(axis=(1, 2, 3)).mean() > 0.5
    assert [class_id for class_id, _, _ in encoder.perturbations] == [0, 1, 2]
    scales = [scale for _, _, scale in encoder.perturbations]
    assert scales[0] == scales[1] > scales[2] > 0
    for _, differences, _ in encoder.perturbations:
        assert (differences.reshape(second.shape) == second - first.astype(np.float32)).all()


@pytest.mark.parametrize(
    ("form", "encoder", "label_filter"),
    [
        ("latent_perturbation", Encoder, None),
        ("class_balanced", Encoder, ConstantFilter(0.0, 0.0, 9.0)),
        ("class_balanced", None, BrightnessFilter()),
    ],
)
def test_same_seed_same_images(tiny, form, encoder, label_filter):
    reduced = tiny.reduce({2: 3}).cache()
    first, second = (
        getattr(synthesizer(reduced, encoder and encoder(), label_filter), form)() for _ in range(2)
    )
    for pool, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(pool, other)
