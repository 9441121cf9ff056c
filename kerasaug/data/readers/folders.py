"""A folder of class folders: every file is read once to check it, and streamed from then on."""

import collections
import functools
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasaug.data.dataset import NO_LABELS, SPLITS, ImageDataset, Note
from kerasaug.data.readers import (
    checked,
    duplicates,
    groups,
    image_files,
    table,
    tree,
    written,
)
from kerasaug.data.readers.checked import File, Unusable
from kerasaug.data.readers.near_duplicates import SIDE
from kerasaug.data.readers.pixel_ranges import PixelRange
from kerasaug.data.readers.table import Table
from kerasaug.errors import InputError
from kerasaug.limits import LARGEST_SIDE

USUAL_SIDE = 64


class FolderScan(NamedTuple):
    """The content of a folder of class folders.

    Attributes:
        files: By split (`train`, and `test` if there is one), the images that can be used, in the
            order of their names.
        class_names: The classes that have images, sorted.
        class_folders: See `tree.Tree`.
        filled: What the deep pixels of all files fill.
        notes: What was left out, and what else a user should know.
    """

    files: dict[str, list[File]]
    class_names: tuple[str, ...]
    class_folders: dict[str, dict[str, list[Path]]]
    filled: PixelRange
    notes: tuple[Note, ...]


def read(
    root: Path,
    image_size: tuple[int, int] | None = None,
    aspect: str = "pad",
    group: str | None = None,
    pattern: str | None = None,
    labels: Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> ImageDataset:
    """Reads a folder in which every class has a folder of its own, or which a table describes.

    Args:
        root: See `scan`.
        image_size: `(height, width)` of all images. None takes the size that all files have, if its
            sides are up to 256; else a square of the median of the longer sides, at most 64.
        aspect: How images of other proportions are resized; see `image_files.fit`.
        group: A regular expression. Files whose paths below `root` have the same text in its first
            parentheses are one group; a file that it does not match is a group of its own.
        pattern: See `scan`.
        labels: A table of the files to read, in the place of class folders; see `table.read`. Its
            groups count, unless `group` is set.
        columns: See `table.read`.

    Returns:
        The data set, streaming; without `test` if there is no such folder. It is grey if all images
        are.

    Raises:
        InputError: See `scan` and `table.read`; and if `group` is no such expression, or matches no
            file.
    """
    listed = None if labels is None else table.read(root, labels, columns)
    files, class_names, _, filled, notes = scan(root, pattern, listed)
    files = {split: _in_no_order(split_files) for split, split_files in files.items()}
    in_order = [file for split in SPLITS for file in files.get(split, ())]
    names = [file.image.name for file in in_order]
    if listed and listed.groups and group is None:
        numbers, group_notes = groups.numbered(
            [listed.groups[file.path] or None for file in in_order]
        )
    else:
        numbers, group_notes = groups.find(names, group)
    if numbers is not None:
        group_notes += groups.notes_of_shared(*np.split(numbers, [len(files["train"])]))
    thumbnails = b"".join(file.thumbnail for file in in_order)
    shape = _common_shape(in_order, image_size)
    decode = functools.partial(image_files.read_tensor, shape=shape, aspect=aspect, filled=filled)
    class_ids = {name: class_id for class_id, name in enumerate(class_names)}
    split_labels, records = {}, {}
    for split, split_files in files.items():
        paths = [os.fsencode(file.path) for file in split_files]
        split_labels[split] = np.array(
            [class_ids[file.image.label] for file in split_files], np.int32
        )
        records[split] = tf.data.Dataset.from_tensor_slices((paths, split_labels[split]))
    return ImageDataset(
        name=root.resolve().name,
        content=_content(files, shape, aspect),
        records=records["train"],
        test_records=records.get("test"),
        class_names=class_names,
        image_shape=shape,
        train_labels=split_labels["train"],
        indices=np.arange(len(split_labels["train"])),
        test_labels=split_labels.get("test", NO_LABELS),
        names=tuple(names),
        thumbnails=np.frombuffer(thumbnails, np.uint8).reshape(-1, SIDE, SIDE),
        copies=duplicates.find_copies([file.image for file in in_order]),
        groups=numbers,
        decode=decode,
        notes=(*notes, *group_notes),
    )


def scan(root: Path, pattern: str | None = None, listed: Table | None = None) -> FolderScan:
    """Reads every image of a folder in which every class has a folder of its own.

    Files are taken in the order of their names, at any depth. Left out, with a note, are files
    without an image (see `image_files.read`), further copies of an image of the same class and
    split, and images that are in two classes.

    Args:
        root: Holds one folder per class; or folders that do and look like splits by their names
            (see `splits.find`), as `train` and `test`. A single one without folders in it is a
            class if others are beside it.
        pattern: Such as `*.jpg` or `images/*`: files whose names, or paths below `root` or below
            any folder in it, do not match are not read. None leaves masks of a segmentation out.
        listed: What is read instead, in the place of class folders.

    Raises:
        InputError: If there are no class folders with images, the pattern matches no file, it is
            not clear which folders are splits, two names differ only in case, or one is not UTF-8.
    """
    if listed is None:
        paths, class_folders, notes = tree.find(root, pattern)
    else:
        paths, class_folders, notes = listed.files, {}, [*listed.notes]
    results, filled, deep_notes = checked.read_all(root, paths)
    notes += deep_notes
    files = {split: _usable(split_results, notes) for split, split_results in results.items()}
    all_files = [file for split_files in files.values() for file in split_files]
    if not all_files:
        causes = "".join("; " + ": ".join([note.text, *note.items[:1]]) for note in notes)
        where = f"in class folders, as {root}/CLASS/*.png; or read a table of them with `labels`"
        raise InputError(f"{root} holds no images {'that are listed' if listed else where}{causes}")
    notes.insert(0, _summary(all_files))
    used = {file.image.label for file in all_files}
    labels = {label for pairs in paths.values() for _, label in pairs}
    names = sorted(labels.union(*class_folders.values()))
    if empty := [name for name in names if name not in used]:
        text = f"class{'es' * (len(empty) > 1)} without images left out"
        notes.append(Note(text, tuple(empty)))
    if "test" in files:
        notes += duplicates.notes_of_shared(
            *([file.image for file in files[split]] for split in SPLITS)
        )
    elif written.has_manifest(root):
        text = "some of these were generated, as listed here; real ones belong in a folder test"
        notes.append(Note(text, (written.MANIFEST,)))
    class_names = tuple(name for name in names if name in used)
    return FolderScan(files, class_names, class_folders, filled, tuple(notes))


def _in_no_order(files: list[File]) -> list[File]:
    # Large data are shuffled in a buffer, and by name it would hold a class or two.
    order = np.random.default_rng(0).permutation(len(files))
    return [files[place] for place in order]


def _usable(results: list[File | Unusable], notes: list[Note]) -> list[File]:
    """Leaves out what cannot be used."""
    files = [result for result in results if isinstance(result, File)]
    unique, copies, ambiguous = duplicates.split_duplicates([file.image for file in files])
    unusable = [result for result in results if isinstance(result, Unusable)]
    unreadable = [f"{name} ({reason})" for name, reason in unusable if reason]
    endings = collections.Counter(
        os.path.splitext(name)[1].lower() or "without an ending"
        for name, reason in unusable
        if not reason
    )
    if endings:
        counts = tuple(f"{count} {ending}" for ending, count in endings.most_common())
        text = f"{endings.total()} file{'s' * (endings.total() > 1)} left out: no images"
        notes.append(Note(text, counts))
    animated = [file.image.name for file in files if file.animated]
    for text, names in (
        ("left out: unreadable", unreadable),
        ("animated, of which the first image is taken", animated),
        ("left out: copies of an image of the same class", [image.name for image in copies]),
        ("left out: the same image is in two classes", [image.name for image in ambiguous]),
    ):
        if names:
            notes.append(Note(f"{len(names)} file{'s' * (len(names) > 1)} {text}", tuple(names)))
    unique_ids = set(map(id, unique))
    return [file for file in files if id(file.image) in unique_ids]


def _summary(files: list[File]) -> Note:
    sizes = collections.Counter(f"{file.shape[1]}x{file.shape[0]}" for file in files)
    modes = collections.Counter(image_files.MODE_NAMES.get(file.mode, file.mode) for file in files)
    counts = f"{_most_common(sizes)}; {_most_common(modes)}"
    return Note(f"{len(files)} image{'s' * (len(files) > 1)}: {counts}")


def _most_common(counts: collections.Counter[str]) -> str:
    shown = ", ".join(f"{count} {name}" for name, count in counts.most_common(5))
    return shown + (f" and {len(counts) - 5} other kinds" if len(counts) > 5 else "")


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
    for split, split_files in files.items():
        for file in split_files:
            digest.update(f"{split} {file.image.label}".encode(errors="surrogateescape"))
            digest.update(file.image.digest)
    return digest.hexdigest()
