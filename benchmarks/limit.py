"""How near train steps come to what this machine can compute.

Counts the floating-point operations of a step's convolutions and matrix products, by TensorFlow's
profiler, and divides them by the time of the step: a rate, shown beside that of a matrix product of
2000x2000 in the same run and the same number format.

    python benchmarks/limit.py [--rounds 7]
"""

import argparse
import functools

from kerasaug.runtime import POLICIES, quiet_tensorflow

quiet_tensorflow()

import keras
import tensorflow as tf
from train_step import BATCH, ProductWGAN, make_wgan, take_turns

from kerasaug.models import registry
from kerasaug.models.classifier import build_classifier, compile_classifier

SHAPE, CLASSES, SIDE = (28, 28, 1), 10, 2000


def product(dtype):
    """A product of two matrices, and its operations."""
    a, b = (tf.cast(tf.random.stateless_normal((SIDE, SIDE), [0, n]), dtype) for n in (0, 1))
    return tf.function(lambda: tf.matmul(a, b)), 2 * SIDE**3


def uniform_batch(count):
    """Random images of one class, and their labels."""
    images = tf.random.stateless_uniform((count, *SHAPE), [0, 0], -1.0, 1.0)
    return images, tf.zeros((count,), tf.int32)


def train_step(model, count):
    """A train step on so many images, and its operations."""
    batch = uniform_batch(count)
    step = tf.function(model.train_step)
    return functools.partial(step, batch), operations(step.get_concrete_function(batch))


def operations(function):
    """Floating-point operations of a function's graph."""
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(
        profiler.ProfileOptionBuilder.float_operation()
    ).with_empty_output()
    return profiler.profile(function.graph, options=options.build()).total_float_ops


def critic_step(gan):
    """A step of the critic alone, on the example's batch, and its operations."""
    images, labels = uniform_batch(BATCH)
    seeds = tf.unstack(tf.random.split([0, 0], 3))
    step = tf.function(lambda: gan._critic_step(gan.critic, images, labels, -images, seeds))
    return step, operations(step.get_concrete_function())


def generator_step(gan):
    """A step of the generator alone, on the example's batch, and its operations."""
    batch, seed = uniform_batch(BATCH), tf.constant([0, 1])
    step = tf.function(lambda: gan._generator_step(gan.critic, gan.generator, *batch, seed))
    return step, operations(step.get_concrete_function())


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    for policy in POLICIES:
        keras.config.set_dtype_policy(policy)
        example, faster = make_wgan(), make_wgan(ProductWGAN)
        steps = {
            "matrix product": product(keras.config.dtype_policy().compute_dtype),
            "critic step, keras.io's networks": critic_step(example),
            "the same, with a matrix product": critic_step(faster),
            "generator step, keras.io's networks": generator_step(example),
        }
        for name in ("conditional-wgan", "conditional-vae"):
            gan = registry.create(name, SHAPE, CLASSES, width=32)
            gan.compile_for_training(1e-4)
            steps[f"{name}, default preset"] = train_step(gan, 64 * gan.batches_per_step)
        classifier = build_classifier(SHAPE, CLASSES)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        compile_classifier(classifier, CLASSES, 100, loss)
        steps["classifier, batch 256"] = train_step(classifier, 256)
        runs = {name: functools.partial(wait_for, step) for name, (step, _) in steps.items()}
        seconds = take_turns(runs, rounds)
        rates = {name: count / seconds[name] for name, (_, count) in steps.items()}
        print(f"{policy}: ms, GFLOP, GFLOP/s, share of the matrix product's")
        for name, (_, count) in steps.items():
            figures = f"{1000 * seconds[name]:8.1f}{count / 1e9:8.1f}{rates[name] / 1e9:8.0f}"
            share = rates[name] / rates["matrix product"]
            print(f"{name:38}{figures}{share:8.0%}", flush=True)


def wait_for(step):
    """Calls a step, and waits until its results are computed."""
    for value in tf.nest.flatten(step()):
        value.numpy() if value.shape.rank == 0 else value[0, 0].numpy()


if __name__ == "__main__":
    main()
