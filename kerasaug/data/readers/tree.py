"""What is found in a folder of class folders, before any image is read."""

import fnmatch
import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from kerasaug.data.dataset import Note
from kerasaug.data.readers import image_files, masks, splits, written
from kerasaug.errors import InputError

SYSTEM_FOLDERS = ("__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information")
"""Folders that systems make unasked, such as the one beside what a Mac has zipped."""

TABLES = (".csv", ".tsv")


class Tree(NamedTuple):
    """The class folders of a data set.

    Attributes:
        files: By split (`train`, and `test` if there is one), path and class of every file that may
            be an image, in the order of their names.
        class_folders: By split and class; several where their names are the same but for the bytes
            of an accent.
        notes: What is not read, and what else a user should know.
    """

    files: dict[str, list[tuple[str, str]]]
    class_folders: dict[str, dict[str, list[Path]]]
    notes: list[Note]


def find(root: Path, pattern: str | None = None) -> Tree:
    """Looks for class folders, and for files in them, at any depth.

    What this package wrote is not read: folders of trainings and studies, and images that a
    manifest below `root` lists. Masks of a segmentation are left out (`masks.find`).

    Args:
        root: See `folders.scan`.
        pattern: See `folders.scan`.

    Raises:
        InputError: If two names differ only in case, one is not UTF-8, or the pattern matches no
            file.
    """
    notes: list[Note] = []
    _check_names(root, [folder.name for folder in _visible_folders(root)])
    roots = splits.find(root, _folders_but_masks, notes)
    around = {root, *(folder.parent for folder in roots.values() if folder != root)}
    unread = [path for folder in around - {*roots.values()} for path in _masks_beside(folder)]
    notes += masks.notes([os.path.relpath(path, root) for path in sorted(unread)], (), ())
    class_folders = {
        split: _class_folders(folder, pattern, notes) for split, folder in roots.items()
    }
    _leave_out_unlabelled(class_folders, roots, notes)
    _check_names(root, sorted(set().union(*class_folders.values())))
    _note_nested(class_folders["train"], notes)
    search = _Search(root, pattern)
    ancestors = frozenset(map(_identity, (root, *roots.values())))
    files = {
        split: [
            (path, name)
            for name, paths in folders.items()
            for folder in paths
            for path in search.files(str(folder), ancestors)
        ]
        for split, folders in class_folders.items()
    }
    files = search.chosen(files)
    around_written = {path for run in search.written for path in (Path(run), *Path(run).parents)}
    for split, folders in class_folders.items():
        used = {name for _, name in files[split]}
        for name, paths in list(folders.items()):
            if name not in used and around_written.intersection(paths):
                del folders[name]
    return Tree(files, class_folders, [*notes, *search.notes()])


class _Search:
    """Walks through class folders and remembers what it passes over."""

    def __init__(self, root: Path, pattern: str | None):
        self._root, self._pattern = root, pattern
        self._notes: list[Note] = []
        self._masks: list[str] = []
        self.written: list[str] = []
        self._generated: set[str] = set()
        self._passed_over: list[str] = []

    def files(self, folder: str, ancestors: frozenset[tuple[int, int]]) -> Iterator[str]:
        """All files in a folder, by name; of a link to a folder around it, the link."""
        chain = ancestors | {_identity(folder)}
        if len(chain) == len(ancestors):
            yield folder
            return
        names = [name for name in sorted(os.listdir(folder)) if not name.startswith(".")]
        if self._is_written(folder, names):
            self.written.append(folder)
            return
        if written.has_manifest(Path(folder)):
            listed = written.generated_files(Path(folder))
            self._generated |= {os.path.join(folder, name) for name in listed}
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isdir(path):
                if self._pattern is None and self._is_of_masks(name, names):
                    self._masks.append(self._shown(path))
                elif name not in SYSTEM_FOLDERS:
                    yield from self.files(path, chain)
            elif path in self._generated:
                self._passed_over.append(self._shown(path))
            # A pipe would never end; a link to nowhere that promises an image is told.
            elif os.path.isfile(path) or (_is_image_name(name) and not os.path.exists(path)):
                yield path

    def chosen(self, files: dict[str, list[tuple[str, str]]]) -> dict[str, list[tuple[str, str]]]:
        """The files that the pattern matches; without one, all but masks."""
        paths = [path for pairs in files.values() for path, _ in pairs]
        if self._pattern is None:
            found, unclear = masks.find(paths)
            self._notes += masks.notes(
                self._masks, self._all_shown(paths, found), self._all_shown(paths, unclear)
            )
        else:
            found = {path for path in paths if not self._matches(path)}
            if len(found) == len(paths):
                such = f", such as {self._shown(paths[0])}" if paths else ""
                raise InputError(f"`pattern` {self._pattern}: matches no file{such}")
            if found:
                text = f"{len(found)} files do not match `pattern`"
                self._notes.append(Note(text, self._all_shown(paths, found)))
        return {
            split: [(path, name) for path, name in pairs if path not in found]
            for split, pairs in files.items()
        }

    def notes(self) -> Iterator[Note]:
        """What was passed over."""
        yield from self._notes
        if self.written:
            shown = tuple(map(self._shown, self.written))
            yield Note("folders that kerasaug wrote are left out", shown)
        if count := len(self._passed_over):
            text = f"{count} generated image{'s' * (count > 1)}, listed in a {written.MANIFEST}"
            yield Note(f"{text} of a class folder, left out", tuple(self._passed_over))

    def _is_written(self, folder: str, names: list[str]) -> bool:
        # Generated images are in folders below their manifest. Where others are beside it, somebody
        # drew into a class folder of real ones.
        holds_images = any(map(_is_image_name, names))
        is_drawn = not holds_images and written.has_manifest(Path(folder))
        return is_drawn or written.is_run(Path(folder), names)

    def _is_of_masks(self, name: str, names: list[str]) -> bool:
        # Images are as good as a folder of them.
        beside = ("images" if _is_image_name(other) else other for other in names)
        return masks.is_folder(name, beside)

    def _matches(self, path: str) -> bool:
        name = self._shown(path).replace(os.sep, "/")
        return any(fnmatch.fnmatchcase(name, f"{start}{self._pattern}") for start in ("", "*/"))

    def _all_shown(self, paths: Sequence[str], chosen: set[str]) -> tuple[str, ...]:
        return tuple(self._shown(path) for path in paths if path in chosen)

    def _shown(self, path: str) -> str:
        return os.fsencode(os.path.relpath(path, self._root)).decode(errors="replace")


def _class_folders(root: Path, pattern: str | None, notes: list[Note]) -> dict[str, list[Path]]:
    names = sorted(entry.name for entry in root.iterdir() if entry.is_file())
    if stray := tuple(filter(_is_image_name, names)):
        notes.append(Note(f"{len(stray)} images beside the class folders are not read", stray))
    if tables := tuple(name for name in names if name.lower().endswith(TABLES)):
        notes.append(
            Note("tables beside the class folders are not read; `labels` reads one", tables)
        )
    folders = {folder.name: folder for folder in _visible_folders(root)}
    if pattern is None:
        of_masks = [name for name in folders if _is_of_masks(name, folders)]
        notes += masks.notes(of_masks, (), ())
        folders = {name: folder for name, folder in folders.items() if name not in of_masks}
    by_class: dict[str, list[Path]] = {}
    for name, folder in folders.items():
        # Macs write an accent behind its letter.
        by_class.setdefault(unicodedata.normalize("NFC", name), []).append(folder)
    if twins := [name for name, paths in by_class.items() if len(paths) > 1]:
        text = "folders whose names differ in how an accent is encoded are one class"
        notes.append(Note(text, tuple(twins)))
    return by_class


def _is_of_masks(name: str, folders: dict[str, Path]) -> bool:
    inner = [folder.name for folder in _visible_folders(folders[name])]
    if masks.is_folder_of_classes(name, inner, folders):
        return True
    if not masks.is_folder(name, folders):
        return False
    # A class may be called mask.
    paths = [os.path.join(top, file) for top, _, files in os.walk(folders[name]) for file in files]
    return masks.are_flat(sorted(paths)) is not False


def _note_nested(class_folders: dict[str, list[Path]], notes: list[Note]) -> None:
    """Such as folders color and segmented, each with the same class folders in it."""
    inner = [
        {folder.name for folder in _folders_but_masks(path)}
        for paths in class_folders.values()
        for path in paths
    ]
    if len(inner) > 1 and len(inner[0]) > 1 and all(names == inner[0] for names in inner):
        first = next(iter(class_folders))
        text = f"every class folder holds the same folders; if these are the classes, read {first}"
        notes.append(Note(text, tuple(sorted(inner[0]))))


def _leave_out_unlabelled(
    class_folders: dict[str, dict[str, list[Path]]], roots: dict[str, Path], notes: list[Note]
) -> None:
    """Takes a test split without class folders for what contests publish, without labels."""
    if class_folders["train"] and "test" in class_folders and not class_folders["test"]:
        del class_folders["test"]
        notes.append(
            Note("the test split has no class folders, so it is not read", (roots["test"].name,))
        )


def _visible_folders(root: Path) -> list[Path]:
    # Folders may hold many files, and this asks nothing of them; only of links, which may lead
    # nowhere.
    with os.scandir(root) as entries:
        return sorted(
            root / entry.name
            for entry in entries
            if not entry.name.startswith(".")
            and entry.name not in SYSTEM_FOLDERS
            and (os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir())
        )


def _folders_but_masks(root: Path) -> list[Path]:
    folders = _visible_folders(root)
    names = [folder.name for folder in folders]
    return [folder for folder in folders if not masks.is_folder(folder.name, names)]


def _masks_beside(root: Path) -> list[Path]:
    folders = _folders_but_masks(root)
    return [folder for folder in _visible_folders(root) if folder not in folders]


def _check_names(root: Path, names: Sequence[str]) -> None:
    spellings: dict[str, str] = {}
    for name in names:
        other = spellings.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(
                f"{root}: the folders {other!r} and {name!r} differ only in case; "
                "rename one, or put them together"
            )
        if name != os.fsencode(name).decode(errors="replace"):
            raise InputError(f"{root}: the name of the folder {name!r} is not UTF-8")


def _is_image_name(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(image_files.SUFFIXES)


def _identity(folder: str | Path) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino
