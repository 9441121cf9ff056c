"""Labelled images, from what you have to `tf.data` batches.

`load` reads a folder, a file or a data set of tensorflow-datasets, and `from_arrays` takes NumPy
arrays. Both return an `ImageDataset`, which makes classes rare and draws batches. `affine` and
`crop_rotate` augment a batch.
"""

from kerasaug.data.augment import affine, crop_rotate
from kerasaug.data.dataset import ImageDataset
from kerasaug.data.load import load
from kerasaug.data.readers.arrays import from_arrays

__all__ = ["ImageDataset", "affine", "crop_rotate", "from_arrays", "load"]
