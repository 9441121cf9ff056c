"""A folder of class folders, filled up with generated images until all classes are as large."""

import os
import shutil
from pathlib import Path

from kerasaug.data import folders
from kerasaug.drawn_images import DIGITS, MANIFEST, save_png, write_manifest
from kerasaug.errors import InputError
from kerasaug.files import atomic, is_empty
from kerasaug.saved_generator import SavedGenerator


def check(root: Path, output: Path) -> None:
    """Refuses a place where a balanced folder must not be written.

    Args:
        root: The folder that is not changed.
        output: Where the result is to go.

    Raises:
        InputError: If something stands there, or it lies in `root`.
    """
    if output.exists() and (not output.is_dir() or not is_empty(output)):
        raise InputError(f"{output} is there already; nothing is overwritten")
    if root.resolve() in (output.resolve(), *output.resolve().parents):
        raise InputError(f"{output} lies in {root}, which is not changed")


class Plan:
    """What has to be drawn so that all classes of a folder are of one size.

    Args:
        generator: Makes the classes that need images.
        root: The folder; nothing in it is ever changed.
        output: The folder to write.
        to: Images that every class is to have; None for as many as the largest has. Classes that
            have more stay as they are.

    Attributes:
        missing: By class, how many images are to be generated.
        notes: What was found in looking at the folder.

    Raises:
        InputError: If the generator does not know a class that needs images, or something stands
            where the result is to go.
    """

    def __init__(self, generator: SavedGenerator, root: Path, output: Path, to: int | None = None):
        check(root, output)
        self._generator, self._root, self._output = generator, root, output
        self._found = folders.look(root)
        self.notes = self._found.notes
        counts = dict.fromkeys(self._found.class_names, 0)
        for file in self._found.files["train"]:
            counts[file.seen.label] += 1
        wanted = max(counts.values()) if to is None else to
        self.missing = {name: wanted - count for name, count in counts.items() if count < wanted}
        self._class_ids = {name: generator.class_index(name) for name in self.missing}

    def write(self, seed: int = 0, originals: str = "symlink") -> None:
        """Writes a folder that has the images of the other one, and generated ones beside them.

        It has the same classes (in `train` and `test`, if the original has these; then `train`
        alone is filled up), the originals under their own names, generated images as
        `generated-seedSEED-NUMBER.png`, and `manifest.csv`, which lists those. Files that
        `folders.look` leaves out are left out here too. It appears whole or not at all.

        Args:
            seed: Same generator, folder and seed, same images.
            originals: Whether they are linked to (`"symlink"`, by their absolute paths) or copied
                (`"copy"`).
        """
        with atomic(self._output) as draft:
            for files in self._found.files.values():
                for file in files:
                    target = draft / file.seen.name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    if originals == "copy":
                        shutil.copy2(file.path, target)
                    else:
                        target.symlink_to(Path(file.path).resolve())
            rows = [row for name in self.missing for row in self._fill(draft, name, seed)]
            write_manifest(draft / MANIFEST, rows)

    def _fill(self, draft, name, seed):
        """Generates what a class lacks; gives the rows of the manifest."""
        folder = draft / os.path.relpath(self._found.places["train"][name], self._root)
        folder.mkdir(parents=True, exist_ok=True)
        images = self._generator.generate(self.missing[name], self._class_ids[name], seed)
        for number, image in enumerate(images):
            file = _free(folder, f"generated-seed{seed}-{number:0{DIGITS}}")
            save_png(image, file)
            yield [file.relative_to(draft).as_posix(), name, seed, number]


def _free(folder: Path, stem: str) -> Path:
    """A file that is not there yet: a result that is filled up again has some of ours already."""
    path, number = folder / f"{stem}.png", 1
    while os.path.lexists(path):
        path, number = folder / f"{stem}-{number}.png", number + 1
    return path
