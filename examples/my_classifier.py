"""A classifier of one's own, for `--classifier examples/my_classifier.py:build` and engineer.py."""

import keras


def build(image_shape, num_classes):
    """Takes float32 images in [0, 255]; returns one logit per class."""
    layers = [keras.layers.Rescaling(1 / 127.5, offset=-1.0)]
    for maps in (16, 32, 64):
        layers += [
            keras.layers.Conv2D(maps, 3, strides=2, padding="same", use_bias=False),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.ReLU(),
        ]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(num_classes)]
    model = keras.Sequential([keras.Input(image_shape), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-3), loss, metrics=["accuracy"])
    return model
