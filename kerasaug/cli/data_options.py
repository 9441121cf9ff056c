"""The options that say which data, and the data set that they load."""

import functools
import os
from pathlib import Path
from typing import Any, NamedTuple

import click

from kerasaug.cli import common
from kerasaug.errors import InputError, naming
from kerasaug.limits import COLUMNS, LARGEST_SIDE, SMALLEST_SIDE


class Loaded(NamedTuple):
    """A data set as `DataOptions` ask for it."""

    dataset: Any
    """The whole `ImageDataset`."""
    name: str
    loading: dict[str, Any]
    """What `data.load` takes beside the name."""
    title: str
    """For folders that are named after it."""
    keep: dict[str, int | float]
    """By name of a class, how many of its images are used."""


class DataOptions(NamedTuple):
    """What the options say, before they are compared with the data."""

    dataset: str
    keep: dict[str, int | float] | None
    rare: tuple[str, ...]
    image_size: list[int] | None
    aspect: str
    test_split: float | None
    group: str | None
    pattern: str | None
    labels: Path | None
    columns: dict[str, str]

    def check(self) -> None:
        """Refuses what is wrong without a look at the data, before TensorFlow takes its time."""
        name, path = self.dataset, Path(os.path.expanduser(self.dataset))
        # What else does not exist may be the name of a data set.
        is_path = path.is_absolute() or name.startswith(".") or path.suffix == ".npz"
        if is_path and not path.exists():
            raise InputError(f"--dataset {name}: there is no file or folder {path}")
        if self.labels is not None and not self.labels.is_file():
            raise InputError(f"--labels {self.labels}: there is no such file")

    def load(self, complete: bool = True, pooled: bool = False) -> Loaded:
        """Loads the data set, naming the option that is at fault if that fails.

        Args:
            complete: Whether it is an error if a class lacks images.
            pooled: Whether `--keep` is of training and test images together.
        """
        from kerasaug.data.load import absolute, is_path, load

        name = self.dataset
        loading: dict[str, Any] = {
            "image_size": self.image_size,
            "aspect": self.aspect,
            "test_split": self.test_split,
            "group": self.group,
        }
        if self.pattern is not None:
            loading["pattern"] = self.pattern
        if self.labels is not None:
            loading["labels"] = str(self.labels.resolve())
        if self.columns:
            loading["columns"] = self.columns
        with naming(f"--dataset {name}"):
            # Workers may have another working directory.
            path = absolute(name) if is_path(name) else None
            dataset = load(name, **loading, complete=complete)
        if self.rare:
            with naming(f"--rare {', '.join(self.rare)}"):
                dataset = dataset.naming_rare(self.rare)
            loading["rare"] = list(self.rare)
        # A slash would make a folder of emnist/letters.
        title = path.stem if path else name.replace("/", "-").replace(":", "-")
        keep = self.keep
        if keep is None:
            keep = {"5": 54} if name == "mnist" and not path else {}
        pooled = pooled or not dataset.has_own_test
        keep = _by_name(keep, dataset.pooled() if pooled else dataset)
        return Loaded(dataset, str(path or name), loading, title, keep)


def parse_keep(values: tuple[str, ...]) -> dict[str, int | float] | None:
    """Reads `--keep`: by class, a count (int) or a fraction (float); None if it was not used."""
    if not values:
        return None
    if values == ("none",):
        return {}
    keep: dict[str, int | float] = {}
    for value in values:
        if value == "none":
            raise InputError("--keep none: does not go together with another --keep")
        name, equals, amount = value.rpartition("=")
        if not (name and equals):
            raise InputError(f"--keep {value}: must be CLASS=COUNT, CLASS=PERCENT% or none")
        if name in keep:
            raise InputError(f"--keep {value}: class {name} is named twice")
        try:
            keep[name] = float(amount[:-1]) / 100 if amount.endswith("%") else int(amount)
        except ValueError as error:
            raise InputError(
                f"--keep {value}: {amount!r} is neither a whole number nor a percentage like 1%"
            ) from error
    return keep


def parse_image_size(text: str | None) -> list[int] | None:
    """Reads `--image-size`: height and width."""
    if text is None:
        return None
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise InputError(f"--image-size {text}: must be SIDE or HEIGHTxWIDTH, as 64 or 48x64")
    height, width = int(sides[0]), int(sides[-1])
    if min(height, width) < SMALLEST_SIDE or max(height, width) > LARGEST_SIDE:
        raise InputError(
            f"--image-size {text}: sides must be from {SMALLEST_SIDE} to {LARGEST_SIDE}"
        )
    return [height, width]


def parse_columns(texts: tuple[str, ...]) -> dict[str, str]:
    """Reads `--column`: by kind of column, its name.

    Raises:
        InputError: If it is no KIND=NAME, or a kind is named twice.
    """
    columns: dict[str, str] = {}
    for text in texts:
        kind, _, name = text.partition("=")
        if kind not in COLUMNS or not name:
            raise InputError(
                f"--column {text}: must be KIND=NAME; KIND is one of {', '.join(COLUMNS)}"
            )
        if kind in columns:
            raise InputError(f"--column {text}: {kind} is named twice")
        columns[kind] = name
    return columns


def _by_name(keep: dict[str, int | float], dataset: Any) -> dict[str, int | float]:
    """Checks `--keep` against the data; gives it by the names of the classes."""
    from kerasaug.data import imbalance

    by_name: dict[str, int | float] = {}
    for name, amount in keep.items():
        shown = f"{amount * 100:g}%" if isinstance(amount, float) else amount
        with naming(f"--keep {name}={shown}"):
            class_id = imbalance.class_index(name, dataset.class_names)
            class_name = dataset.class_names[class_id]
            if class_name in by_name:
                raise InputError(f"class {class_name} is named twice")
            imbalance.kept_count(amount, dataset.class_counts[class_id])
            by_name[class_name] = amount
    return by_name


_OPTIONS = (
    common.data(
        "--dataset",
        default="mnist",
        show_default=True,
        metavar="NAME|PATH",
        help="A folder of class folders (with train/ and test/ or without), a file .npz with x and "
        "y, a folder of IDX files; or mnist, fashion_mnist, or another image classification set of "
        "tensorflow-datasets.",
    ),
    common.data(
        "--keep",
        multiple=True,
        show_default="5=54 of mnist, else none",
        metavar="CLASS=AMOUNT",
        help="Keep a count or a percentage of a class's training images, as 5=54 or Shirt=1%; "
        'repeatable; class by name or index; "none" for the data as they are.',
    ),
    common.data(
        "--rare",
        multiple=True,
        metavar="CLASS",
        show_default="those under a tenth of the largest, else the smallest",
        help="A class that counts as rare; repeatable.",
    ),
    common.data(
        "--image-size",
        metavar="SIDE|HxW",
        show_default="their own; of mixed ones, their median, at most 64",
        help="Bring all images to this size, as 64 or 48x64.",
    ),
    common.data(
        "--aspect",
        type=click.Choice(["pad", "crop"]),
        default="pad",
        show_default=True,
        help="Resized images keep their proportions: pad repeats the border around them, crop cuts "
        "off what does not fit.",
    ),
    common.data(
        "--test-split",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        metavar="SHARE",
        show_default="0.2, where a test split is needed",
        help="Share of every class that is split off for testing, if the data have no test split.",
    ),
    common.data(
        "--group",
        metavar="REGEX",
        help="Files whose paths below the folder have the same text in the first parentheses of "
        "this expression show one part, patient or video, and are never split: 'part_([0-9]+)'.",
    ),
    common.data(
        "--pattern",
        metavar="GLOB",
        show_default="all images but masks of a segmentation",
        help="Read only files of a folder that match, as '*.jpg' or 'images/*'.",
    ),
    common.data(
        "--labels",
        type=common.ExpandedPath(),
        metavar="FILE.csv",
        help="A table with a line for every image of the folder, in the place of class folders: "
        "its file, its label, and perhaps its split and its group.",
    ),
    common.data(
        "--column",
        "columns",
        multiple=True,
        metavar="KIND=NAME",
        show_default="found by their names",
        help="What a column of --labels is called (file, label, split or group), as label=dx; "
        "repeatable.",
    ),
)


def data_options(command: Any) -> Any:
    """Gives a command the options that say which data, in one argument `data`."""

    @functools.wraps(command)
    def collect(keep, image_size, columns, **options):
        own = {name: options.pop(name) for name in DataOptions._fields if name in options}
        own |= {"keep": parse_keep(keep), "image_size": parse_image_size(image_size)}
        return command(DataOptions(**own, columns=parse_columns(columns)), **options)

    for option in reversed(_OPTIONS):
        collect = option(collect)
    return collect
