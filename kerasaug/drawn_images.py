"""Images that were drawn from a generator, on disk: PNG files by class, `.npz` or `.tfrecord`."""

import csv
import hashlib
import os
import shutil
import tempfile
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from kerasaug.errors import InputError
from kerasaug.files import atomic, is_empty

MANIFEST = "manifest.csv"
COLUMNS = ("file", "label", "seed", "number")
DIGITS = 6
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

    A folder gets `LABEL/LABEL-seedSEED-NUMBER.png` and a line per image in `manifest.csv`; one that
    has images already keeps them. A file `.npz` has arrays `x`, `y` and, if they are known,
    `class_names`. A file `.tfrecord` has one `tf.train.Example` per image with `image/encoded`
    (PNG), `image/format`, `image/height`, `image/width`, `image/class/label` and
    `image/class/text`. Files appear whole or not at all.

    Args:
        drawn: What to write.
        path: Where to.
        class_names: Names in the order of the labels, if they are known.

    Raises:
        InputError: If a file is there already that would be overwritten.
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
    elif path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file; accepted: a folder, or a file .npz or .tfrecord")


def file_name(label: str) -> str:
    """A class's name as a file may have it; another one for every class.

    Args:
        label: Any text.
    """
    quoted = urllib.parse.quote(label, safe=" ()[]+,=@!'")
    if len(quoted) > LONGEST_NAME:
        quoted = f"{quoted[:LONGEST_NAME]}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


def save_png(image: np.ndarray, path: Path) -> None:
    """Writes an image.

    Args:
        image: uint8 array (height, width, 1 or 3).
        path: Where to.
    """
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(path, format="PNG")


def write_manifest(path: Path, rows: Sequence[Sequence[str | int]]) -> None:
    """Writes which image is of which class, and how it can be drawn again.

    Args:
        path: The file.
        rows: `COLUMNS` of each image: file, label, seed, number.
    """
    with atomic(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def _write_folder(drawn: Drawn, folder: Path) -> None:
    name = file_name(drawn.label)
    files = [f"{name}-seed{drawn.seed}-{n:0{DIGITS}}.png" for n in range(len(drawn.images))]
    for file in files:
        if os.path.lexists(folder / name / file):
            raise InputError(
                f"{folder / name / file} is there already, and is not overwritten; "
                "give another seed or folder"
            )
    rows = [[f"{name}/{file}", drawn.label, drawn.seed, n] for n, file in enumerate(files)]
    if not folder.exists() or is_empty(folder):
        with atomic(folder) as draft:
            (draft / name).mkdir(parents=True)
            for image, file in zip(drawn.images, files, strict=True):
                save_png(image, draft / name / file)
            write_manifest(draft / MANIFEST, rows)
        return
    before = _read_manifest(folder / MANIFEST)
    workshop = Path(tempfile.mkdtemp(prefix=f".{name[:40]}-", dir=folder))
    try:
        for image, file in zip(drawn.images, files, strict=True):
            save_png(image, workshop / file)
        (folder / name).mkdir(exist_ok=True)
        for file in files:
            (workshop / file).rename(folder / name / file)
        write_manifest(folder / MANIFEST, before + rows)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _read_manifest(path: Path) -> list[list[str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    if tuple(head) != COLUMNS:
        raise InputError(f"{path} is no manifest of ours; give another folder")
    return rows


def _example(image: np.ndarray, drawn: Drawn) -> tf.train.Example:
    def of_bytes(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    def of_int(value):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    features = {
        "image/encoded": of_bytes(tf.io.encode_png(image).numpy()),
        "image/format": of_bytes(b"png"),
        "image/height": of_int(image.shape[0]),
        "image/width": of_int(image.shape[1]),
        "image/class/label": of_int(drawn.class_id),
        "image/class/text": of_bytes(drawn.label.encode()),
    }
    return tf.train.Example(features=tf.train.Features(feature=features))
