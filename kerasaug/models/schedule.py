"""Progressive growing as pure functions of one number, the progress.

At progress k the blocks 0 to k are live; between k - 1 and k, block k is faded in.
"""

import keras
import tensorflow as tf


def growing_progress(step: tf.Tensor, phase_steps: int, last_block: int) -> tf.Tensor:
    """How far a network has grown after some steps.

    Each block but the last is trained for one phase and gives way to the next over another phase.

    Args:
        step: int scalar, steps taken.
        phase_steps: Length of a phase, at least 1.
        last_block: Number of the finest block.

    Returns:
        float32 scalar in [0, last_block].
    """
    step = tf.cast(step, tf.float32)
    block = tf.floor(step / (2.0 * phase_steps))
    within = step - 2.0 * phase_steps * block
    fading = tf.clip_by_value((within - phase_steps) / phase_steps, 0.0, 1.0)
    return tf.minimum(block + fading, float(last_block))


def fade_in_alpha(progress: tf.Tensor, block: int) -> tf.Tensor:
    """The share of a block, in [0, 1], beside the coarser ones; of the shape of `progress`."""
    return keras.ops.clip(progress - (block - 1.0), 0.0, 1.0)


def live_stage(progress: tf.Tensor) -> tf.Tensor:
    """The finest block that has a share: an int32 scalar for a float scalar."""
    return tf.cast(tf.math.ceil(progress), tf.int32)


def shrink_to_stage(
    images: tf.Tensor, stage: int, stage_count: int, progress: tf.Tensor
) -> tf.Tensor:
    """Shrinks real images to a stage's size, blurred as far as that stage is not yet faded in.

    Args:
        images: float32 (n, height, width, channels) at full size.
        stage: Number of the stage; the coarsest is 0.
        stage_count: How many stages there are.
        progress: float scalar.

    Returns:
        float32 images at the size of the stage.
    """
    for _ in range(stage_count - 1 - stage):
        images = _halve(images)
    if stage == 0:
        return images
    alpha = fade_in_alpha(progress, stage)
    coarse = tf.repeat(tf.repeat(_halve(images), 2, axis=1), 2, axis=2)
    coarse = coarse[:, : images.shape[1], : images.shape[2]]
    return alpha * images + (1.0 - alpha) * coarse


def _halve(images: tf.Tensor) -> tf.Tensor:
    return tf.nn.avg_pool2d(images, 2, 2, padding="SAME")
