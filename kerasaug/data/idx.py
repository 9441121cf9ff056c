"""MNIST's own files (IDX)."""

import gzip
import math
import re
import zlib
from pathlib import Path

import numpy as np

from kerasaug.data import arrays
from kerasaug.data.dataset import SPLITS, ImageDataset
from kerasaug.data.held import blocks
from kerasaug.errors import InputError

FILE = re.compile(r"(?:(.+)-)?(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(?:\.gz)?")
MOST_DIMENSIONS = 3


def is_folder(path: Path) -> bool:
    """Whether a folder holds MNIST's own files.

    Args:
        path: A folder.
    """
    return any(FILE.fullmatch(entry.name) for entry in path.iterdir())


def read(folder: Path) -> ImageDataset:
    """Reads files as MNIST's authors published them, gzipped or not.

    Args:
        folder: Holds `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, and if there is a
            test split `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`; with a common
            beginning, as EMNIST has, or with `.gz` at the end.

    Returns:
        The data set; without `test` if there are no such files.

    Raises:
        InputError: If a file is missing, or cannot be read so.
    """
    found: dict[tuple[str, str], Path] = {}
    for entry in sorted(folder.iterdir()):
        if matched := FILE.fullmatch(entry.name):
            key = ("train" if matched[2] == "train" else "test", matched[3])
            if key in found:
                raise InputError(f"{folder} holds both {found[key].name} and {entry.name}")
            found[key] = entry
    splits = SPLITS if any(split == "test" for split, _ in found) else SPLITS[:1]
    for split in splits:
        for kind in ("images", "labels"):
            if (split, kind) not in found:
                raise InputError(f"{folder} has no file of {split} {kind} in IDX format")
    images = [_read_file(found[split, "images"])[..., None] for split in splits]
    labels = [_read_file(found[split, "labels"]) for split in splits]
    for split, pixels, each in zip(splits, images, labels, strict=True):
        if pixels.ndim != 4 or each.shape != pixels.shape[:1] or not len(each):
            raise InputError(f"{folder}: {split} images {pixels.shape[:-1]}, labels {each.shape}")
    names, labels = arrays.numbered(labels)
    pairs = zip(map(blocks, images), labels, strict=True)
    return arrays.of_splits(dict(zip(splits, pairs, strict=True)), names, folder.resolve().name)


def _read_file(path: Path) -> np.ndarray:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            # Two zero bytes, 8 for unsigned bytes, the number of dimensions, and their sizes.
            head = file.read(4)
            sizes = file.read(4 * head[3]) if len(head) == 4 else b""
            shape = tuple(np.frombuffer(sizes[: len(sizes) // 4 * 4], ">u4").tolist())
            if head[:3] != b"\0\0\x08" or not 0 < len(shape) == head[3] <= MOST_DIMENSIONS:
                raise InputError(f"{path} is no IDX file of unsigned bytes, or it is damaged")
            size = math.prod(shape)
            arrays.refuse_what_does_not_fit(path, size)
            pixels = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: it is damaged or not permitted") from error
    if len(pixels) != size:
        raise InputError(f"{path} is no IDX file of unsigned bytes, or it is damaged")
    return np.frombuffer(pixels, np.uint8).reshape(shape)
