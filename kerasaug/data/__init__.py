"""Images in: from what you have to `tf.data` batches."""

from kerasaug.data.arrays import from_arrays
from kerasaug.data.augment import affine, crop_rotate
from kerasaug.data.dataset import ImageDataset
from kerasaug.data.sources import load

__all__ = ["ImageDataset", "affine", "crop_rotate", "from_arrays", "load"]
