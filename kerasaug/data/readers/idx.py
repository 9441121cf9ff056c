"""MNIST's own files (IDX)."""

import gzip
import math
import re
import zlib
from pathlib import Path

import numpy as np

from kerasaug.data.dataset import SPLITS, ImageDataset
from kerasaug.data.readers import arrays
from kerasaug.errors import InputError

FILE = re.compile(r"(?:(.+)-)?(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(?:\.gz)?")
MOST_DIMENSIONS = 3


def is_folder(path: Path) -> bool:
    """Whether a folder holds IDX files."""
    return any(FILE.fullmatch(entry.name) for entry in path.iterdir())


def read(folder: Path) -> ImageDataset:
    """Reads files as MNIST's authors published them, gzipped or not.

    Args:
        folder: Holds `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, and perhaps
            `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`. The names may have a prefix, as
            in EMNIST, and end with `.gz`.

    Returns:
        The data set; without `test` if there are no such files.

    Raises:
        InputError: If a file is missing or damaged.
    """
    files: dict[tuple[str, str], Path] = {}
    for entry in sorted(folder.iterdir()):
        if match := FILE.fullmatch(entry.name):
            key = ("train" if match[2] == "train" else "test", match[3])
            if key in files:
                raise InputError(f"{folder} holds both {files[key].name} and {entry.name}")
            files[key] = entry
    splits = SPLITS if any(split == "test" for split, _ in files) else SPLITS[:1]
    for split in splits:
        for kind in ("images", "labels"):
            if (split, kind) not in files:
                raise InputError(f"{folder} has no file of {split} {kind} in IDX format")
    images = [_read_file(files[split, "images"])[..., None] for split in splits]
    labels = [_read_file(files[split, "labels"]) for split in splits]
    for split, pixels, classes in zip(splits, images, labels, strict=True):
        if pixels.ndim != 4 or classes.shape != pixels.shape[:1] or not len(classes):
            raise InputError(
                f"{folder}: {split} images {pixels.shape[:-1]}, labels {classes.shape}"
            )
    names, labels = arrays.names_and_indices(labels)
    pairs = zip(images, labels, strict=True)
    return arrays.from_splits(dict(zip(splits, pairs, strict=True)), names, folder.resolve().name)


def _read_file(path: Path) -> np.ndarray:
    damaged = InputError(f"{path} is no IDX file of unsigned bytes, or it is damaged")
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            # Two zero bytes, 8 for unsigned bytes, the number of dimensions, and their sizes.
            head = file.read(4)
            sizes = file.read(4 * head[3]) if len(head) == 4 else b""
            shape = tuple(np.frombuffer(sizes[: len(sizes) // 4 * 4], ">u4").tolist())
            if head[:3] != b"\0\0\x08" or not 0 < len(shape) == head[3] <= MOST_DIMENSIONS:
                raise damaged
            size = math.prod(shape)
            arrays.check_memory(path, size)
            pixels = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: it is damaged or not permitted") from error
    if len(pixels) != size:
        raise damaged
    return np.frombuffer(pixels, np.uint8).reshape(shape)
