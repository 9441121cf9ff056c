"""The Wasserstein GAN with gradient penalty."""

import math

import keras
import tensorflow as tf

from kerasaug.errors import InputError
from kerasaug.models import losses
from kerasaug.models.adversarial import AdversarialModel
from kerasaug.models.layers import ClassProjection, PixelNormalization

MAX_CHANNELS = 256
SMALLEST_SIDE = 7


@keras.saving.register_keras_serializable("kerasaug")
class WGAN(AdversarialModel):
    """Wasserstein GAN with gradient penalty, conditional when `num_classes` is given.

    The generator enlarges a small grid of features by transposed convolutions; the critic, its
    mirror image, shrinks an image by strided ones. Neither uses statistics over the batch, which
    the gradient penalty does not allow. A conditional generator takes an embedding of the class
    beside the latents; a conditional critic adds a projection on the class.

    Args:
        image_shape: `(height, width, channels)`; sides from 8.
        num_classes: How many classes a conditional model knows; None for an unconditional one.
        latent_dim: Length of the latent vectors.
        width: Feature maps at full resolution; they double at every halving, up to 256.
        n_critic: Critic steps per generator step.
        gradient_penalty_weight: Weight of the penalty in the critic's loss; lambda in the paper.
        ema_decay: See `AdversarialModel`.
        seed: See `GenerativeModel`.

    Example:
        >>> gan = WGAN(image_shape=(28, 28, 1), num_classes=10)
        >>> gan.generate(3, class_id=5).shape
        (3, 28, 28, 1)

    Reference:
        Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", arXiv 1704.00028.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        latent_dim: int = 64,
        width: int = 32,
        n_critic: int = 3,
        gradient_penalty_weight: float = 10.0,
        ema_decay: float = 0.995,
        seed: int = 0,
        **kwargs,
    ):
        if min(image_shape[:2]) < 8:
            raise InputError(f"`image_shape` must have sides >= 8. Received: {image_shape}")
        super().__init__(
            image_shape, num_classes, latent_dim, width, n_critic, ema_decay, seed, **kwargs
        )
        self.gradient_penalty_weight = gradient_penalty_weight

    @property
    def loss_names(self):
        """See `AdversarialModel.loss_names`."""
        return ("critic_loss", "wasserstein_distance", "gradient_penalty", "generator_loss")

    def build_critic(self):
        """See `AdversarialModel.build_critic`."""
        images = keras.Input(self.image_shape, name="images")
        labels = keras.Input((), dtype="int32", name="labels")
        features = images
        for channels in reversed(self._channels()):
            features = keras.layers.Conv2D(channels, 4, strides=2, padding="same")(features)
            features = keras.layers.LeakyReLU(negative_slope=0.2)(features)
        features = keras.layers.Flatten()(features)
        # A constant added to every score changes neither loss, so a bias would never be trained.
        scores = keras.layers.Dense(1, use_bias=False)(features)
        if self.num_classes is not None:
            features = keras.layers.Dense(self.latent_dim, use_bias=False)(features)
            scores += ClassProjection(self.num_classes)(features, labels)
        scores = keras.layers.Activation("linear", dtype="float32")(scores)
        return keras.Model([images, labels], scores, name="critic")

    def build_generator(self):
        """See `AdversarialModel.build_generator`."""
        latents = keras.Input((self.latent_dim,), name="latents")
        labels = keras.Input((), dtype="int32", name="labels")
        features = latents
        if self.num_classes is not None:
            embedding = keras.layers.Embedding(self.num_classes, self.latent_dim)(labels)
            features = keras.layers.Concatenate()([features, embedding])
        sizes = self._sizes()
        channels = self._channels()
        (height, width), first = sizes[0], channels[0]
        features = keras.layers.Dense(height * width * first)(features)
        features = keras.layers.Reshape((height, width, first))(features)
        for (height, width), maps in zip(sizes[1:], [*channels[1:], self.width], strict=True):
            features = PixelNormalization()(keras.layers.ReLU()(features))
            features = keras.layers.Conv2DTranspose(maps, 4, strides=2, padding="same")(features)
            excess = (features.shape[1] - height, features.shape[2] - width)
            if any(excess):
                # An odd side was halved upwards; doubling it gives a row or column too many.
                features = keras.layers.Cropping2D(((0, excess[0]), (0, excess[1])))(features)
        features = PixelNormalization()(keras.layers.ReLU()(features))
        images = keras.layers.Conv2D(self.image_shape[2], 3, padding="same")(features)
        images = keras.layers.Activation("tanh", dtype="float32")(images)
        return keras.Model([latents, labels], images, name="generator")

    def critic_losses(self, real_images, fake_images, labels, seed):
        """See `AdversarialModel.critic_losses`."""
        both = self.critic(
            [tf.concat([real_images, fake_images], 0), tf.concat([labels, labels], 0)],
            training=True,
        )
        distance = losses.wasserstein_distance(*tf.split(both, 2))
        epsilon = tf.random.stateless_uniform((tf.shape(labels)[0], 1, 1, 1), seed)
        penalty = losses.gradient_penalty(
            lambda points: self.critic([points, labels], training=True),
            real_images,
            fake_images,
            epsilon,
        )
        return {
            "critic_loss": self.gradient_penalty_weight * penalty - distance,
            "wasserstein_distance": distance,
            "gradient_penalty": penalty,
        }

    def generator_loss(self, fake_scores):
        """See `AdversarialModel.generator_loss`."""
        return losses.wasserstein_generator_loss(fake_scores)

    def get_config(self):
        """What `__init__` needs to make an equal, untrained model."""
        return {**super().get_config(), "gradient_penalty_weight": self.gradient_penalty_weight}

    def _sizes(self):
        """Height and width of the generator's features, from the smallest to the image's."""
        sizes = [self.image_shape[:2]]
        while max(sizes[0]) > SMALLEST_SIDE:
            sizes.insert(0, tuple(math.ceil(side / 2) for side in sizes[0]))
        return sizes

    def _channels(self):
        """Feature maps at each size but the last."""
        halvings = len(self._sizes()) - 1
        return [min(self.width * 2**level, MAX_CHANNELS) for level in range(halvings, 0, -1)]
