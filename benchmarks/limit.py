"""How near train steps come to what this machine can compute.

Counts the floating-point operations of a step's convolutions and matrix products, as TensorFlow's
profiler knows them, and divides them by the time of the step: a rate, shown beside that of a matrix
product of 2000x2000 measured in the same run, in the same number format.

    python benchmarks/limit.py [--rounds 7]
"""

import argparse

from kerasaug.runtime import quiet_tensorflow

quiet_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from train_step import BATCH, ProductWGAN, ours, take_turns  # noqa: E402

from kerasaug.models import registry  # noqa: E402
from kerasaug.models.classifier import build_classifier  # noqa: E402
from kerasaug.runtime import POLICIES  # noqa: E402

SHAPE, CLASSES, SIDE = (28, 28, 1), 10, 2000


def product(dtype):
    """A product of two matrices, and its operations."""
    a, b = (tf.cast(tf.random.stateless_normal((SIDE, SIDE), [0, n]), dtype) for n in (0, 1))
    return tf.function(lambda: tf.matmul(a, b)), (), 2 * SIDE**3


def step_of(model, count):
    """A function that takes a train step on so many images, and its operations."""
    images = tf.random.stateless_uniform((count, *SHAPE), [0, 0], -1.0, 1.0)
    labels = tf.zeros((count,), tf.int32)
    step = tf.function(model.train_step)
    return step, ((images, labels),), operations(step.get_concrete_function((images, labels)))


def operations(function):
    """Floating-point operations of a function's graph."""
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(
        profiler.ProfileOptionBuilder.float_operation()
    ).with_empty_output()
    return profiler.profile(function.graph, options=options.build()).total_float_ops


def critic_step(gan):
    """A step of the critic alone, on the example's batch."""
    images = tf.random.stateless_uniform((BATCH, *SHAPE), [0, 0], -1.0, 1.0)
    labels, seeds = tf.zeros((BATCH,), tf.int32), tf.unstack(tf.random.split([0, 0], 3))

    @tf.function
    def step():
        return gan._critic_step(gan._stages[0], images, labels, -images, 0.0, seeds, 0)

    return step, (), operations(step.get_concrete_function())


def generator_step(gan):
    """A step of the generator alone, on the example's batch."""
    images = tf.random.stateless_uniform((BATCH, *SHAPE), [0, 0], -1.0, 1.0)
    labels = tf.zeros((BATCH,), tf.int32)

    @tf.function
    def step():
        return gan._generator_step(gan._stages[0], images, labels, 0.0, tf.constant([0, 1]))

    return step, (), operations(step.get_concrete_function())


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    for policy in POLICIES:
        keras.config.set_dtype_policy(policy)
        example, faster = ours(), ours(ProductWGAN)
        ready = {
            "matrix product": product(keras.config.dtype_policy().compute_dtype),
            "critic step, keras.io's networks": critic_step(example),
            "the same, with a matrix product": critic_step(faster),
            "generator step, keras.io's networks": generator_step(example),
        }
        for name in ("conditional-wgan", "conditional-vae"):
            gan = registry.create(name, SHAPE, CLASSES, width=32)
            gan.compile_for_training(1e-4)
            ready[f"{name}, default preset"] = step_of(gan, 64 * gan.batches_per_step)
        ready["classifier, batch 256"] = step_of(build_classifier(SHAPE, CLASSES, 100), 256)
        runs = {
            name: lambda step=step, given=given: wait(step(*given))
            for name, (step, given, _) in ready.items()
        }
        seconds = take_turns(runs, rounds)
        rates = {name: ready[name][2] / seconds[name] for name in ready}
        print(f"{policy}: ms, GFLOP, GFLOP/s, share of the matrix product's")
        for name, (_, _, count) in ready.items():
            share = rates[name] / rates["matrix product"]
            print(
                f"{name:38}{1000 * seconds[name]:8.1f}{count / 1e9:8.1f}{rates[name] / 1e9:8.0f}"
                f"{share:8.0%}",
                flush=True,
            )


def wait(result):
    """Waits for what a step gives."""
    for value in tf.nest.flatten(result):
        value.numpy() if value.shape.rank == 0 else value[0, 0].numpy()


if __name__ == "__main__":
    main()
