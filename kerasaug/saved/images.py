"""Images that were drawn from a generator, on disk: PNG files by class, `.npz` or `.tfrecord`."""

import csv
import hashlib
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasaug.data.readers.image_files import SUFFIXES
from kerasaug.data.readers.written import MANIFEST, MANIFEST_COLUMNS
from kerasaug.errors import InputError
from kerasaug.files import atomic, link

DIGITS = 6
FORBIDDEN = re.compile(r"[%/\\\x00-\x1f\x7f]|^\.|[. ]$")
"""Not allowed in file names: what leads elsewhere, is hidden, or cannot be read."""
LONGEST_NAME = 100
"""File systems allow 255 bytes, of which the seed and the number need some too."""


class DrawnImages(NamedTuple):
    """Images of one class that were drawn with one seed.

    Attributes:
        images: uint8 array (n, height, width, channels).
        label: Name of the class.
        class_id: Its index.
        seed: They are images 0 to n - 1 of it.
    """

    images: np.ndarray
    label: str
    class_id: int
    seed: int


def write(batch: DrawnImages, path: Path, class_names: Sequence[str] | None) -> None:
    """Writes images in the format that the end of the path names.

    A folder gets `LABEL/LABEL-seedSEED-NUMBER.png` and a line per image in `manifest.csv`; its
    other content stays, and images that it has already are not written again. A file `.npz` has
    arrays `x`, `y` and, if they are known, `class_names`. A file `.tfrecord` has one
    `tf.train.Example` per image with `image/encoded` (PNG), `image/format`, `image/height`,
    `image/width`, `image/class/label` and `image/class/text`. Files appear whole or not at all.

    Args:
        batch: The images.
        path: A folder or a file.
        class_names: Names in the order of the labels, if they are known.

    Raises:
        InputError: If something else would be overwritten.
    """
    check(path)
    if path.suffix == ".npz":
        names = {} if class_names is None else {"class_names": np.array(class_names)}
        labels = np.full(len(batch.images), batch.class_id)
        with atomic(path) as draft:
            np.savez_compressed(draft, x=batch.images, y=labels, **names)
    elif path.suffix == ".tfrecord":
        with atomic(path) as draft, tf.io.TFRecordWriter(str(draft)) as writer:
            for image in batch.images:
                writer.write(_example(image, batch).SerializeToString())
    else:
        _write_folder(batch, path)


def check(path: Path) -> None:
    """Raises `InputError` for a file that exists, or of a kind that `write` does not write."""
    if path.suffix in (".npz", ".tfrecord"):
        if path.exists():
            raise InputError(f"{path} is there already; nothing is overwritten")
    elif not path.is_dir() and (path.exists() or path.suffix.lower() in SUFFIXES):
        raise InputError(f"{path} is a file; it must be a folder, or a file .npz or .tfrecord")


def file_name(label: str) -> str:
    """The name of a class, any text, as a file may have it; different for every class."""
    # As in a URL, where a dot would be left as it is.
    name = FORBIDDEN.sub(lambda match: f"%{ord(match[0]):02X}", label)
    encoded = name.encode()
    if len(encoded) > LONGEST_NAME:
        start = encoded[:LONGEST_NAME].decode(errors="ignore")
        name = f"{start}-{hashlib.sha256(encoded).hexdigest()[:8]}"
    return name


def png(image: np.ndarray) -> bytes:
    """Encodes a uint8 array (height, width, 1 or 3)."""
    return tf.io.encode_png(image).numpy()


def write_manifest(path: Path, rows: Sequence[Sequence[str | int]]) -> None:
    """Writes `MANIFEST_COLUMNS` of every image: of which class it is, and how it was drawn."""
    with atomic(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([MANIFEST_COLUMNS, *rows])


def read_manifest(path: Path) -> list[list[str]]:
    """Reads what `write_manifest` wrote, if anything; raises `InputError` for another file."""
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            columns, *rows = csv.reader(file)
    except (ValueError, csv.Error):
        columns, rows = [], []
    if tuple(columns) != MANIFEST_COLUMNS:
        raise InputError(f"{path} is no manifest of kerasaug")
    return rows


def _write_folder(batch: DrawnImages, folder: Path) -> None:
    name, manifest = file_name(batch.label), folder / MANIFEST
    read_manifest(manifest)
    contents = {
        f"{name}-seed{batch.seed}-{number:0{DIGITS}}.png": png(image)
        for number, image in enumerate(batch.images)
    }
    # What an interrupted run left is as it would be written now.
    missing = [file for file in contents if not (folder / name / file).exists()]
    for file in contents.keys() - missing:
        if (folder / name / file).read_bytes() != contents[file]:
            raise InputError(
                f"{folder / name / file} is there already and shows something else; "
                "give another `seed` or folder"
            )
    (folder / name).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as workshop:
        for file in missing:
            draft = Path(workshop) / file
            draft.write_bytes(contents[file])
            # Unlike a rename, this never replaces what another process has put there.
            link(draft, folder / name / file)
    rows = [
        [f"{name}/{file}", batch.label, str(batch.seed), str(number)]
        for number, file in enumerate(contents)
    ]
    written = set(map(tuple, rows))
    others = [row for row in read_manifest(manifest) if tuple(row) not in written]
    write_manifest(manifest, others + rows)


def _example(image: np.ndarray, batch: DrawnImages) -> tf.train.Example:
    values = {
        "image/encoded": png(image),
        "image/format": b"png",
        "image/height": image.shape[0],
        "image/width": image.shape[1],
        "image/class/label": batch.class_id,
        "image/class/text": batch.label.encode(),
    }
    features = {name: _feature(value) for name, value in values.items()}
    return tf.train.Example(features=tf.train.Features(feature=features))


def _feature(value: bytes | int) -> tf.train.Feature:
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
