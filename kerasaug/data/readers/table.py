"""A list of labels, as CSV, beside one folder of images."""

import collections
import csv
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kerasaug.data.dataset import Note
from kerasaug.data.readers import image_files, splits
from kerasaug.data.readers.tree import SYSTEM_FOLDERS
from kerasaug.errors import InputError
from kerasaug.limits import COLUMNS

FILE, LABEL, SPLIT, GROUP = COLUMNS
NAMES = {
    FILE: "file filename filepath path image imagefile imageid imagename imagepath img idcode id",
    LABEL: "label labels class classname category target diagnosis dx y",
    SPLIT: "split subset partition",
    GROUP: "group groupid patient patientid subject subjectid case caseid lesionid partid videoid",
}
"""What people call the columns, in small letters alone."""
DELIMITERS = ",;\t|"


class Table(NamedTuple):
    """What a list of labels says of the files in a folder.

    Attributes:
        files: By split (`train`, and `test` if there is one), path and class of every file that is
            listed and there, in the order of their names.
        groups: By path, what the column of groups says; None without such a column.
        notes: What a user should know.
    """

    files: dict[str, list[tuple[str, str]]]
    groups: dict[str, str] | None
    notes: list[Note]


class Row(NamedTuple):
    """What a line says of a file; texts, empty where the table says nothing."""

    file: str
    label: str
    split: str
    group: str


def read(root: Path, path: Path, columns: Mapping[str, str] | None = None) -> Table:
    """Reads a list of labels and looks for its files.

    Args:
        root: The folder of the images, which may be in folders of any depth.
        path: A text in UTF-8: a line of names, and then a line for every file; with commas,
            semicolons, tabs or bars between columns. Files may be listed by their path below
            `root`, or by their name alone, with or without its ending. Where no column has a name
            of `NAMES` for labels, one of 0 and 1 for every class will do.
        columns: By one of `COLUMNS`, the name of the table's column; else it is found by `NAMES`.

    Raises:
        InputError: If it is no such table, a column is missing, or not the only one, a file has two
            labels, or no file is there.
    """
    rows, notes = _rows(path, columns or {})
    found = _Folder(root).find([row.file for row in rows])
    if not any(found):
        raise InputError(f"{path}: none of its files is in {root}, such as {rows[0].file}")
    kept: dict[str, Row] = {}
    for row, file in zip(rows, found, strict=True):
        if file is None:
            continue
        before = kept.setdefault(file, row)
        if before[1:] != row[1:]:
            which = next(
                name for name in COLUMNS[1:] if getattr(before, name) != getattr(row, name)
            )
            texts = f"{getattr(before, which)!r} and {getattr(row, which)!r}"
            raise InputError(f"{path}: {row.file} has two values of {which}, {texts}")
    _note(
        notes, "listed but not there", [r.file for r, f in zip(rows, found, strict=True) if not f]
    )
    unlabelled = [row.file for row in kept.values() if not row.label]
    _note(notes, "without a label left out", unlabelled)
    used = {file: row for file, row in sorted(kept.items()) if row.label}
    if not used:
        raise InputError(f"{path}: none of the files that are there has a label")
    spellings: dict[str, str] = {}
    for row in used.values():
        if (other := spellings.setdefault(row.label.casefold(), row.label)) != row.label:
            raise InputError(f"{path}: the labels {other!r} and {row.label!r} differ only in case")
    files = _by_split(path, used, notes)
    groups = {file: row.group for file, row in used.items()}
    different = set(groups.values())
    if GROUP not in (columns or {}) and len(different) == 1 and "" not in different:
        notes.append(Note("the column of groups has one value alone, so it is not used"))
        different.clear()
    return Table(files, groups if different - {""} else None, notes)


def _rows(path: Path, columns: Mapping[str, str]) -> tuple[list[Row], list[Note]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            delimiter = max(DELIMITERS, key=first.count)
            header = next(csv.reader([first], delimiter=delimiter), [])
            lines = [line for line in csv.reader(file, delimiter=delimiter, strict=True) if line]
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path} is no table of text in UTF-8: {error}") from error
    header = [name.strip() for name in header]
    wrong = next((n for n, line in enumerate(lines) if len(line) != len(header)), None)
    if not lines or wrong is not None:
        received = f"{len(header)} names" + (
            " and no line" if wrong is None else f"; {len(lines[wrong])} columns in {lines[wrong]}"
        )
        raise InputError(
            f"{path} must have a line of names and lines of as many columns. Received: {received}"
        )
    places = {kind: _place(path, header, kind, columns.get(kind)) for kind in COLUMNS}
    if places[FILE] is None:
        raise _missing(path, header, FILE)
    labels, notes = _labels(path, header, lines, places)
    cells = {
        kind: [""] * len(lines) if place is None else [line[place].strip() for line in lines]
        for kind, place in places.items()
    }
    rows = [Row(*row) for row in zip(*{**cells, LABEL: labels}.values(), strict=True)]
    _refuse_unread_split(path, header, lines, places)
    read = [f"{kind} from {header[place]}" for kind, place in places.items() if place is not None]
    notes.insert(0, Note(f"{len(rows)} lines of {path.name}: {', '.join(read)}"))
    if places[LABEL] is not None and (unread := set(range(len(header))) - set(places.values())):
        notes.append(Note("columns that are not read", tuple(header[n] for n in sorted(unread))))
    return rows, notes


def _refuse_unread_split(
    path: Path, header: Sequence[str], lines: list[list[str]], places: dict[str, int | None]
) -> None:
    """A column of splits under a name that nobody foresaw would put test images into training."""
    for place, name in enumerate(header):
        values = {line[place].strip() for line in lines}
        # A single word in some lines alone is a remark.
        named = values - {""} if len(values) > 2 else values
        kinds = [splits.read_name(value) for value in named]
        if place not in places.values() and all(kind and not kind.prefix for kind in kinds):
            raise InputError(
                f"{path}: the column {name} looks like the split; say `columns` split={name}, or "
                "remove it"
            )


def _place(path: Path, header: Sequence[str], kind: str, name: str | None) -> int | None:
    """Where a column is; None if there is none."""
    if name is not None:
        if header.count(name) != 1:
            raise InputError(f"{path} has no column {name!r}; it must be one of {_shown(header)}")
        return header.index(name)
    plain = [re.sub("[^a-z]", "", other.lower()) for other in header]
    places = [place for place, other in enumerate(plain) if other in NAMES[kind].split()]
    exact = [place for place in places if plain[place] == kind]
    places = exact if len(exact) == 1 else places
    if len(places) > 1:
        names = " and ".join(header[place] for place in places)
        raise InputError(
            f"{path}: the columns {names} may all be the {kind}; say `columns` {kind}=NAME"
        )
    return places[0] if places else None


def _labels(
    path: Path, header: Sequence[str], lines: list[list[str]], places: dict[str, int | None]
) -> tuple[list[str], list[Note]]:
    """The class of every line; from a column, or from one column of 0 and 1 for every class."""
    if (place := places[LABEL]) is not None:
        return [unicodedata.normalize("NFC", line[place].strip()) for line in lines], []
    others = [place for place in range(len(header)) if place not in places.values()]
    try:
        ones = [[float(line[place]) for place in others] for line in lines]
    except ValueError:
        raise _missing(path, header, LABEL) from None
    if len(others) < 2 or any(sorted(row) != [0.0] * (len(others) - 1) + [1.0] for row in ones):
        raise _missing(path, header, LABEL)
    names = tuple(header[place] for place in others)
    note = Note("labels from the columns of 0 and 1", names)
    return [names[row.index(1.0)] for row in ones], [note]


def _missing(path: Path, header: Sequence[str], kind: str) -> InputError:
    return InputError(
        f"{path}: which column is the {kind}? Say `columns` {kind}=NAME, with one of "
        f"{_shown(header)}"
    )


def _shown(header: Sequence[str]) -> str:
    return ", ".join(header[:12]) + (", ..." if len(header) > 12 else "")


def _by_split(
    path: Path, rows: dict[str, Row], notes: list[Note]
) -> dict[str, list[tuple[str, str]]]:
    names = sorted({row.split for row in rows.values()} - {""})
    if not names:
        return {"train": [(file, row.label) for file, row in rows.items()]}
    _note(notes, "without a split left out", [row.file for row in rows.values() if not row.split])
    rows = {file: row for file, row in rows.items() if row.split}
    kinds = {name: splits.read_name(name) for name in names}
    if strange := [name for name, kind in kinds.items() if kind is None or kind.prefix]:
        raise InputError(
            f"{path}: the split {strange[0]!r} must be train, validation or test, or name another "
            "column by `columns` split=NAME"
        )
    chosen = splits.choose({kind.kind for kind in kinds.values() if kind})
    if chosen is None:
        raise InputError(f"{path}: there is no split train, but {names[0]}")
    splits_of = {kind: split for split, kind in chosen.items()}
    used: dict[str, list[tuple[str, str]]] = {split: [] for split in chosen}
    left_out = []
    for file, row in rows.items():
        if split := splits_of.get(kinds[row.split].kind):
            used[split].append((file, row.label))
        else:
            left_out.append(row.file)
    for kind, split in splits_of.items():
        if split != kind:
            notes.append(Note(f"the split {kind} is read as {split}"))
    _note(notes, "of the split validation are not read", left_out)
    return used


class _Folder:
    """The files of a folder, by path and by name; images by those without their ending too."""

    def __init__(self, root: Path):
        self._by_path: dict[str, str] = {}
        self._by_key: dict[str, list[str]] = collections.defaultdict(list)
        seen: set[str] = set()
        for folder, folders, names in os.walk(root, followlinks=True):
            # A link may lead back to a folder around it.
            is_new = os.path.realpath(folder) not in seen
            seen.add(os.path.realpath(folder))
            folders[:] = sorted(
                name
                for name in folders
                if is_new and not name.startswith(".") and name not in SYSTEM_FOLDERS
            )
            for name in sorted(names) if is_new else ():
                path = os.path.join(folder, name)
                keys = [os.path.relpath(path, root), name]
                self._by_path[keys[0].replace(os.sep, "/")] = path
                if name.lower().endswith(image_files.SUFFIXES):
                    keys += [os.path.splitext(key)[0] for key in keys]
                for key in dict.fromkeys(key.replace(os.sep, "/") for key in keys):
                    self._by_key[key].append(path)

    def find(self, names: Sequence[str]) -> list[str | None]:
        """The path of every file; None where there is none.

        A path may begin with folders that all have in common, and that are not here.

        Raises:
            InputError: If several files have one of the names.
        """
        paths = [name.replace("\\", "/").removeprefix("./").split("/") for name in names]
        shared = len(os.path.commonprefix([path[:-1] for path in paths]))
        return [self._find(path, shared) for path in paths]

    def _find(self, path: list[str], shared: int) -> str | None:
        for start in range(shared + 1):
            key = "/".join(path[start:])
            if key in self._by_path:
                return self._by_path[key]
            files = self._by_key.get(key, [])
            if len(files) > 1:
                raise InputError(
                    f"{path[-1]} may be {files[0]} or {files[1]}; list it by its path, or read the "
                    "folder of one of them"
                )
            if files:
                return files[0]
        return None


def _note(notes: list[Note], text: str, names: Sequence[str]) -> None:
    if names:
        notes.append(Note(f"{len(names)} file{'s' * (len(names) > 1)} {text}", tuple(names)))
