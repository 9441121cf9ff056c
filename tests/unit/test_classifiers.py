"""What `--classifier` takes, and how a model of the user's own is trained."""

import sys

import keras
import numpy as np
import pytest
from small_classifiers import SOURCE

from kerasaug.errors import InputError, UserCodeError
from kerasaug.study import applications, classifiers
from kerasaug.study.arms import parse
from kerasaug.study.config import StudyConfig

SHAPE, CLASSES = (8, 8, 1), 3


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A file of the user's, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(SOURCE)
    return tmp_path / "mine.py"


def build(function, source, loss=None):
    return classifiers.build(f"{source}:{function}", SHAPE, CLASSES, steps=10, loss=loss)


def test_a_target_is_named_so_that_every_process_finds_it(source, tmp_path):
    assert classifiers.resolve("small-cnn") == "small-cnn"
    assert classifiers.resolve("mine.py:compiled") == f"{source}:compiled"
    assert classifiers.resolve("mine:compiled") == f"{source}:compiled"
    build("compiled", source).model.save("model.keras")
    assert classifiers.resolve("model.keras") == str(tmp_path / "model.keras")
    name = "keras.applications:MobileNetV3Small:random"
    assert classifiers.resolve(name) == name


@pytest.mark.parametrize(
    ("preset", "changes", "size"),
    [
        ("quick", {}, 256),
        ("quick", {"classifier": "mine.py:compiled"}, 256),
        ("quick", {"classifier": "keras.applications:MobileNetV3Small"}, 32),
        ("quick", {"classifier": "keras.applications:MobileNetV3Small", "batch_size": 80}, 80),
        ("paper", {"classifier": "keras.applications:ResNet50:random", "batch_size": None}, 32),
    ],
)
def test_networks_of_keras_are_trained_on_smaller_batches(preset, changes, size):
    assert StudyConfig.from_preset(preset, "mnist", {}, **changes).recipe.batch_size == size


def test_a_module_of_a_package_imports_what_stands_beside_it(tmp_path, monkeypatch):
    package = tmp_path / "ours_of_this_test" / "nets"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "parts.py").write_text(SOURCE)
    (package / "net.py").write_text("from .parts import compiled\n")
    monkeypatch.chdir(tmp_path)
    target = classifiers.resolve("ours_of_this_test.nets.net:compiled")
    assert target == f"{package / 'net.py'}:compiled"
    assert classifiers.build(target, SHAPE, CLASSES, steps=1).model.output_shape == (None, CLASSES)
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("resnet", "must be small-cnn, module:function, path/file.py:function"),
        ("nowhere.py:build", "there is no file nowhere.py"),
        ("nowhere:build", "there is no module nowhere"),
        ("nowhere.keras", "there is no file nowhere.keras"),
        ("mine.py:", "must be small-cnn"),
        ("keras.applications:MobilNet", "there is no MobilNet .* there is MobileNet"),
    ],
)
def test_a_target_that_is_none_is_refused(source, target, message):
    with pytest.raises(InputError, match=message):
        classifiers.resolve(target)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("missing", "there is no function missing in"),
        ("too_many", r"one output for each of the 3 classes, \(n, 3\). Received: \('n', 4\)"),
        ("two_outputs", r"one output for each of the 3 classes"),
        ("no_model", r"no_model\(\(8, 8, 1\), 3\) must return a Keras model. Received: str"),
        ("not_finite", "must return a finite 'loss'"),
        ("shared", "must make new layers whenever it is called"),
        ("sigmoids", "must end in logits or in a softmax. Received: a sigmoid"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_before_a_study(source, function, message):
    with pytest.raises(InputError, match=message):
        classifiers.check(f"{source}:{function}", SHAPE, CLASSES)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("raises", "raises raised KeyError: 'lost'"),
        ("raises_in_call", "its call raised ValueError"),
        ("wrong_loss", "its training step raised"),
        ("exits", "exits raised SystemExit: 3"),
    ],
)
def test_an_error_in_the_users_code_is_shown_with_its_traceback_alone(source, function, message):
    with pytest.raises(UserCodeError, match=message) as caught:
        classifiers.check(f"{source}:{function}", SHAPE, CLASSES)
    assert str(source) in caught.value.trace or function == "wrong_loss"
    assert "kerasaug/" not in caught.value.trace


def test_a_file_that_cannot_be_imported_is_the_users_error(tmp_path):
    (tmp_path / "broken.py").write_text("def build(:\n")
    with pytest.raises(UserCodeError, match="the file raised SyntaxError"):
        classifiers.check(f"{tmp_path / 'broken.py'}:build", SHAPE, CLASSES)


@pytest.mark.parametrize(
    ("function", "loss", "takes_one_hot", "returns_probabilities", "loss_name"),
    [
        ("compiled", None, False, True, None),
        ("compiled", "soft", True, True, "categorical_crossentropy"),
        ("compiled", "focal", True, True, "categorical_focal_crossentropy"),
        ("with_one_hot", None, True, False, None),
        ("with_one_hot", "soft", True, False, None),
        ("uncompiled", None, False, False, "sparse_categorical_crossentropy"),
        ("uncompiled", "focal", True, False, "categorical_focal_crossentropy"),
        ("own_loss", None, False, False, None),
        ("keras_function", None, True, True, None),
        ("renamed", None, False, False, None),
    ],
)
def test_labels_and_outputs_are_those_of_the_users_model(
    source, function, loss, takes_one_hot, returns_probabilities, loss_name
):
    classifier = build(function, source, loss)
    assert classifier.takes_one_hot == takes_one_hot
    assert classifier.returns_probabilities == returns_probabilities
    if loss_name is not None:
        assert classifier.model.loss.name == loss_name
        assert classifier.model.loss.get_config()["from_logits"] == (not returns_probabilities)
    labels = np.arange(6) % CLASSES
    images = np.zeros((6, *SHAPE), np.float32)
    if takes_one_hot:
        labels = np.eye(CLASSES, dtype=np.float32)[labels]
    classifier.model.run_eagerly = True
    assert np.isfinite(classifier.model.train_on_batch(images, labels, return_dict=True)["loss"])


def test_the_users_optimizer_is_kept_where_the_model_is_compiled(source):
    assert isinstance(build("compiled", source).model.optimizer, keras.optimizers.SGD)
    assert isinstance(build("compiled", source, "focal").model.optimizer, keras.optimizers.SGD)
    assert float(build("compiled", source).model.optimizer.learning_rate) == pytest.approx(0.05)
    assert isinstance(build("uncompiled", source).model.optimizer, keras.optimizers.Adam)


@pytest.mark.parametrize("function", ["compiled", "uncompiled"])
def test_logits_have_the_probabilities_of_the_model(source, function):
    classifier = build(function, source)
    images = np.random.default_rng(0).integers(0, 256, (5, *SHAPE)).astype(np.float32)
    outputs = classifier.model.predict_on_batch(images)
    if function == "uncompiled":
        outputs = np.asarray(keras.ops.softmax(outputs))
    probabilities = np.asarray(keras.ops.softmax(classifier.logits(images)))
    np.testing.assert_allclose(probabilities, outputs, atol=1e-6)


def test_a_saved_model_begins_with_its_weights_and_a_fresh_optimizer(source, tmp_path):
    model = build("compiled", source).model
    model.fit(np.ones((4, *SHAPE)), np.zeros(4), verbose=0)
    model.save(tmp_path / "model.keras")
    target = classifiers.resolve(str(tmp_path / "model.keras"))
    loaded = classifiers.build(target, SHAPE, CLASSES, steps=10).model
    for a, b in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(model.optimizer.iterations) == 1
    assert int(loaded.optimizer.iterations) == 0
    (note,) = classifiers.notes(target, SHAPE)
    assert "trained on images that are tested here" in note.text
    assert classifiers.notes("small-cnn", SHAPE) == ()


def test_small_images_of_a_pretrained_network_are_noted():
    target = "keras.applications:MobileNetV3Small"
    (note,) = classifiers.notes(target, (48, 64, 3))
    assert "images of 64x48 are enlarged" in note.text
    assert classifiers.notes(target, (96, 128, 3)) == ()


def test_a_file_that_is_no_model_is_refused_in_a_line(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"nothing")
    with pytest.raises(InputError, match="no model that Keras can load: ") as caught:
        classifiers.check(str(tmp_path / "model.keras"), SHAPE, CLASSES)
    assert "\n" not in str(caught.value)


def test_logits_that_lie_between_0_and_1_are_no_sigmoid(tmp_path):
    (tmp_path / "mine.py").write_text(
        """
import keras

def build(image_shape, num_classes):
    small = keras.initializers.Constant(0.2)
    head = keras.layers.Dense(num_classes, kernel_initializer="zeros", bias_initializer=small)
    return keras.Sequential([keras.layers.Flatten(), head])
"""
    )
    classifier = classifiers.build(f"{tmp_path / 'mine.py'}:build", SHAPE, 2, steps=1)
    assert not classifier.returns_probabilities
    logits = classifier.logits(np.zeros((2, *SHAPE), np.float32))
    np.testing.assert_allclose(logits, 0.2)


def test_another_source_is_another_classifier(source):
    target = f"{source}:compiled"
    before, model = classifiers.digest(target), build("compiled", source).model
    source.write_text(SOURCE.replace("0.05", "0.01"))
    assert classifiers.digest(target) != before
    changed = build("compiled", source).model
    assert float(changed.optimizer.learning_rate) == pytest.approx(0.01)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)
    assert classifiers.digest("small-cnn") is None


def test_layers_are_float32_whatever_the_study_computes_with(source):
    keras.config.set_dtype_policy("mixed_bfloat16")
    classifier = build("compiled", source)
    assert classifier.returns_probabilities
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    outputs = np.asarray(classifier.model(np.zeros((2, *SHAPE), np.float32)))
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs.sum(axis=1), 1.0, atol=1e-5)


def test_what_a_file_makes_when_it_is_read_is_not_shared_by_trials(source):
    keras.utils.set_random_seed(0)
    first = build("of_the_file", source).model
    keras.utils.set_random_seed(0)
    second = build("of_the_file", source).model
    assert not {id(v) for v in first.variables} & {id(v) for v in second.variables}
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_focal_loss_of_a_hard_image_is_its_cross_entropy():
    loss = classifiers.LOSSES["focal"](from_logits=True)
    hard = float(loss(np.array([[1.0, 0.0]]), np.array([[-9.0, 0.0]])))
    assert hard == pytest.approx(9.0, rel=0.01)


def test_a_study_tries_the_losses_of_its_arms(source):
    target = f"{source}:own_training"
    classifiers.check(target, SHAPE, CLASSES, [parse("none"), parse("balanced+affine")])
    for arm in ("focal", "none+cutmix", "balanced+auto"):
        with pytest.raises(UserCodeError, match="its training step raised ValueError: no classes"):
            classifiers.check(target, SHAPE, CLASSES, [parse(arm)])


def test_an_application_takes_grey_and_small_images():
    name = "keras.applications:MobileNetV3Small:random"
    classifier = classifiers.build(name, (20, 28, 1), CLASSES, steps=10)
    assert classifier.logits(np.zeros((2, 20, 28, 1), np.float32)).shape == (2, CLASSES)
    (enlarged,) = [x for x in classifier.model.layers if isinstance(x, keras.layers.Resizing)]
    assert (enlarged.height, enlarged.width) == (96, 134)
    (base,) = [x for x in classifier.model.layers if isinstance(x, keras.Model)]
    momenta = {x.momentum for x in base.layers if isinstance(x, keras.layers.BatchNormalization)}
    assert momenta == {applications.MOMENTUM}


def test_pretrained_weights_are_read_from_where_keras_looks(tmp_path, monkeypatch):
    # MobileNet's file has no checksum in Keras, so that one of the test's own is read like it.
    shape = (96, 96, 3)
    own = keras.applications.MobileNet(include_top=False, weights=None, input_shape=shape)
    (tmp_path / "models").mkdir()
    file = tmp_path / "models" / "mobilenet_1_0_224_tf_no_top.h5"
    own.save(file)
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    target = "keras.applications:MobileNet"
    model = classifiers.build(target, (32, 32, 3), CLASSES, steps=10).model
    (base,) = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    for a, b in zip(base.weights, own.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_weights_and_network_a_line_says_what_to_do(monkeypatch):
    def fails(*arguments, **options):
        raise Exception("URL fetch failure on https://host/path/net_no_top.h5: None -- no route")

    monkeypatch.setattr(keras.applications, "MobileNet", named(fails, keras.applications.MobileNet))
    with pytest.raises(InputError, match="host/path/net_no_top.h5; put that file into") as caught:
        classifiers.check("keras.applications:MobileNet", (32, 32, 3), CLASSES)
    assert "MobileNet:random" in str(caught.value)


def named(function, original):
    function.__name__, function.__module__ = original.__name__, original.__module__
    return function
