"""The convolutional networks that several models share.

Going down, sides are halved, rounding up, until the longer one is at most `COARSEST_SIDE`. Going
up, sides are doubled and cropped, so that any image shape is reached.
"""

import math

import keras

from kerasaug.models.layers import ClassProjection, LeakyReLU, PixelNormalization

MAX_CHANNELS = 256
COARSEST_SIDE = 7


def sizes(image_shape: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Heights and widths of the features, from the smallest to the image's.

    Args:
        image_shape: `(height, width, channels)`.

    Returns:
        `(height, width)` per level; (28, 28, 1) gives 7, 14 and 28.
    """
    height, width, _ = image_shape
    levels = [(height, width)]
    while max(height, width) > COARSEST_SIDE:
        height, width = math.ceil(height / 2), math.ceil(width / 2)
        levels.insert(0, (height, width))
    return levels


def channels(image_shape: tuple[int, int, int], width: int) -> list[int]:
    """Feature maps at each of `sizes`: `width` at the image's, twice as many at every halving.

    Args:
        image_shape: `(height, width, channels)`.
        width: Feature maps at full resolution.

    Returns:
        A number per level, at most `MAX_CHANNELS`.
    """
    levels = len(sizes(image_shape))
    return [min(width * 2**level, MAX_CHANNELS) for level in range(levels - 1, -1, -1)]


def convolve_down(images, width: int):
    """Shrinks images to a vector of features by strided convolutions.

    Args:
        images: Keras tensor (n, height, width, channels).
        width: Feature maps at full resolution.

    Returns:
        Keras tensor (n, features).
    """
    features = images
    for maps in reversed(channels(images.shape[1:], width)[:-1]):
        features = keras.layers.Conv2D(maps, 4, strides=2, padding="same")(features)
        features = LeakyReLU()(features)
    return keras.layers.Flatten()(features)


def convolve_up(features, image_shape: tuple[int, int, int], width: int):
    """Enlarges vectors to images by transposed convolutions, each image on its own.

    Args:
        features: Keras tensor (n, d).
        image_shape: `(height, width, channels)`.
        width: Feature maps at full resolution.

    Returns:
        Keras tensor (n, height, width, channels) of unbounded values.
    """
    (first_size, *other_sizes) = sizes(image_shape)
    (first_maps, *other_maps) = channels(image_shape, width)
    features = keras.layers.Dense(math.prod(first_size) * first_maps)(features)
    features = keras.layers.Reshape((*first_size, first_maps))(features)
    for size, maps in zip(other_sizes, other_maps, strict=True):
        features = PixelNormalization()(keras.layers.ReLU()(features))
        features = keras.layers.Conv2DTranspose(maps, 4, strides=2, padding="same")(features)
        features = crop_to(features, size)
    features = PixelNormalization()(keras.layers.ReLU()(features))
    return keras.layers.Conv2D(image_shape[2], 3, padding="same")(features)


def crop_to(features, size: tuple[int, int]):
    """Cuts off the row or column by which a doubled odd side is too long.

    Args:
        features: Keras tensor (n, height, width, maps).
        size: Height and width of the result.
    """
    excess = (features.shape[1] - size[0], features.shape[2] - size[1])
    if not any(excess):
        return features
    return keras.layers.Cropping2D(((0, excess[0]), (0, excess[1])))(features)


def with_class(features, labels, num_classes: int | None):
    """Appends an embedding of the class, of the same length, to features.

    Args:
        features: Keras tensor (n, d).
        labels: Keras tensor (n,), int.
        num_classes: How many classes there are; None leaves the features as they are.
    """
    if num_classes is None:
        return features
    embedding = keras.layers.Embedding(num_classes, features.shape[-1])(labels)
    return keras.layers.Concatenate()([features, embedding])


def build_generator(
    image_shape: tuple[int, int, int],
    num_classes: int | None,
    latent_dim: int,
    width: int,
    activation: str = "tanh",
    name: str = "generator",
) -> keras.Model:
    """Makes a network from `[latents, labels]` to images.

    Args:
        image_shape: `(height, width, channels)`.
        num_classes: How many classes it is conditioned on, or None.
        latent_dim: Length of the latents.
        width: Feature maps at full resolution.
        activation: Of the output; `tanh` makes images in [-1, 1].
        name: Of the network.

    Returns:
        A model with float32 images as output.
    """
    latents = keras.Input((latent_dim,), name="latents")
    labels = keras.Input((), dtype="int32", name="labels")
    images = convolve_up(with_class(latents, labels, num_classes), image_shape, width)
    images = keras.layers.Activation(activation, dtype="float32")(images)
    return keras.Model([latents, labels], images, name=name)


def build_encoder(
    image_shape: tuple[int, int, int], num_classes: int | None, latent_dim: int, width: int
) -> keras.Model:
    """Makes a network from `[images, labels]` to a diagonal normal distribution of latents.

    The arguments are those of `build_generator`.

    Returns:
        A model with two outputs, float32 (n, latent_dim): the mean, and the natural logarithm of
        the variance.
    """
    images = keras.Input(image_shape, name="images")
    labels = keras.Input((), dtype="int32", name="labels")
    features = convolve_down(images, width)
    features = keras.layers.Dense(8 * width, activation="relu")(features)
    features = with_class(features, labels, num_classes)
    mean = keras.layers.Dense(latent_dim, dtype="float32", name="mean")(features)
    log_variance = keras.layers.Dense(latent_dim, dtype="float32", name="log_variance")(features)
    return keras.Model([images, labels], [mean, log_variance], name="encoder")


def build_critic(
    image_shape: tuple[int, int, int], num_classes: int | None, latent_dim: int, width: int
) -> keras.Model:
    """Makes a network from `[images, labels]` to scores: the generator's mirror image.

    The arguments are those of `build_generator`. If there are classes, the score has a projection
    on the class, in which features and classes are compared as vectors of length `latent_dim`.

    Returns:
        A model with one float32 score per image, (n, 1), as output.
    """
    images = keras.Input(image_shape, name="images")
    labels = keras.Input((), dtype="int32", name="labels")
    features = convolve_down(images, width)
    # A constant added to every score changes no loss of a Wasserstein GAN: no bias.
    scores = keras.layers.Dense(1, use_bias=False)(features)
    if num_classes is not None:
        projected = keras.layers.Dense(latent_dim, use_bias=False)(features)
        scores += ClassProjection(num_classes)(projected, labels)
    scores = keras.layers.Activation("linear", dtype="float32")(scores)
    return keras.Model([images, labels], scores, name="critic")
