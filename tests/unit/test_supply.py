import numpy as np
import pytest

from kerasaug.errors import TrainingFailed
from kerasaug.study.supply import ROUNDS, Supply

POOL = 20


class Folder:
    """A generator of images of random brightness; its model, if any, makes the images given."""

    def __init__(self, model=None):
        self.model = model
        self.seeds = []

    def load_encoder(self):
        return self.model

    def load_generator(self):
        return self

    def generate(self, count, class_id, seed):
        self.seeds.append(seed)
        brightness = np.random.default_rng([seed, class_id]).integers(0, 256, count)
        return np.tile(brightness[:, None, None, None], (1, 8, 8, 1)).astype(np.uint8)


class Styles:
    """Remembers what it rebuilt and what it carried over; the images stay as they are."""

    def __init__(self):
        self.rebuilt, self.carried, self.encoded = {}, [], []

    def reconstruct(self, images, labels):
        (class_id,) = set(labels.tolist())
        self.rebuilt[class_id] = images
        return images

    def transfer(self, images, labels, to_class):
        self.carried.append((set(labels.tolist()), to_class, len(images)))
        return images

    def encode(self, images, labels):
        self.encoded.append((images, labels))
        return images.reshape(len(images), -1).astype(np.float32), None

    def vary(self, images, class_id, differences, strength, which):
        assert len(which) == len(differences)
        self.carried.append((class_id, differences, strength))
        return images[which]


class Teacher:
    """Says class 2, the surer the brighter an image is."""

    def predict(self, images, **options):
        brightness = np.asarray(images).mean(axis=(1, 2, 3))
        return np.stack([np.zeros_like(brightness)] * 2 + [4.0 * brightness], axis=1)


class Sure:
    """Says class 2 of every image."""

    def predict(self, images, **options):
        return np.tile([0.0, 0.0, 9.0], (len(images), 1))


class Confirming:
    """Says each class of the same share of the images, by their brightness."""

    def predict(self, images, **options):
        brightness = np.asarray(images).mean(axis=(1, 2, 3)) + 1.0
        return np.eye(3)[np.floor(brightness * 100).astype(int) % 3]


def supply(dataset, model=None, threshold=0.0, teacher=Teacher):
    return Supply(dataset, Folder(model), teacher, POOL, threshold, seed=3)


def no_teacher():
    raise AssertionError("nobody asked for a teacher")


def test_unfiltered_images_are_those_of_the_generator(tiny):
    made = supply(tiny.cache(), teacher=no_teacher).added(2, 30, filtered=False)
    np.testing.assert_array_equal(made, Folder().generate(30, 2, 3))


def test_a_filter_keeps_only_what_the_teacher_confirms_until_there_is_enough(tiny):
    given = supply(tiny.cache())
    made = given.added(2, 30, filtered=True)
    assert len(made) == 30
    # Brighter than mid-grey, which is 0 between the models' -1 and 1.
    assert made.min() > 127
    assert given.kept_shares == {"bottom": pytest.approx(0.5, abs=0.15)}
    assert 2 <= len(set(given.folder.seeds)) == len(given.folder.seeds)


def test_a_threshold_asks_for_more_than_a_majority(tiny):
    strict = supply(tiny.cache(), threshold=0.9).added(2, 10, filtered=True)
    # The softmax of (0, 0, 4 b) is 0.9 at b = log(18) / 4.
    assert strict.min() > (np.log(18) / 4 + 1) * 127.5 - 1


def test_what_no_teacher_confirms_is_given_up(tiny):
    given = supply(tiny.cache(), threshold=1.0)
    with pytest.raises(TrainingFailed, match="confirmed no generated image of class bottom"):
        given.added(2, 10, filtered=True)
    assert given.kept_shares == {"bottom": 0.0}
    assert len(given.folder.seeds) == ROUNDS


def test_styles_are_carried_to_the_rare_class_and_the_others_rebuilt(tiny):
    reduced = tiny.reduce({2: 3}).cache()
    styles = Styles()
    given = supply(reduced, styles, teacher=Sure)
    made = given.symmetric()
    assert set(styles.rebuilt) == {0, 1}
    for class_id in (0, 1):
        real = reduced.class_images(class_id)
        assert len(made[class_id]) == POOL
        assert {x.tobytes() for x in made[class_id]} <= {x.tobytes() for x in real}
    assert all(carried == ({0, 1}, 2, POOL) for carried in styles.carried)
    assert set(given.kept_shares) == {"bottom"}


def test_other_models_draw_every_class_through_the_filter(tiny):
    given = supply(tiny.reduce({2: 3}).cache(), teacher=Confirming)
    assert [len(images) for images in given.symmetric()] == [POOL] * 3
    assert list(given.kept_shares) == ["top", "middle", "bottom"]


def test_a_class_without_any_confirmed_image_ends_the_trial(tiny):
    with pytest.raises(TrainingFailed, match="confirmed no generated image of class middle"):
        supply(tiny.reduce({2: 3}).cache()).symmetric()


def test_real_images_of_every_class_are_varied_as_those_of_classes_that_are_not_rare(tiny):
    reduced = tiny.reduce({2: 3}).cache()
    real = [{x.tobytes() for x in reduced.class_images(c)} for c in range(3)]
    styles = Styles()
    made = supply(reduced, styles, teacher=no_teacher).varied()
    assert [len(images) for images in made] == [POOL] * 3
    assert all({x.tobytes() for x in made[c]} <= real[c] for c in range(3))
    assert len({x.tobytes() for x in made[2]}) == 3
    (first, labels), (second, second_labels) = styles.encoded
    assert set(labels) == {0, 1}
    np.testing.assert_array_equal(labels, second_labels)
    for side in (first, second):
        assert all(x.tobytes() in real[c] for x, c in zip(side, labels, strict=True))
    assert (first != second).any(axis=(1, 2, 3)).mean() > 0.5
    assert [class_id for class_id, _, _ in styles.carried] == [0, 1, 2]
    strengths = [strength for _, _, strength in styles.carried]
    assert strengths[0] == strengths[1] > strengths[2] > 0
    for _, differences, _ in styles.carried:
        assert (differences.reshape(second.shape) == second - first.astype(np.float32)).all()


def test_same_seed_same_images(tiny):
    reduced = tiny.reduce({2: 3}).cache()
    varied = [supply(reduced, Styles()).varied() for _ in range(2)]
    for ours, theirs in zip(*varied, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for model in (None, Styles()):
        once, again = (supply(reduced, model, teacher=Confirming).symmetric() for _ in range(2))
        for ours, theirs in zip(once, again, strict=True):
            np.testing.assert_array_equal(ours, theirs)
