"""How time and memory grow with the number of images and with their size.

Writes folders of PNG images of MNIST, of 15,000 training images and twice and four times as many,
and of 28, 64 and 128 pixels, and runs a tenth of the quick study with each in a process of its own:
with the images in memory, and read from disk again and again. Prints seconds, those of them before
the first step, and the peak of memory.

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

from kerasaug.quiet import quiet_tensorflow

BASE, TIMES, SIDES = 15_000, (1, 2, 4), (28, 64, 128)
TESTED = 2_000
ARMS = "none,balanced+affine,conditional-wgan:1000"
SHORTER = 10


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    quiet_tensorflow()
    if options.child:
        folder, held = options.child
        run_study(folder, held == "held")
        return
    wanted = [(BASE * times, SIDES[0]) for times in TIMES]
    wanted += [(BASE, side) for side in SIDES[1:]]
    print("images, pixels, where they are: seconds, of them before training, and peak MB")
    for count, side in wanted:
        with tempfile.TemporaryDirectory() as folder:
            write_images(Path(folder), count, side)
            for held in ("held", "disk"):
                command = [sys.executable, __file__, "--child", folder, held]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                print(f"{count:6} {side:4} {held}: {done.stdout.strip()}", flush=True)


def write_images(folder, count, side):
    """Writes MNIST's first training and test images as a folder of classes."""
    from kerasaug import data

    mnist = data.load("mnist")
    for split, stream, wanted in (("train", mnist.train, count), ("test", mnist.test, TESTED)):
        for class_id in range(mnist.num_classes):
            (folder / split / str(class_id)).mkdir(parents=True)
        for number, (image, label) in enumerate(stream.take(wanted).as_numpy_iterator()):
            picture = Image.fromarray(image[:, :, 0]).resize((side, side))
            picture.save(folder / split / str(label) / f"{number:05}.png", compress_level=1)


def run_study(folder, held):
    """Runs a short study, and prints what it took."""
    start = time.perf_counter()
    import keras
    import studies

    from kerasaug import data
    from kerasaug.data.dataset import ImageDataset
    from kerasaug.study import parallel

    parallel.limit_threads()
    if not held:
        ImageDataset.cache = functools.partialmethod(ImageDataset.cache, most_bytes=0)
    began = []
    fit = keras.Model.fit

    def watched(self, *args, **kwargs):
        began.append(time.perf_counter())
        return fit(self, *args, **kwargs)

    keras.Model.fit = watched
    with tempfile.TemporaryDirectory() as output:
        dataset = data.load(folder)
        options = {"seeds": 1, "arms": ARMS, "latent_map": False, "shorter": SHORTER}
        studies.quick(output, dataset=dataset, **options).run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{time.perf_counter() - start:.0f} {began[0] - start:.1f} {peak}")


if __name__ == "__main__":
    main()
