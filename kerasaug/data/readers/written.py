"""What this package wrote into a folder: it is data only for who names it as such."""

import csv
import json
from collections.abc import Collection
from pathlib import Path

MANIFEST, MANIFEST_COLUMNS = "manifest.csv", ("file", "label", "seed", "number")
"""Lists which images of a folder were generated."""
RUN_FILES = ("run.json", "study.json")
"""Every training and every study begins with one of these in its folder."""


def is_run(folder: Path, names: Collection[str]) -> bool:
    """Whether a folder, which holds files of these names, is that of a training or a study."""
    for name in RUN_FILES:
        if name in names:
            try:
                content = json.loads((folder / name).read_text(encoding="utf-8"))
            except (OSError, ValueError, RecursionError):
                continue
            if isinstance(content, dict) and {"schema", "config"} <= content.keys():
                return True
    return False


def has_manifest(folder: Path) -> bool:
    """Whether a folder has a list of generated images, in it or below it."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            head = ",".join(MANIFEST_COLUMNS).encode()
            return file.read(len(head)) == head
    except OSError:
        return False


def generated_files(folder: Path) -> set[str]:
    """The paths below a folder that its manifest lists."""
    try:
        with (folder / MANIFEST).open(newline="", encoding="utf-8") as file:
            return {row[0] for row in list(csv.reader(file))[1:] if row}
    except (OSError, ValueError, csv.Error):
        return set()
