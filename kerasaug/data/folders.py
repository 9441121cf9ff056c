"""A folder of class folders: every file is looked at once, and streamed from then on."""

import collections
import functools
import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from kerasaug.data import copies, pictures, streams
from kerasaug.data.copies import Seen
from kerasaug.data.dataset import SPLITS, ImageDataset, Note
from kerasaug.errors import InputError
from kerasaug.limits import LARGEST_SIDE

USUAL_SIDE = 64
MANIFEST, MANIFEST_COLUMNS = "manifest.csv", ("file", "label", "seed", "number")
"""Lists which images of a folder were generated."""


class File(NamedTuple):
    """An image file that was looked at.

    Attributes:
        path: Where it is.
        seen: Its path below the folder of the data set, class folder and pixels.
        shape: `(height, width, channels)`.
        mode: The file's own pixel format, as Pillow names it.
        animated: Whether it holds further images.
    """

    path: str
    seen: Seen
    shape: tuple[int, int, int]
    mode: str
    animated: bool


class Found(NamedTuple):
    """What a folder of class folders holds.

    Attributes:
        files: By split (`train`, and `test` if there is one), the images that can be used, in the
            order of their names.
        class_names: The classes that have images, sorted.
        places: By split and class, the class folder.
        notes: What was left out, and what else a user should know.
    """

    files: dict[str, list[File]]
    class_names: tuple[str, ...]
    places: dict[str, dict[str, Path]]
    notes: tuple[Note, ...]


def read(
    root: Path, image_size: tuple[int, int] | None = None, aspect: str = "pad"
) -> ImageDataset:
    """Reads a folder in which every class has a folder of its own.

    Args:
        root: See `look`.
        image_size: `(height, width)` of all images. If None, their own where they have one in
            common, with sides up to 256; else a square as long as the median of the longer sides,
            at most 64.
        aspect: How an image of other proportions is brought to that; see `pictures.fit`.

    Returns:
        The data set, streaming; without `test` if there is no such folder. It is grey if all images
        are.

    Raises:
        InputError: If there are no class folders with images, or two names differ only in case.
    """
    files, names, _, notes = look(root)
    shape = _common_shape([file for found in files.values() for file in found], image_size)
    decode = functools.partial(pictures.read_tensor, shape=shape, aspect=aspect)
    numbers = {name: number for number, name in enumerate(names)}
    labels = {
        split: np.array([numbers[file.seen.label] for file in found], np.int32)
        for split, found in files.items()
    }
    records = {
        split: tf.data.Dataset.from_tensor_slices(
            ([os.fsencode(file.path) for file in found], labels[split])
        )
        for split, found in files.items()
    }
    test, test_counts = None, ()
    if "test" in files:
        test = streams.decoded(records["test"], decode)
        test_counts = tuple(np.bincount(labels["test"], minlength=len(names)).tolist())
    return ImageDataset(
        name=root.resolve().name,
        content=_content(files, shape, aspect),
        records=records["train"],
        test=test,
        class_names=names,
        image_shape=shape,
        train_labels=labels["train"],
        indices=np.arange(len(labels["train"])),
        test_counts=test_counts,
        decode=decode,
        notes=notes,
    )


def look(root: Path) -> Found:
    """Looks at every image of a folder in which every class has a folder of its own.

    Files are taken in the order of their names, at any depth. Left out, with a note, are files that
    hold no image (see `pictures.read`), further copies of an image of the same class and split, and
    images that stand under two classes.

    Args:
        root: Holds one folder per class; or a folder `train`, and if wanted `test`, that do. A
            folder `train` without folders in it is a class, if others than `test` stand beside it.

    Returns:
        What it holds.

    Raises:
        InputError: If there are no class folders with images, or two names differ only in case.
    """
    notes: list[Note] = []
    roots = _split_folders(root, notes)
    places = {split: _class_folders(place, notes) for split, place in roots.items()}
    names = sorted({name for found in places.values() for name in found})
    _check_names(root, names)
    around = frozenset(map(_identity, (root, *roots.values())))
    files = {split: _look(root, found, around, notes) for split, found in places.items()}
    every = [file for found in files.values() for file in found]
    if not every:
        found = "".join("; " + ": ".join([note.text, *note.items[:1]]) for note in notes)
        raise InputError(f"{root} holds no images in class folders, as {root}/CLASS/*.png{found}")
    notes.insert(0, _summary(every))
    used = {file.seen.label for file in every}
    empty = [name for name in names if name not in used]
    if empty:
        text = f"class folder{'s' * (len(empty) > 1)} without images left out"
        notes.append(Note(text, tuple(empty)))
    if "test" not in files and _has_generated(root):
        text = "some of these were generated, as listed here; real ones belong in a folder test"
        notes.append(Note(text, (MANIFEST,)))
    if "test" in files:
        notes += copies.shared(*([file.seen for file in files[split]] for split in SPLITS))
    return Found(files, tuple(name for name in names if name in used), places, tuple(notes))


def _has_generated(root: Path) -> bool:
    manifest = root / MANIFEST
    return manifest.is_file() and manifest.read_bytes().startswith(
        ",".join(MANIFEST_COLUMNS).encode()
    )


def _split_folders(root: Path, notes: list[Note]) -> dict[str, Path]:
    folders = _visible_folders(root)
    _check_names(root, [folder.name for folder in folders])
    found = {entry.name.lower(): entry for entry in folders}
    others = sorted(entry.name for name, entry in found.items() if name not in SPLITS)
    if "train" not in found:
        return {"train": root}
    # A class may be called train: others stand beside it, and no class folders in it.
    if others and "test" not in found and not _visible_folders(found["train"]):
        notes.append(Note("the folder train holds no folders, so it is taken for a class"))
        return {"train": root}
    if others:
        notes.append(Note("folders beside train and test are not read", tuple(others)))
    return {split: found[split] for split in SPLITS if split in found}


def _class_folders(root: Path, notes: list[Note]) -> dict[str, Path]:
    loose = sum(_is_picture(entry.name) for entry in root.iterdir())
    if loose:
        notes.append(Note(f"{loose} images beside the class folders are not read"))
    return {entry.name: entry for entry in _visible_folders(root)}


def _visible_folders(root: Path) -> list[Path]:
    return sorted(
        entry for entry in root.iterdir() if not entry.name.startswith(".") and os.path.isdir(entry)
    )


def _check_names(root: Path, names: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(
                f"{root}: the folders {other!r} and {name!r} differ only in case; "
                "rename one, or put them together"
            )
        if name != os.fsencode(name).decode(errors="replace"):
            raise InputError(f"{root}: the name of the folder {name!r} is not UTF-8")


def _is_picture(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(pictures.SUFFIXES)


def _identity(folder: str | Path) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _walk(folder: str, around: frozenset[tuple[int, int]]) -> Iterator[str]:
    """All image files in a folder, by name; of a folder that holds itself, the folder."""
    here = around | {_identity(folder)}
    if len(here) == len(around):
        yield folder
        return
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.startswith("."):
            continue
        if os.path.isdir(path):
            yield from _walk(path, here)
        elif _is_picture(name):
            yield path


def _look(
    root: Path, folders: dict[str, Path], around: frozenset[tuple[int, int]], notes: list[Note]
) -> list[File]:
    """Looks at every file of a split, and leaves out what cannot be used."""
    paths = [
        (path, name) for name, folder in folders.items() for path in _walk(str(folder), around)
    ]
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool:
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        looked = list(pool.map(lambda pair: _look_at(root, *pair), paths))
    files = [each for each in looked if isinstance(each, File)]
    failed = [each for each in looked if isinstance(each, str)]
    _note(notes, len(failed), "left out: unreadable", failed)
    animated = [file.seen.name for file in files if file.animated]
    _note(notes, len(animated), "animated, of which the first image is taken", animated)
    return _without_copies(files, notes)


def _look_at(root: Path, path: str, class_name: str) -> File | str:
    """The file, or its name and why it cannot be used."""
    # A name that is not UTF-8 can be read, but not shown.
    name = os.fsencode(os.path.relpath(path, root)).decode(errors="replace")
    if os.path.isdir(path):
        return f"{name} (a link to a folder that holds it)"
    try:
        pixels, mode, animated = pictures.read(path)
    except pictures.UnreadableImage as error:
        return f"{name} ({error})"
    seen = Seen(name, class_name, copies.digest(pixels))
    return File(path, seen, pixels.shape, mode, animated)


def _without_copies(files: list[File], notes: list[Note]) -> list[File]:
    first, copied, doubtful = copies.parted([file.seen for file in files])
    for images, what in (
        (copied, "left out: copies of an image of the same class"),
        (doubtful, "left out: the same image stands under two classes"),
    ):
        _note(notes, len(images), what, [image.name for image in images])
    kept = set(map(id, first))
    return [file for file in files if id(file.seen) in kept]


def _note(notes: list[Note], count: int, what: str, items: list[str]) -> None:
    if count:
        notes.append(Note(f"{count} file{'s' * (count > 1)} {what}", tuple(items)))


def _summary(files: list[File]) -> Note:
    sizes = collections.Counter(f"{file.shape[1]}x{file.shape[0]}" for file in files)
    modes = collections.Counter(pictures.MODE_NAMES.get(file.mode, file.mode) for file in files)
    return Note(f"{len(files)} image{'s' * (len(files) > 1)}: {_most(sizes)}; {_most(modes)}")


def _most(counts: collections.Counter[str]) -> str:
    shown = ", ".join(f"{count} {name}" for name, count in counts.most_common(5))
    return shown + (f" and {len(counts) - 5} others" if len(counts) > 5 else "")


def _common_shape(files: list[File], size: tuple[int, int] | None) -> tuple[int, int, int]:
    channels = max(file.shape[2] for file in files)
    if size is None:
        sizes = {file.shape[:2] for file in files}
        size = next(iter(sizes))
        if len(sizes) > 1 or max(size) > LARGEST_SIDE:
            longer = int(np.median([max(file.shape[:2]) for file in files]))
            size = (min(longer, USUAL_SIDE),) * 2
    return (*size, channels)


def _content(files: dict[str, list[File]], shape: tuple[int, int, int], aspect: str) -> str:
    digest = hashlib.sha256(f"{shape} {aspect}".encode())
    for split, found in files.items():
        for file in found:
            digest.update(f"{split} {file.seen.label}".encode(errors="surrogateescape"))
            digest.update(file.seen.digest)
    return digest.hexdigest()
