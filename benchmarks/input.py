"""What batches from memory cost: time to the first one, time per batch, and memory.

Prints the seconds from TensorFlow's import to the first batch of MNIST; the median milliseconds of
a class-balanced batch of 256, unchanged and augmented by `affine`, when the next batch is asked for
at once and when a training step of 50 ms lies between, while it is prepared; and by how much
memory grows, at its peak and afterwards, when 60,000 images of 28x28 and 20,000 of 64x64x3 are read
into it and drawn from, beside the bytes of their pixels (on Linux).

    python benchmarks/input.py [--batches 200]
"""

import argparse
import statistics
import subprocess
import sys
import time

from kerasaug.runtime import limit_threads, quiet_tensorflow

STEP = 0.05
SIZES = ((60_000, 28, 1), (20_000, 64, 3))


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--peak-of", type=int, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    quiet_tensorflow()
    limit_threads()
    if options.peak_of:
        print(*grow(*options.peak_of))
        return
    measure_time(options.batches)
    for count, side, channels in SIZES:
        pixels = count * side * side * channels / 2**20
        size = map(str, (count, side, channels))
        command = [sys.executable, __file__, "--peak-of", *size]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peak, after = (float(value) / pixels for value in done.stdout.split())
        print(
            f"{count} images of {side}x{side}x{channels}, {pixels:.0f} MB of pixels: "
            f"{peak:.2f} times that at the peak, {after:.2f} times afterwards"
        )


def measure_time(count: int) -> None:
    """Prints seconds to the first batch, and milliseconds per batch."""
    start = time.perf_counter()
    from kerasaug import data
    from kerasaug.runtime import make_reproducible

    make_reproducible(0)
    mnist = data.load("mnist").reduce({"5": 54}).cache()
    next(iter(mnist.batches(256, balanced=True)))
    print(f"first batch after {time.perf_counter() - start:.1f} s")
    for name, augment in (("unchanged", None), ("affine", data.affine)):
        batches = iter(mnist.batches(256, balanced=True, augment=augment))
        next(batches)
        for pause in (0.0, STEP):
            milliseconds = statistics.median(wait(batches, pause) for _ in range(count))
            print(f"{name:10} {1000 * pause:3.0f} ms between: {milliseconds:6.2f} ms per batch")


def wait(batches, pause: float) -> float:
    """Milliseconds that the next batch takes after a pause."""
    time.sleep(pause)
    start = time.perf_counter()
    next(batches)
    return 1000 * (time.perf_counter() - start)


def memory(what: str) -> float:
    """MB of this process: VmRSS, or its peak VmHWM."""
    line = next(line for line in open("/proc/self/status") if line.startswith(what))
    return int(line.split()[1]) / 1024


def grow(count: int, side: int, channels: int) -> tuple[float, float]:
    """MB at the peak and afterwards, when images are read into memory and drawn from."""
    import numpy as np
    import tensorflow as tf

    from kerasaug import data

    def noise(count):
        def images():
            random = np.random.default_rng(0)
            for number in range(count):
                yield random.integers(0, 256, (side, side, channels), np.uint8), number % 10

        spec = (tf.TensorSpec((side, side, channels), tf.uint8), tf.TensorSpec((), tf.int32))
        few = np.zeros((20, side, side, channels), np.uint8), np.arange(20) % 10
        return data.ImageDataset(
            name="noise",
            content="noise",
            records=tf.data.Dataset.from_generator(images, output_signature=spec),
            test_records=data.from_arrays(*few, *few).test,
            class_names=tuple(map(str, range(10))),
            image_shape=(side, side, channels),
            train_labels=np.arange(count, dtype=np.int32) % 10,
            indices=np.arange(count),
            test_labels=np.arange(20) % 10,
        )

    def draw(dataset):
        for reduced in (dataset, dataset.reduce({"1": 5})):
            for _ in reduced.batches(64, balanced=True).take(50):
                pass

    draw(noise(100).cache())
    before = memory("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # The peak starts anew.
    dataset = noise(count).cache()
    draw(dataset)
    return memory("VmHWM") - before, memory("VmRSS") - before


if __name__ == "__main__":
    main()
