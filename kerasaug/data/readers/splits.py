"""Which folders are the splits of a data set, by the names that people give them."""

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from kerasaug.data.dataset import Note
from kerasaug.errors import InputError

KINDS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
NAME = re.compile(
    r"(?P<prefix>.+[ _.-])?"
    rf"(?P<kind>{'|'.join(name for names in KINDS.values() for name in names)})"
    r"([ _.-]*(images?|imgs?|pictures?|set|data|dataset|split|folder|dir|input))*",
    re.IGNORECASE,
)


class SplitName(NamedTuple):
    """What the name of a folder says.

    Attributes:
        kind: A key of `KINDS`.
        prefix: What stands before it, as `seg_` in `seg_train`.
    """

    kind: str
    prefix: str


def read_name(name: str) -> SplitName | None:
    """What the name of a folder says of a split; None if nothing."""
    match = NAME.fullmatch(name)
    if match is None:
        return None
    (kind,) = (kind for kind, names in KINDS.items() if match["kind"].lower() in names)
    return SplitName(kind, (match["prefix"] or "").lower())


def find(
    root: Path, list_folders: Callable[[Path], Sequence[Path]], notes: list[Note]
) -> dict[str, Path]:
    """Finds the folders that hold the class folders of `train`, and of `test` if there is one.

    Args:
        root: The folder of a data set.
        list_folders: Lists the folders in a folder.
        notes: Is told what may be read in another way than its owner expects.

    Returns:
        The folders; `train` is `root` itself if there are no splits.

    Raises:
        InputError: If folders look like splits but it is not clear what of.
    """
    folders = list_folders(root)
    by_kind = _by_kind(root, folders)
    others = [folder for folder in folders if folder not in by_kind.values()]
    if not by_kind:
        return _in_another_folder(root, folders, list_folders, notes)
    # A class may be called train: others are beside it, and no class folders in it.
    flat = [folder.name for folder in by_kind.values() if not list_folders(folder)]
    if others and len(by_kind) == len(flat) == 1:
        notes.append(Note(f"the folder {flat[0]} holds no folders, so it is taken for a class"))
        return {"train": root}
    used = _train_and_test(root, by_kind, notes)
    unused = [folder.name for folder in folders if folder not in used.values()]
    if unused:
        names = " and ".join(folder.name for folder in used.values())
        notes.append(Note(f"folders beside {names} are not read", tuple(unused)))
    return {split: _inner(folder, list_folders, notes) for split, folder in used.items()}


def _by_kind(root: Path, folders: Sequence[Path]) -> dict[str, Path]:
    """The folders that look like splits, by kind."""
    names = {folder: name for folder in folders if (name := read_name(folder.name))}
    prefixes = [name.prefix for name in names.values()]
    by_kind: dict[str, Path] = {}
    for folder, (kind, prefix) in names.items():
        # A class may be called steam_train; seg_train has a seg_test beside it.
        if prefix and (prefixes.count(prefix) == 1 or "" in prefixes):
            continue
        if kind in by_kind:
            raise InputError(
                f"{root}: the folders {by_kind[kind].name!r} and {folder.name!r} both look like "
                f"the {kind} split; rename one, or put them together"
            )
        by_kind[kind] = folder
    return by_kind


def choose(kinds: Collection[str]) -> dict[str, str] | None:
    """Chooses which splits to train and to test with; a validation split may be either.

    Args:
        kinds: Keys of `KINDS`.

    Returns:
        The kind that is read as `train`, and as `test` if there is one; None if there is nothing to
        train with.
    """
    if not {"train", "validation"} & set(kinds) or set(kinds) == {"validation"}:
        return None
    train = "train" if "train" in kinds else "validation"
    test = next((kind for kind in ("test", "validation") if kind in kinds and kind != train), None)
    return {"train": train, "test": test} if test else {"train": train}


def _train_and_test(root: Path, by_kind: dict[str, Path], notes: list[Note]) -> dict[str, Path]:
    chosen = choose(by_kind)
    if chosen is None:
        (folder,) = by_kind.values()
        raise InputError(
            f"{root}: the folder {folder.name!r} looks like a split, but no folder train is beside "
            f"it; rename it if it is a class, or read {folder} as the data set"
        )
    for split, kind in chosen.items():
        if split != kind:
            name = {"train": "training", "test": "test"}[split]
            notes.append(Note(f"the folder {by_kind[kind].name} is read as the {name} split"))
    return {split: by_kind[kind] for split, kind in chosen.items()}


def _in_another_folder(
    root: Path,
    folders: Sequence[Path],
    list_folders: Callable[[Path], Sequence[Path]],
    notes: list[Note],
) -> dict[str, Path]:
    """Looks for splits one folder further in, as unpacked archives have them."""
    inner = {folder: _by_kind(folder, list_folders(folder)) for folder in folders}
    fewest = 1 if len(folders) == 1 else 2
    with_splits = [folder for folder, by_kind in inner.items() if len(by_kind) >= fewest]
    if not with_splits:
        return {"train": _inner(root, list_folders, notes)}
    first, *more = with_splits
    if len(folders) == 1:
        notes.append(Note(f"the data set is read from {first.name}, the only folder there"))
        return find(first, list_folders, notes)
    if not any(map(list_folders, inner[first].values())):
        names = " and ".join(folder.name for folder in inner[first].values())
        raise InputError(
            f"{root}: the class folder {first.name!r} holds {names}; splits must be outermost, as "
            f"train/{first.name} and test/{first.name}"
        )
    raise InputError(
        f"{root}: the folder {first.name!r} is no class, since it holds splits; read {first}"
        + (f" or {more[0]}" if more else "")
    )


def _inner(folder: Path, list_folders: Callable[[Path], Sequence[Path]], notes: list[Note]) -> Path:
    """Of `seg_train/seg_train`, and of a single folder around the class folders, the inner one."""
    inner = list_folders(folder)
    if len(inner) != 1:
        return folder
    (only,) = inner
    if read_name(only.name) == read_name(folder.name) is not None:
        return only
    if len(list_folders(only)) > 1 and not any(entry.is_file() for entry in only.iterdir()):
        notes.append(
            Note(f"{folder.name} is read from {only.name}, the only folder of images there")
        )
        return only
    return folder
