"""A running average of a network's weights, which makes better images than the weights.

Yazici et al. 2019, "The Unusual Effectiveness of Averaging in GAN Training" (arXiv 1806.04498).
"""

import keras
import tensorflow as tf

from kerasaug.models import replicas


def averaged(network: keras.Model) -> keras.Model:
    """Makes the network that holds the average, with the weights of now.

    Args:
        network: The network that is trained.

    Returns:
        Its copy, not trainable.
    """
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    copy.trainable = False
    return copy


def follow(average: keras.Model, network: keras.Model, decay: float, step: tf.Tensor) -> None:
    """Moves the average towards the weights of now.

    Args:
        average: What `averaged` made of the network.
        network: The network, after a step of training.
        decay: How much of the average is kept, in [0, 1). Early on it is less, so that the average
            does not remember the initial weights.
        step: Steps taken before this one, int64 scalar.
    """
    step = tf.cast(step, tf.float32)
    decay = tf.minimum(decay, (1.0 + step) / (10.0 + step))
    pairs = [
        (ours.value, theirs.value)
        for ours, theirs in zip(average.weights, network.weights, strict=True)
    ]

    def move(ours, theirs):
        ours.assign(decay * ours + (1.0 - decay) * theirs)

    def move_all(strategy):
        for ours, theirs in pairs:
            strategy.extended.update(ours, move, args=(theirs,))

    if replicas.count() == 1:
        for ours, theirs in pairs:
            move(ours, theirs)
    else:
        # As optimizers change weights that every replica has a copy of.
        merge = tf.__internal__.distribute.interim.maybe_merge_call
        merge(move_all, tf.distribute.get_strategy())
