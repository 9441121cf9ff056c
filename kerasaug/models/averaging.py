"""A running average of a network's weights, which makes better images than the weights.

Yazici et al. 2019, "The Unusual Effectiveness of Averaging in GAN Training" (arXiv 1806.04498).
"""

import keras
import tensorflow as tf

from kerasaug.models import replicas


def frozen_copy(network: keras.Model) -> keras.Model:
    """Makes the network that holds the average: a copy with the same weights, not trainable."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    copy.trainable = False
    return copy


def update(average: keras.Model, network: keras.Model, decay: float, step: tf.Tensor) -> None:
    """Moves the average towards the network's weights.

    Args:
        average: A `frozen_copy` of the network.
        network: The network, after a train step.
        decay: How much of the average is kept, in [0, 1). Early on it is less, so that the average
            forgets the initial weights.
        step: Steps taken before this one, int64 scalar.
    """
    step = tf.cast(step, tf.float32)
    decay = tf.minimum(decay, (1.0 + step) / (10.0 + step))
    pairs = [
        (mean.value, weight.value)
        for mean, weight in zip(average.weights, network.weights, strict=True)
    ]

    def move(mean, weight):
        mean.assign(decay * mean + (1.0 - decay) * weight)

    def move_all(strategy):
        for mean, weight in pairs:
            strategy.extended.update(mean, move, args=(weight,))

    if replicas.count() == 1:
        for mean, weight in pairs:
            move(mean, weight)
    else:
        # As optimizers change weights that every replica has a copy of.
        merge = tf.__internal__.distribute.interim.maybe_merge_call
        merge(move_all, tf.distribute.get_strategy())
