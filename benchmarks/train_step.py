"""Seconds per train step, and images per second, beside a plain Keras step and PyTorch.

All train the networks of keras.io's WGAN-GP example (`peers.py`) on batches of 128 with 3 critic
steps. They take turns; the median of several rounds is shown, and its ratio to the plain step. With
`--quality-steps`, the Keras variants are then trained on MNIST for as many steps, and the kernel
distance of their images to test images is shown: the mean and the range over `--seeds`.

    python benchmarks/train_step.py [--rounds 7] [--quality-steps 300 --seeds 2]

PyTorch is measured if it is installed: pip install -e ".[benchmarks]".
"""

import argparse
import functools
import importlib.util
import statistics
import tempfile
import time
from pathlib import Path

from kerasaug.runtime import best_dtype_policy, quiet_tensorflow

quiet_tensorflow()

import keras
import numpy as np
import peers
import tensorflow as tf

from kerasaug import data
from kerasaug.images import in_chunks, to_uint8
from kerasaug.models import layers
from kerasaug.models.wgan import WGAN
from kerasaug.quality import fidelity
from kerasaug.quality.evaluator import Evaluator
from kerasaug.saved.savedmodel import ExportedGenerator

SHAPE, BATCH, N_CRITIC, LEARNING_RATE = (28, 28, 1), 128, 3, 2e-4
SAMPLES = 1000
PLAIN, TORCH = "plain Keras step", "PyTorch"
SLOW = ("kerasaug", "kerasaug, bfloat16")
"""Their images differ from those of a faster variant by rounding alone."""


class SmallGridConv2D(keras.layers.Conv2D):
    """Keras' convolution, with padding and equal strides, as one matrix product.

    Of a 4x4 grid, most of a 5x5 window lies outside. A matrix from all inputs to all outputs has no
    such waste, and matrix products run near the machine's limit where such convolutions do not.
    """

    def call(self, inputs):
        """Multiplies images that are laid out flat by the matrix that the kernel makes up."""
        (height, width, maps), filters = inputs.shape[1:], self.filters
        (rows, tall), (columns, wide) = (
            self._taps(side, axis) for axis, side in enumerate((height, width))
        )
        count = self.kernel_size[0] * self.kernel_size[1]
        inside = (rows >= 0)[:, None, :, None] & (columns >= 0)[None, :, None, :]
        taps = rows[:, None, :, None] * self.kernel_size[1] + columns[None, :, None, :]
        taps = np.where(inside, taps, count).reshape(height * width, tall * wide)
        kernel = tf.reshape(tf.cast(self.kernel, self.compute_dtype), (count, maps, filters))
        kernel = tf.concat([kernel, tf.zeros((1, maps, filters), kernel.dtype)], axis=0)
        matrix = tf.transpose(tf.gather(kernel, taps), (0, 2, 1, 3))
        matrix = tf.reshape(matrix, (height * width * maps, tall * wide * filters))
        outputs = tf.reshape(inputs, (-1, height * width * maps)) @ matrix
        outputs = tf.reshape(outputs, (-1, tall, wide, filters))
        return outputs + tf.cast(self.bias, outputs.dtype)

    def _taps(self, side, axis):
        """The position of every input in the window of every output, or -1; and the outputs."""
        size, stride = self.kernel_size[axis], self.strides[axis]
        outputs = -(-side // stride)
        before = max((outputs - 1) * stride + size - side, 0) // 2
        taps = np.arange(side)[:, None] - stride * np.arange(outputs) + before
        return np.where((taps >= 0) & (taps < size), taps, -1), outputs


class ExampleWGAN(WGAN):
    """Our train step on the example's networks, which take no classes."""

    last_convolution = keras.layers.Conv2D

    def build_networks(self):
        """See `AdversarialModel.build_networks`."""
        return peers.build_critic(layers.LeakyReLU, self.last_convolution), peers.build_generator()

    def network_inputs(self, batch, labels):
        """See `AdversarialModel.network_inputs`."""
        return batch


class ProductWGAN(ExampleWGAN):
    """The same, with the critic's last convolution as a matrix product."""

    last_convolution = SmallGridConv2D


class LazyWGAN(ProductWGAN):
    """The same, with a penalty at the first of the critic's steps alone, and as much heavier.

    A step with a penalty takes about as long as two others. "Lazy regularization" of appendix B of
    Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN" (arXiv 1912.04958).
    """

    critic_steps = 0

    def critic_losses(self, critic, real_images, fake_images, seed):
        """See `AdversarialModel.critic_losses`."""
        self.critic_steps += 1
        if self.critic_steps % self.n_critic == 1:
            return super().critic_losses(critic, real_images, fake_images, seed)
        distance = tf.reduce_mean(critic(real_images)) - tf.reduce_mean(critic(fake_images))
        losses = {"critic_loss": -distance, "wasserstein_distance": distance}
        return {**losses, "gradient_penalty": 0.0}


def make_wgan(model=ExampleWGAN, penalty_weight=peers.PENALTY_WEIGHT):
    """Makes our model, compiled as the plain one is."""
    options = {"n_critic": N_CRITIC, "gradient_penalty_weight": penalty_weight}
    gan = model(SHAPE, latent_dim=peers.LATENT_DIM, **options)
    gan.compile(*peers.optimizers(LEARNING_RATE))
    return gan


def variants():
    """By name, the dtype policy of a Keras model and a function that makes it."""
    plain = functools.partial(peers.StraightforwardWGAN, N_CRITIC, LEARNING_RATE)
    product = functools.partial(make_wgan, ProductWGAN)
    lazy = functools.partial(make_wgan, LazyWGAN, N_CRITIC * peers.PENALTY_WEIGHT)
    makers = {
        PLAIN: ("float32", plain),
        "kerasaug": ("float32", make_wgan),
        "kerasaug, matrix product": ("float32", product),
    }
    if best_dtype_policy() != "float32":
        makers |= {
            "kerasaug, bfloat16": ("mixed_bfloat16", make_wgan),
            "kerasaug, bfloat16, matrix product": ("mixed_bfloat16", product),
            "the same and a lazy penalty": ("mixed_bfloat16", lazy),
        }
    return makers


def build(policy, make, seed=0):
    """Makes the model of a variant under its dtype policy."""
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(policy)
    try:
        return make()
    finally:
        keras.config.set_dtype_policy("float32")


def step_of(model, xla=False):
    """A function that takes a train step on images, and waits until it is done."""
    takes_labels = isinstance(model, WGAN)

    @tf.function(jit_compile=xla)
    def step(images):
        labels = tf.zeros((tf.shape(images)[0],), tf.int32)
        return model.train_step((images, labels) if takes_labels else images)

    return lambda images: float(step(images)["generator_loss"])


def draw_of(model):
    """A function that draws images from latents.

    Both kinds of models draw with the current weights, because the plain one has no average of
    them, and normalise by the batch: after few passes, moving averages lag behind.
    """
    return tf.function(lambda latents: to_uint8(model.generator(latents, training=True)))


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quality-steps", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    measure_steps(options.rounds)
    measure_generation(options.rounds)
    if options.quality_steps:
        measure_quality(options.quality_steps, options.seeds)


def measure_steps(rounds):
    """Prints seconds per train step."""
    images = tf.random.stateless_uniform((N_CRITIC * BATCH, *SHAPE), [0, 0], -1.0, 1.0)
    steps = {name: (step_of(build(*variant)), images) for name, variant in variants().items()}
    steps["kerasaug, compiled by XLA"] = step_of(build("float32", make_wgan), xla=True), images
    if importlib.util.find_spec("torch"):
        import torch

        torch_images = torch.from_numpy(images.numpy().transpose(0, 3, 1, 2).copy())
        torch_images = torch_images.to(memory_format=torch.channels_last)
        for name, compiled in ((TORCH, False), (f"{TORCH}, torch.compile", True)):
            torch_step, _ = peers.torch_step(BATCH, N_CRITIC, LEARNING_RATE, compiled)
            steps[name] = torch_step, torch_images
    runs = {name: functools.partial(*step) for name, step in steps.items()}
    medians = take_turns(runs, rounds)
    print(f"seconds per train step, median of {rounds}, and times as fast as {PLAIN}, {TORCH}")
    for name, seconds in medians.items():
        ratios = [medians[peer] / seconds for peer in (PLAIN, TORCH) if peer in medians]
        print(f"{name:36}{seconds:8.3f}" + "".join(f"{ratio:8.2f}" for ratio in ratios), flush=True)


def measure_generation(rounds, count=2048):
    """Prints images per second."""
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        build("float32", make_wgan).export(Path(folder) / "generator")
        saved = ExportedGenerator(Path(folder) / "generator")
        runs["kerasaug, SavedModel"] = lambda: saved.generate(count, 0, seed=0)
        if importlib.util.find_spec("torch"):
            import torch

            _, generator = peers.torch_step(BATCH)
            generator.eval()

            def draw():
                with torch.inference_mode():
                    for _ in range(count // 256):
                        images = generator(torch.randn(256, peers.LATENT_DIM))
                        ((images + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)

            runs[TORCH] = draw
        medians = take_turns(runs, rounds)
    print(f"images per second, median of {rounds} times {count} images as uint8")
    for name, seconds in medians.items():
        print(f"{name:36}{count / seconds:8.0f}{medians.get(TORCH, seconds) / seconds:8.2f}")


def take_turns(runs, rounds):
    """Median seconds of functions that are called in turn, after a first time to trace them."""
    seconds = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times[1:]) for name, times in seconds.items()}


def measure_quality(steps, seeds):
    """Prints the kernel distance of generated images to MNIST's test images."""
    dataset = data.load("mnist").cache()
    evaluator = Evaluator(dataset, steps=400)
    real, _ = next(dataset.test.batch(SAMPLES).as_numpy_iterator())
    real = fidelity.Sample(evaluator.predict(real)[0])
    print(f"kernel distance to test images after {steps} steps: mean, range of {seeds} seeds")
    for name, variant in variants().items():
        if name in SLOW:
            continue
        distances = []
        for seed in range(seeds):
            model = build(*variant, seed=seed)
            step = step_of(model)
            for images, _ in dataset.batches(N_CRITIC * BATCH, seed=seed).take(steps):
                step(images)
            latents = tf.random.stateless_normal((SAMPLES, peers.LATENT_DIM), [seed, 0])
            features, _ = evaluator.predict(in_chunks(draw_of(model), latents))
            distances.append(fidelity.kernel_distance(real, fidelity.Sample(features)))
        ends = f"{min(distances):.3f} to {max(distances):.3f}"
        print(f"{name:36}{statistics.mean(distances):8.3f}  {ends}", flush=True)


if __name__ == "__main__":
    main()
