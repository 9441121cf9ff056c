"""Memory does not grow with data that are read from disk."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

SIDE = 64
TRAIN = """
import resource, sys
from kerasaug.quiet import quiet_tensorflow
quiet_tensorflow()
import keras
import kerasaug as ka

data = ka.data.load(sys.argv[1])
gan = ka.models.WGAN(image_shape=data.image_shape, num_classes=2, width=4)
gan.compile(keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4))
batches = data.batches(64 * gan.n_critic, balanced=True)
# Enough to see all images of the larger folder once.
gan.fit(batches, steps_per_epoch=220, verbose=0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak(folder, count):
    """Peak memory in MB of a training on two classes, one of them a tenth of the other."""
    random = np.random.default_rng(0)
    for name, images in (("many", count - count // 11), ("few", count // 11)):
        (folder / name).mkdir(parents=True)
        for number in range(images):
            pixels = random.integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:05}.bmp")
    command = [sys.executable, "-c", TRAIN, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_ten_times_the_images_take_no_more_memory(tmp_path):
    few, many = peak(tmp_path / "few", 2_000), peak(tmp_path / "many", 20_000)
    print(f"peak memory: {few} MB with 2,000 images, {many} MB with 20,000")
    assert many < 1.2 * few
