"""Seconds per train step, and images per second, beside a plain Keras step and PyTorch.

All train the networks of keras.io's WGAN-GP example (`peers.py`) on batches of 128 with 3 critic
steps. They take turns; the median of several rounds is shown, and its ratio to the plain step. With
`--quality-steps`, each Keras variant is then trained on MNIST for as many steps, and the kernel
distance of its images to test images is shown: the mean and the range over `--seeds`.

    python benchmarks/train_step.py [--rounds 7] [--quality-steps 300 --seeds 2]

PyTorch is measured if it is installed: pip install -e ".[benchmarks]".
"""

import argparse
import importlib.util
import statistics
import tempfile
import time
from pathlib import Path

from kerasaug.runtime import quiet_tensorflow

quiet_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import peers  # noqa: E402
import tensorflow as tf  # noqa: E402
from peers import PENALTY_WEIGHT, StraightforwardWGAN, torch_step  # noqa: E402

from kerasaug import data  # noqa: E402
from kerasaug.saved import savedmodel  # noqa: E402
from kerasaug import runtime  # noqa: E402
from kerasaug.images import in_chunks  # noqa: E402
from kerasaug.images import to_uint8  # noqa: E402
from kerasaug.models import layers  # noqa: E402
from kerasaug.models.adversarial import Stage  # noqa: E402
from kerasaug.models.wgan import WGAN  # noqa: E402
from kerasaug.quality import fidelity  # noqa: E402
from kerasaug.quality.evaluator import Judge  # noqa: E402

SHAPE, BATCH, N_CRITIC, LEARNING_RATE = (28, 28, 1), 128, 3, 2e-4
DRAWN = 1000
PLAIN, TORCH = "plain Keras step", "PyTorch"
ALL = "the same and a lazy penalty"
SLOW = ("ours", "ours, bfloat16")
"""Whose images differ from those of a faster variant by rounding alone."""


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
        """Where in the window each place stands, seen from each output, or -1; and the outputs."""
        size, stride = self.kernel_size[axis], self.strides[axis]
        outputs = -(-side // stride)
        before = max((outputs - 1) * stride + size - side, 0) // 2
        taps = np.arange(side)[:, None] - stride * np.arange(outputs) + before
        return np.where((taps >= 0) & (taps < size), taps, -1), outputs


class OurWGAN(WGAN):
    """Our train step on the example's networks."""

    last_convolution = keras.layers.Conv2D

    def build_stages(self):
        """See `AdversarialModel.build_stages`."""
        critic = peers.build_critic(layers.LeakyReLU, self.last_convolution)
        generator = peers.build_generator()
        images, latents = keras.Input(SHAPE), keras.Input((peers.LATENT_DIM,))
        labels, progress = keras.Input((), dtype="int32"), keras.Input(())
        return [
            Stage(
                keras.Model([images, labels, progress], critic(images)),
                keras.Model([latents, labels, progress], generator(latents)),
            )
        ]


class ProductWGAN(OurWGAN):
    """The same, with the critic's last convolution as a matrix product."""

    last_convolution = SmallGridConv2D


def ours(model=OurWGAN, penalty_interval=1):
    """Makes our model, compiled as the plain one is."""
    gan = model(
        SHAPE,
        latent_dim=peers.LATENT_DIM,
        n_critic=N_CRITIC,
        gradient_penalty_weight=PENALTY_WEIGHT,
        penalty_interval=penalty_interval,
    )
    gan.compile(
        critic_optimizer=keras.optimizers.Adam(LEARNING_RATE, beta_1=0.5, beta_2=0.9),
        generator_optimizer=keras.optimizers.Adam(LEARNING_RATE, beta_1=0.5, beta_2=0.9),
    )
    return gan


def plain():
    """Makes the plain model."""
    gan = StraightforwardWGAN(N_CRITIC)
    gan.compile_for_training(LEARNING_RATE)
    return gan


def variants():
    """By name, the dtype policy of a Keras model and what makes it."""
    found = {
        PLAIN: ("float32", plain),
        "ours": ("float32", ours),
        "ours, matrix product": ("float32", lambda: ours(ProductWGAN)),
    }
    if runtime.best_dtype_policy() != "float32":
        found |= {
            "ours, bfloat16": ("mixed_bfloat16", ours),
            "ours, bfloat16, matrix product": ("mixed_bfloat16", lambda: ours(ProductWGAN)),
            ALL: ("mixed_bfloat16", lambda: ours(ProductWGAN, N_CRITIC)),
        }
    return found


def made(policy, make, seed=0):
    """A model of a variant, made under its policy."""
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(policy)
    try:
        return make()
    finally:
        keras.config.set_dtype_policy("float32")


def step_of(model, xla=False):
    """A function that takes a train step on images and waits for it."""
    takes_labels = isinstance(model, WGAN)

    @tf.function(jit_compile=xla)
    def step(images):
        labels = tf.zeros((tf.shape(images)[0],), tf.int32)
        return model.train_step((images, labels) if takes_labels else images)

    return lambda images: float(step(images)["generator_loss"])


def draw_of(model):
    """A function that draws images.

    Of both kinds with the weights of now, not the average that only ours keeps, and normalised by
    the batch: moving averages lag behind the more, the fewer passes a generator has made.
    """

    @tf.function
    def draw(*inputs):
        return to_uint8(model.generator(inputs if len(inputs) > 1 else inputs[0], training=True))

    return draw


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
    steps = {name: (step_of(made(*how)), images) for name, how in variants().items()}
    steps["ours, compiled by XLA"] = step_of(made("float32", ours), xla=True), images
    if importlib.util.find_spec("torch"):
        import torch

        torch_images = torch.from_numpy(images.numpy().transpose(0, 3, 1, 2).copy())
        torch_images = torch_images.to(memory_format=torch.channels_last)
        steps[TORCH] = (torch_step(BATCH, N_CRITIC, LEARNING_RATE)[0], torch_images)
    found = take_turns({name: lambda s=s, x=x: s(x) for name, (s, x) in steps.items()}, rounds)
    print(f"seconds per train step, median of {rounds}, and times as fast as {PLAIN}, {TORCH}")
    for name, seconds in found.items():
        ratios = [found[peer] / seconds for peer in (PLAIN, TORCH) if peer in found]
        print(f"{name:32}{seconds:8.3f}" + "".join(f"{ratio:8.2f}" for ratio in ratios), flush=True)


def measure_generation(rounds, count=2048):
    """Prints images per second."""
    gan = made("float32", ours)
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        gan.export(Path(folder) / "generator")
        saved = savedmodel.ExportedGenerator(Path(folder) / "generator")
        runs["ours, SavedModel"] = lambda: saved.generate(count, 0, seed=0)
        if importlib.util.find_spec("torch"):
            import torch

            _, generator = torch_step(BATCH)
            generator.eval()

            def draw():
                with torch.inference_mode():
                    for _ in range(count // 256):
                        images = generator(torch.randn(256, peers.LATENT_DIM))
                        ((images + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)

            runs[TORCH] = draw
        found = take_turns(runs, rounds)
    print(f"images per second, median of {rounds} times {count} images as uint8")
    for name, seconds in found.items():
        print(f"{name:32}{count / seconds:8.0f}{found.get(TORCH, seconds) / seconds:8.2f}")


def take_turns(runs, rounds):
    """Median seconds of functions that are called in turn, after once that is not counted."""
    seconds = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(each[1:]) for name, each in seconds.items()}


def measure_quality(steps, seeds):
    """Prints how far images are from MNIST's test images after as many steps."""
    dataset = data.load("mnist").cache()
    judge = Judge(dataset, steps=400)
    real, _ = next(dataset.test.batch(DRAWN).as_numpy_iterator())
    real_sample = fidelity.Sample(judge.look(real)[0])
    print(f"kernel distance to test images after {steps} steps: mean, range of {seeds} seeds")
    chosen = {name: how for name, how in variants().items() if name not in SLOW}
    for name, how in chosen.items():
        distances = []
        for seed in range(seeds):
            model = made(*how, seed=seed)
            step = step_of(model)
            for images, _ in dataset.batches(N_CRITIC * BATCH, seed=seed).take(steps):
                step(images)
            latents = tf.random.stateless_normal((DRAWN, peers.LATENT_DIM), [seed, 0])
            inputs = [latents, np.zeros(DRAWN, np.int32), np.zeros(DRAWN, np.float32)]
            drawn = in_chunks(draw_of(model), *(inputs if isinstance(model, WGAN) else [latents]))
            sample = fidelity.Sample(judge.look(drawn)[0])
            distances.append(fidelity.kernel_distance(real_sample, sample))
        ends = f"{min(distances):.3f} to {max(distances):.3f}"
        print(f"{name:32}{statistics.mean(distances):8.3f}  {ends}", flush=True)


if __name__ == "__main__":
    main()
