"""The file of a user who has classifiers of their own, for tests."""

SOURCE = """
import keras


def network(num_classes, activation=None):
    dense = keras.layers.Dense(num_classes, activation=activation)
    return keras.Sequential([keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), dense])


def compiled(image_shape, num_classes):
    model = network(num_classes, "softmax")
    model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy")
    return model


def uncompiled(image_shape, num_classes):
    return network(num_classes)


def with_one_hot(image_shape, num_classes):
    model = network(num_classes)
    model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
    return model


def own_loss(image_shape, num_classes):
    model = network(num_classes)

    def loss(labels, logits):
        return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)

    model.compile("adam", loss)
    return model


def too_many(image_shape, num_classes):
    return network(num_classes + 1)


def two_outputs(image_shape, num_classes):
    images = keras.Input(image_shape)
    features = keras.layers.Flatten()(images)
    outputs = [keras.layers.Dense(num_classes)(features) for _ in range(2)]
    return keras.Model(images, outputs)


def sigmoids(image_shape, num_classes):
    return network(num_classes, "sigmoid")


def no_model(image_shape, num_classes):
    return "a model"


def not_finite(image_shape, num_classes):
    model = network(num_classes)
    model.compile("adam", lambda labels, logits: keras.ops.sum(logits) * float("nan"))
    return model


def raises(image_shape, num_classes):
    return {}["lost"]


def raises_in_call(image_shape, num_classes):
    class Network(keras.Model):
        def call(self, images):
            raise ValueError("this is no network")

    return Network()


def wrong_loss(image_shape, num_classes):
    model = network(num_classes)
    model.compile("adam", lambda labels, logits: keras.ops.reshape(logits, (7, 7)))
    return model


def keras_function(image_shape, num_classes):
    model = network(num_classes, "softmax")
    model.compile("adam", keras.losses.categorical_crossentropy)
    return model


def renamed(image_shape, num_classes):
    model = network(num_classes)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="ce")
    model.compile("adam", loss)
    return model


SHARED = keras.layers.Dense(4)


def of_the_file(image_shape, num_classes):
    layers = [keras.layers.Flatten(), SHARED, keras.layers.Dense(num_classes)]
    return keras.Sequential(layers)


def shared(image_shape, num_classes):
    # Beside the module, as what an imported one has.
    dense = keras.__dict__.setdefault("_dense_of_a_test", keras.layers.Dense(num_classes))
    return keras.Sequential([keras.layers.Flatten(), dense])


def exits(image_shape, num_classes):
    raise SystemExit(3)


class Trained(keras.Model):
    def __init__(self, num_classes):
        super().__init__()
        self.network = network(num_classes)

    def call(self, images):
        return self.network(images)

    def train_step(self, data):
        if len(data[1].shape) > 1:
            raise ValueError("no classes")
        return super().train_step(data)


def own_training(image_shape, num_classes):
    model = Trained(num_classes)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    return model
"""
