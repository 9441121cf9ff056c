"""A folder of class folders, filled up with generated images until all classes are as large."""

import collections
import os
import shutil
from pathlib import Path

from kerasaug import drawn_images
from kerasaug.data import folders
from kerasaug.data.dataset import Note
from kerasaug.data.folders import MANIFEST
from kerasaug.drawn_images import DIGITS
from kerasaug.errors import InputError
from kerasaug.files import atomic
from kerasaug.saved_generator import SavedGenerator


def check(root: Path, output: Path) -> None:
    """Refuses a place where a balanced folder must not be written.

    Args:
        root: The folder that is not changed.
        output: Where the result is to go.

    Raises:
        InputError: If something stands there, or it lies in `root`.
    """
    if os.path.lexists(output):
        raise InputError(f"{output} is there already; nothing is overwritten")
    if root.resolve() in (output.resolve(), *output.resolve().parents):
        raise InputError(f"{output} lies in {root}, which is not changed")


class Plan:
    """What has to be drawn so that all classes of a folder are of one size.

    Args:
        generator: Makes the classes that need images.
        root: The folder; nothing in it is ever changed.
        to: Images that every class is to have; None for as many as the largest has. Classes that
            have more stay as they are.

    Attributes:
        missing: By class, how many images are to be generated.
        notes: What was found in looking at the folder.

    Raises:
        InputError: If the generator does not know a class that needs images, makes images of
            another kind, or there are none to train with.
    """

    def __init__(self, generator: SavedGenerator, root: Path, to: int | None = None):
        self._generator, self._root = generator, root
        self._found = folders.look(root)
        counts = collections.Counter(file.seen.label for file in self._found.files["train"])
        if not counts:
            raise InputError(f"{root} holds no images to train with")
        wanted = max(counts.values()) if to is None else to
        self.missing = {
            name: wanted - counts[name] for name in sorted(counts) if counts[name] < wanted
        }
        self._class_ids = {name: generator.index_of_name(name) for name in self.missing}
        self._manifest = drawn_images.read_manifest(root / MANIFEST)
        self.notes = (*self._found.notes, *self._differences())

    def write(self, output: Path, seed: int = 0, originals: str = "symlink") -> None:
        """Writes a folder that has the images of the other one, and generated ones beside them.

        It has the same classes (in `train` and `test`, if the original has these; then `train`
        alone is filled up), the originals under their own names, generated images as
        `generated-seedSEED-NUMBER.png`, and `manifest.csv`, which lists those. Files that
        `folders.look` leaves out are left out here too. It appears whole or not at all.

        Args:
            output: The folder to write.
            seed: Same generator, folder and seed, same images.
            originals: Whether they are linked to (`"symlink"`, by their absolute paths) or copied
                (`"copy"`).

        Raises:
            InputError: If something stands there, or a generated image's file is there already.
        """
        check(self._root, output)
        with atomic(output) as draft:
            for files in self._found.files.values():
                for file in files:
                    target = draft / os.path.relpath(file.path, self._root)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    if originals == "copy":
                        shutil.copy2(file.path, target)
                    else:
                        target.symlink_to(Path(file.path).resolve())
            rows = [row for name in self.missing for row in self._fill(draft, name, seed)]
            drawn_images.write_manifest(draft / MANIFEST, self._manifest + rows)

    def _differences(self):
        """Says by what else than its content a generated image could be told."""
        files = [file for found in self._found.files.values() for file in found]
        height, width, channels = self._generator.image_shape
        if channels != max(file.shape[2] for file in files):
            kinds = {1: "grey", 3: "colour"}
            raise InputError(
                f"its images are {kinds[4 - channels]}, those of the generator {kinds[channels]}"
            )
        others = sum(file.shape[:2] != (height, width) for file in files)
        if others:
            text = (
                f"generated images are {width}x{height}, and {others} of {len(files)} that are "
                "there have another size, by which a classifier could tell them: resize all alike"
            )
            yield Note(text)

    def _fill(self, draft, name, seed):
        """Generates what a class lacks; gives the rows of the manifest."""
        place = os.path.relpath(self._found.places["train"][name], self._root)
        folder = draft / place
        # A folder that was filled up before has the first images of this seed already.
        first = len(list(folder.glob(f"generated-seed{seed}-*.png")))
        images = self._generator.generate(first + self.missing[name], self._class_ids[name], seed)
        for number, image in enumerate(images[first:], first):
            file = folder / f"generated-seed{seed}-{number:0{DIGITS}}.png"
            if os.path.lexists(file):
                raise InputError(f"{place} has a {file.name} of its own; give another seed")
            file.write_bytes(drawn_images.png(image))
            yield [file.relative_to(draft).as_posix(), name, seed, number]
