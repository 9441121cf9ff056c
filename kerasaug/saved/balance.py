"""A folder of class folders, filled up with generated images until all classes are as large."""

import collections
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from kerasaug.data.dataset import Note
from kerasaug.data.readers import folders, image_files, splits
from kerasaug.data.readers.written import MANIFEST
from kerasaug.errors import InputError
from kerasaug.files import atomic
from kerasaug.saved.generator import SavedGenerator
from kerasaug.saved.images import DIGITS, png, read_manifest, write_manifest


def check(root: Path, output: Path) -> None:
    """Raises `InputError` if `output` exists, or lies in `root`, which is not changed."""
    if os.path.lexists(output):
        raise InputError(f"{output} is there already; nothing is overwritten")
    if root.resolve() in (output.resolve(), *output.resolve().parents):
        raise InputError(f"{output} lies in {root}, which is not changed")


class Plan:
    """What has to be generated so that all classes of a folder are of one size.

    Args:
        generator: Makes the classes that need images.
        root: The folder; nothing in it is ever changed.
        to: Images that every class is to have; None for as many as the largest has. Classes that
            have more stay as they are.
        pattern: Which files of the folder are read; see `folders.scan`.

    Attributes:
        missing: By class, how many images are to be generated.
        notes: What a user should know of the folder.

    Raises:
        InputError: If the generator does not know a class that needs images, makes images of
            another kind, or there are none to train with.
    """

    def __init__(
        self,
        generator: SavedGenerator,
        root: Path,
        to: int | None = None,
        pattern: str | None = None,
    ):
        self._generator = generator
        self._scan = folders.scan(root, pattern)
        counts = collections.Counter(file.image.label for file in self._scan.files["train"])
        if not counts:
            raise InputError(f"{root} holds no images to train with")
        self._root = self._around_classes(root)
        size = max(counts.values()) if to is None else to
        self.missing = {name: size - counts[name] for name in sorted(counts) if counts[name] < size}
        self._class_ids = {name: generator.index_of_name(name) for name in self.missing}
        self._manifest = read_manifest(self._root / MANIFEST)
        self.notes = (*self._scan.notes, *self._differences())

    def write(self, output: Path, seed: int = 0, originals: str = "symlink") -> None:
        """Writes a folder with the images of the original one, and generated ones beside them.

        It has the same classes (in `train` and `test`, if the original has these; then only `train`
        is filled up), the originals under their own names (if they are resized, with the ending
        `.png`), generated images as
        `generated-seedSEED-NUMBER.png`, and `manifest.csv`, which lists those. Files that
        `folders.scan` leaves out are left out here too. It appears whole or not at all.

        Args:
            output: The folder to write.
            seed: Same generator, folder and seed, same images.
            originals: Whether they are linked to (`"symlink"`, by their absolute paths), copied
                (`"copy"`), or written as PNG files of the size of generated images (`"resized"`),
                as the generator saw its images, see `image_files.fit`.

        Raises:
            InputError: If `output` exists, or `root` has a file of a generated image's name.
        """
        check(self._root, output)
        with atomic(output) as draft:
            for file in (file for files in self._scan.files.values() for file in files):
                target = draft / os.path.relpath(file.path, self._root)
                target.parent.mkdir(parents=True, exist_ok=True)
                if originals == "resized":
                    pixels = image_files.read(file.path, self._scan.filled).pixels
                    shape, aspect = self._generator.image_shape, self._generator.aspect
                    pixels = image_files.fit(pixels, shape, aspect)
                    if target.suffix.lower() in image_files.SUFFIXES:
                        target = target.with_suffix("")
                    _free(target.with_name(f"{target.name}.png")).write_bytes(png(pixels))
                elif originals == "copy":
                    shutil.copy2(file.path, target)
                else:
                    target.symlink_to(Path(file.path).resolve())
            rows = [row for name in self.missing for row in self._fill(draft, name, seed)]
            write_manifest(draft / MANIFEST, self._manifest + rows)

    def _around_classes(self, root: Path) -> Path:
        """The folder that holds class folders or splits, which may be the only one in `root`."""
        (folder, *_), *_ = self._scan.class_folders["train"].values()
        has_splits = "test" in self._scan.files or splits.read_name(folder.parent.name)
        return root if has_splits else folder.parent

    def _differences(self) -> Iterator[Note]:
        """By what else than what it shows a classifier could tell a generated image."""
        shapes = [file.shape for files in self._scan.files.values() for file in files]
        height, width, channels = self._generator.image_shape
        if channels != max(shape[2] for shape in shapes):
            kinds = {1: "grey", 3: "colour"}
            raise InputError(
                f"its images are {kinds[4 - channels]}, those of the generator {kinds[channels]}"
            )
        others = sum(shape[:2] != (height, width) for shape in shapes)
        if others:
            yield Note(
                f"generated images are {width}x{height}, and {others} of {len(shapes)} that are "
                "there have another size, by which a classifier could tell them, unless "
                "`originals` is resized"
            )

    def _fill(self, draft: Path, name: str, seed: int) -> Iterator[list]:
        """Generates the images that a class lacks; yields the rows of the manifest."""
        class_folder = os.path.relpath(self._scan.class_folders["train"][name][0], self._root)
        folder = draft / class_folder
        # A folder that was filled up before has the first images of this seed already.
        first = len(list(folder.glob(f"generated-seed{seed}-*.png")))
        images = self._generator.generate(first + self.missing[name], self._class_ids[name], seed)
        for number, image in enumerate(images[first:], first):
            file = folder / f"generated-seed{seed}-{number:0{DIGITS}}.png"
            if os.path.lexists(file):
                raise InputError(f"{class_folder} has a file {file.name}; give another `seed`")
            file.write_bytes(png(image))
            yield [file.relative_to(draft).as_posix(), name, seed, number]


def _free(file: Path) -> Path:
    """The file, or one with a longer name if it exists: `x.jpg` may stand beside `x.png`."""
    return file if not file.exists() else _free(file.with_stem(file.stem + "-2"))
