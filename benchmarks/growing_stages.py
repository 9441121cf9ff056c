"""Seconds per train step of the growing Wasserstein GAN, stage by stage.

A step on small images must cost what small images cost. For each image shape the stages take turns,
and the median of several steps is shown, beside its ratio to a step of the last stage.

    python benchmarks/growing_stages.py [--width 32] [--batch-size 64] [--rounds 5]
"""

import argparse
import statistics
import time

from kerasaug.runtime import best_dtype_policy, quiet_tensorflow

quiet_tensorflow()

import keras
import numpy as np
import tensorflow as tf

from kerasaug.models import ProgressiveWGAN, networks

SHAPES = ((28, 28, 1), (32, 32, 3), (64, 64, 1), (64, 64, 3), (128, 128, 3))


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    keras.config.set_dtype_policy(best_dtype_policy())
    print(f"{best_dtype_policy()}, width {options.width}, batch {options.batch_size}")
    for shape in SHAPES:
        medians = measure(shape, options.width, options.batch_size, options.rounds)
        cells = [
            f"{height}x{width}: {seconds:.3f} s ({seconds / medians[-1]:.2f})"
            for (height, width), seconds in zip(networks.sizes(shape), medians, strict=True)
        ]
        print(f"{shape}  " + "  ".join(cells), flush=True)


def measure(shape, width, batch_size, rounds):
    """Returns the median seconds per step of every stage, fully faded in."""
    gan = ProgressiveWGAN(shape, num_classes=10, width=width)
    gan.compile_for_training(1e-4)
    count = batch_size * gan.n_critic
    generator = np.random.default_rng(0)
    images = tf.constant(generator.uniform(-1, 1, (count, *shape)), tf.float32)
    labels = tf.constant(generator.integers(0, 10, count), tf.int32)
    step = tf.function(gan.train_step)
    seconds = [[] for _ in networks.sizes(shape)]
    for _ in range(rounds + 1):  # The first round traces.
        for stage, times in enumerate(seconds):
            gan.step.assign(2 * gan.phase_steps * stage)
            start = time.perf_counter()
            step((images, labels))
            times.append(time.perf_counter() - start)
    return [statistics.median(times[1:]) for times in seconds]


if __name__ == "__main__":
    main()
