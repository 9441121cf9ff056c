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

from kerasaug.data.folders import MANIFEST, MANIFEST_COLUMNS
from kerasaug.data.pictures import SUFFIXES
from kerasaug.errors import InputError
from kerasaug.files import atomic, link

DIGITS = 6
FORBIDDEN = re.compile(r"[%/\\\x00-\x1f\x7f]|^\.|[. ]$")
"""Kept out of file names: what leads elsewhere, is hidden, or cannot be read."""
LONGEST_NAME = 100
"""File systems allow 255 bytes, of which the seed and the number need some too."""


class Drawn(NamedTuple):
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


def write(drawn: Drawn, path: Path, class_names: Sequence[str] | None) -> None:
    """Writes images as the end of the path asks for.

    A folder gets `LABEL/LABEL-seedSEED-NUMBER.png` and a line per image in `manifest.csv`; what it
    has already stays, and images that it has already are not written again. A file `.npz` has
    arrays `x`, `y` and, if they are known, `class_names`. A file `.tfrecord` has one
    `tf.train.Example` per image with `image/encoded` (PNG), `image/format`, `image/height`,
    `image/width`, `image/class/label` and `image/class/text`. Files appear whole or not at all.

    Args:
        drawn: What to write.
        path: Where to.
        class_names: Names in the order of the labels, if they are known.

    Raises:
        InputError: If something else is there already that would be overwritten.
    """
    check(path)
    if path.suffix == ".npz":
        named = {} if class_names is None else {"class_names": np.array(class_names)}
        labels = np.full(len(drawn.images), drawn.class_id)
        with atomic(path) as draft:
            np.savez_compressed(draft, x=drawn.images, y=labels, **named)
    elif path.suffix == ".tfrecord":
        with atomic(path) as draft, tf.io.TFRecordWriter(str(draft)) as writer:
            for image in drawn.images:
                writer.write(_example(image, drawn).SerializeToString())
    else:
        _write_folder(drawn, path)


def check(path: Path) -> None:
    """Refuses a path that must not be written to.

    Args:
        path: What `write` is to be given.

    Raises:
        InputError: If it is a file that exists, or of a kind that is not written.
    """
    if path.suffix in (".npz", ".tfrecord"):
        if path.exists():
            raise InputError(f"{path} is there already; nothing is overwritten")
    elif not path.is_dir() and (path.exists() or path.suffix.lower() in SUFFIXES):
        raise InputError(f"{path} is a file; accepted: a folder, or a file .npz or .tfrecord")


def file_name(label: str) -> str:
    """A class's name as a file may have it; another one for every class.

    Args:
        label: Any text.
    """
    # As in a URL, where a dot would be left as it is.
    name = FORBIDDEN.sub(lambda found: f"%{ord(found[0]):02X}", label)
    whole = name.encode()
    if len(whole) > LONGEST_NAME:
        start = whole[:LONGEST_NAME].decode(errors="ignore")
        name = f"{start}-{hashlib.sha256(whole).hexdigest()[:8]}"
    return name


def png(image: np.ndarray) -> bytes:
    """Encodes an image.

    Args:
        image: uint8 array (height, width, 1 or 3).
    """
    return tf.io.encode_png(image).numpy()


def write_manifest(path: Path, rows: Sequence[Sequence[str | int]]) -> None:
    """Writes which image is of which class, and how it can be drawn again.

    Args:
        path: The file.
        rows: `MANIFEST_COLUMNS` of each image: file, label, seed, number.
    """
    with atomic(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([MANIFEST_COLUMNS, *rows])


def read_manifest(path: Path) -> list[list[str]]:
    """Reads what `write_manifest` wrote.

    Args:
        path: The file; it need not exist.

    Returns:
        `MANIFEST_COLUMNS` of each image.

    Raises:
        InputError: If it is something else.
    """
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file)
    except (ValueError, csv.Error):
        head, rows = [], []
    if tuple(head) != MANIFEST_COLUMNS:
        raise InputError(f"{path} is no manifest of ours")
    return rows


def _write_folder(drawn: Drawn, folder: Path) -> None:
    name = file_name(drawn.label)
    read_manifest(folder / MANIFEST)
    contents = {
        f"{name}-seed{drawn.seed}-{number:0{DIGITS}}.png": png(image)
        for number, image in enumerate(drawn.images)
    }
    rows = [
        [f"{name}/{file}", drawn.label, str(drawn.seed), str(number)]
        for number, file in enumerate(contents)
    ]
    # What an earlier run left that was stopped is as it would be written now.
    missing = {
        file: content for file, content in contents.items() if not (folder / name / file).exists()
    }
    for file in contents.keys() - missing.keys():
        if (folder / name / file).read_bytes() != contents[file]:
            raise InputError(
                f"{folder / name / file} is there already and shows something else; "
                "give another seed or folder"
            )
    (folder / name).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as workshop:
        for file, content in missing.items():
            draft = Path(workshop) / file
            draft.write_bytes(content)
            # Unlike a rename, this never replaces what another process has put there.
            link(draft, folder / name / file)
    known = set(map(tuple, rows))
    kept = [row for row in read_manifest(folder / MANIFEST) if tuple(row) not in known]
    write_manifest(folder / MANIFEST, kept + rows)


def _example(image: np.ndarray, drawn: Drawn) -> tf.train.Example:
    def of_bytes(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    def of_int(value):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    features = {
        "image/encoded": of_bytes(png(image)),
        "image/format": of_bytes(b"png"),
        "image/height": of_int(image.shape[0]),
        "image/width": of_int(image.shape[1]),
        "image/class/label": of_int(drawn.class_id),
        "image/class/text": of_bytes(drawn.label.encode()),
    }
    return tf.train.Example(features=tf.train.Features(feature=features))
