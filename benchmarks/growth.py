"""How time and memory grow with the number of images and with their size.

Writes folders of PNG images of MNIST, of 15,000 training images and twice and four times as many,
and of 28, 64 and 128 pixels, and runs a tenth of the quick study with each in a process of its own:
with the images in memory, and read from disk again and again. Prints seconds, how many of them
passed before the first step, and the peak of memory.

    python benchmarks/growth.py
"""

import argparse
import functools
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from kerasaug.runtime import limit_threads, quiet_tensorflow

BASE, TIMES, SIDES = 15_000, (1, 2, 4), (28, 64, 128)
TEST_IMAGES = 2_000
ARMS = "none,balanced+affine,conditional-wgan:1000"
SHORTER = 10


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    quiet_tensorflow()
    if options.child:
        folder, source = options.child
        run_study(folder, source == "memory")
        return
    cases = [(BASE * times, SIDES[0]) for times in TIMES]
    cases += [(BASE, side) for side in SIDES[1:]]
    print("images, pixels, source: seconds, of them before training, and peak MB")
    for count, side in cases:
        with tempfile.TemporaryDirectory() as folder:
            write_images(Path(folder), count, side)
            for source in ("memory", "disk"):
                command = [sys.executable, __file__, "--child", folder, source]
                child = subprocess.run(command, check=True, capture_output=True, text=True)
                print(f"{count:6} {side:4} {source}: {child.stdout.strip()}", flush=True)


def write_images(folder, train_count, side):
    """Writes MNIST's first training and test images as a folder of classes."""
    from kerasaug import data

    mnist = data.load("mnist")
    for split, stream, count in (
        ("train", mnist.train, train_count),
        ("test", mnist.test, TEST_IMAGES),
    ):
        for class_id in range(mnist.num_classes):
            (folder / split / str(class_id)).mkdir(parents=True)
        for number, (image, label) in enumerate(stream.take(count).as_numpy_iterator()):
            picture = Image.fromarray(image[:, :, 0]).resize((side, side))
            picture.save(folder / split / str(label) / f"{number:05}.png", compress_level=1)


def run_study(folder, in_memory):
    """Runs a short study, and prints its time and memory."""
    start = time.perf_counter()
    import keras
    import studies

    from kerasaug import data
    from kerasaug.data.dataset import ImageDataset

    limit_threads()
    if not in_memory:
        ImageDataset.cache = functools.partialmethod(ImageDataset.cache, most_bytes=0)
    starts = []
    fit = keras.Model.fit

    def timed_fit(self, *args, **kwargs):
        starts.append(time.perf_counter())
        return fit(self, *args, **kwargs)

    keras.Model.fit = timed_fit
    with tempfile.TemporaryDirectory() as output:
        dataset = data.load(folder)
        options = {"seeds": 1, "arms": ARMS, "latent_map": False, "shorter": SHORTER}
        studies.quick(output, dataset=dataset, **options).run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{time.perf_counter() - start:.0f} {starts[0] - start:.1f} {peak}")


if __name__ == "__main__":
    main()
