"""What the commands share: options, one-line errors, a quiet TensorFlow."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from kerasaug.errors import InputError, TrainingFailed
from kerasaug.limits import LARGEST_SIDE, SMALLEST_SIDE
from kerasaug.precision import POLICIES
from kerasaug.wording import printable, readable

INPUT_ERROR, FAILURE, INTERRUPTED = 2, 1, 130


def run(command: click.Command, go_on: str) -> None:
    """Runs a command; a user's mistake gives one line and exit code 2.

    Args:
        command: The click command.
        go_on: How to go on, for a user who pressed Ctrl-C or whose disk was full.
    """
    try:
        command.main(standalone_mode=False)
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except click.ClickException as error:
        _fail(error.format_message(), INPUT_ERROR)
    except InputError as error:
        _fail(str(error), INPUT_ERROR)
    except TrainingFailed as error:
        _fail(str(error), FAILURE)
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            _fail(_reason(error), INPUT_ERROR)
        # What is gone cannot be gone on with.
        if error.errno == errno.ENOENT:
            _fail(_reason(error), FAILURE)
        _fail(f"{_reason(error)}; once that is mended, {go_on}", FAILURE)
    except MemoryError:
        _fail(f"there is not enough memory; once there is, {go_on}", FAILURE)
    except (click.Abort, KeyboardInterrupt) as error:
        # Click puts its own in the place of one that knows more.
        known = str(error.__cause__ or error)
        _fail(f"stopped; {known or go_on}", INTERRUPTED)
    except Exception as error:
        # A file that was whole when it was looked at, and is read in the middle of a pipeline.
        if "UnreadableImage" in str(error):
            _fail("an image file of --dataset was changed or removed since the start", FAILURE)
        # What TensorFlow says of a full memory.
        if type(error).__name__ == "ResourceExhaustedError":
            _fail(f"there is not enough memory; once there is, {go_on}", FAILURE)
        raise


def _reason(error: OSError) -> str:
    if error.strerror is None:
        return str(error)
    return f"{error.strerror}: {error.filename}" if error.filename else error.strerror


def _fail(message: str, code: int) -> None:
    click.echo("Error: " + printable(" ".join(message.split())), err=True)
    sys.exit(code)


@contextlib.contextmanager
def naming(option: str) -> Iterator[None]:
    """Puts the name of an option before what is wrong with its value.

    Args:
        option: Such as `--keep 5=54`.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{option}: {error}") from error


def parse_keep(values: tuple[str, ...]) -> dict[str, int | float] | None:
    """Reads `--keep` options.

    Args:
        values: Such as `("5=54", "Shirt=1%")`, or `("none",)`.

    Returns:
        Class to a count (int) or a fraction (float); None if the option was not given.

    Raises:
        InputError: If one cannot be read.
    """
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
            raise InputError(f"--keep {value}: accepted are CLASS=COUNT, CLASS=PERCENT% and none")
        if name in keep:
            raise InputError(f"--keep {value}: class {name} is named twice")
        try:
            keep[name] = float(amount[:-1]) / 100 if amount.endswith("%") else int(amount)
        except ValueError as error:
            raise InputError(
                f"--keep {value}: {amount!r} is neither a whole number nor a percentage like 1%"
            ) from error
    return keep


class Loaded(NamedTuple):
    """A data set as the options of `data_options` ask for it.

    Attributes:
        dataset: The whole `ImageDataset`.
        name: What `data.load` takes.
        loading: What it takes beside that.
        title: For folders that are named after it.
    """

    dataset: Any
    name: str
    loading: dict[str, Any]
    title: str


def load(
    name: str,
    image_size: str | None,
    aspect: str,
    test_split: float | None,
    rare: tuple[str, ...],
    complete: bool = True,
) -> Loaded:
    """Loads a data set, naming the option that is at fault if that fails.

    Args:
        name: `--dataset`.
        image_size: `--image-size`.
        aspect: `--aspect`.
        test_split: `--test-split`.
        rare: `--rare`.
        complete: Whether it is an error if a class lacks images.
    """
    from kerasaug import data
    from kerasaug.data import sources

    loading = {
        "image_size": parse_image_size(image_size),
        "aspect": aspect,
        "test_split": test_split,
    }
    # Workers may have another working directory.
    with naming(f"--dataset {name}"):
        path = Path(name).resolve() if sources.is_path(name) else None
        dataset = data.load(path or name, **loading, complete=complete)
    if rare:
        with naming(f"--rare {', '.join(rare)}"):
            dataset = dataset.naming_rare(rare)
        loading["rare"] = list(rare)
    # A slash would make a folder of emnist/letters.
    title = path.stem if path else name.replace("/", "-").replace(":", "-")
    return Loaded(dataset, str(path or name), loading, title)


def check_dataset(name: str, image_size: str | None) -> None:
    """Refuses what is wrong without a look at the data, before TensorFlow takes its time.

    Args:
        name: `--dataset`.
        image_size: `--image-size`.
    """
    parse_image_size(image_size)
    path = Path(name)
    # What else is not there may be the name of a data set.
    if not path.exists() and (path.is_absolute() or name[0] in ".~" or path.suffix == ".npz"):
        raise InputError(f"--dataset {name}: there is no file or folder {path}")


def parse_image_size(text: str | None) -> list[int] | None:
    """Reads `--image-size`.

    Args:
        text: Such as `64` or `48x64`.

    Returns:
        Height and width.

    Raises:
        InputError: If it cannot be read.
    """
    if text is None:
        return None
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise InputError(f"--image-size {text}: accepted are SIDE and HEIGHTxWIDTH, as 64 or 48x64")
    height, width = int(sides[0]), int(sides[-1])
    if min(height, width) < SMALLEST_SIDE or max(height, width) > LARGEST_SIDE:
        raise InputError(
            f"--image-size {text}: sides must be from {SMALLEST_SIDE} to {LARGEST_SIDE}"
        )
    return [height, width]


def print_notes(dataset: Any, most: int = 3) -> None:
    """Shows what was found in reading a data set.

    Args:
        dataset: An `ImageDataset`.
        most: How many examples are shown of each.
    """
    for note in dataset.notes:
        shown = ", ".join(note.items[:most])
        rest = f" and {len(note.items) - most} more" if len(note.items) > most else ""
        click.echo(printable(f"Note: {note.text}{': ' if shown else ''}{shown}{rest}"))


def resolve_keep(loaded: Loaded, keep: dict[str, int | float] | None) -> dict[str, int | float]:
    """Checks what is to be kept against the data, naming the option that is at fault.

    Args:
        loaded: The whole data set.
        keep: What `parse_keep` gave; None for the default.

    Returns:
        The same by the names of the classes.
    """
    from kerasaug.data import imbalance

    dataset = loaded.dataset
    if keep is None:
        keep = {"5": 54} if loaded.name == "mnist" else {}
    resolved: dict[str, int | float] = {}
    for name, amount in keep.items():
        shown = f"{amount * 100:g}%" if isinstance(amount, float) else amount
        with naming(f"--keep {name}={shown}"):
            class_id = imbalance.class_index(name, dataset.class_names)
            class_name = dataset.class_names[class_id]
            if class_name in resolved:
                raise InputError(f"class {class_name} is named twice")
            imbalance.kept_count(amount, dataset.class_counts[class_id])
            resolved[class_name] = amount
    return resolved


def check_output(path: Path | None) -> None:
    """Refuses an output path where no folder can be made, before anything slow begins.

    Args:
        path: `--output`, if given.
    """
    for place in (path, *path.parents) if path else ():
        if place.exists() and not place.is_dir():
            raise InputError(f"--output {path}: {place} is a file; a folder is needed")
    if path:
        check_writable(path)


def check_writable(path: Path) -> None:
    """Refuses an output path in a folder that cannot be written to.

    Args:
        path: `--output`.
    """
    place = next(each for each in (path.absolute(), *path.absolute().parents) if each.is_dir())
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"--output {path}: {place} cannot be written to")


def print_config(config: dict[str, Any]) -> None:
    """Shows the resolved run.

    Args:
        config: Names and values.
    """
    width = max(map(len, config))
    for name, value in config.items():
        click.echo(f"{name:<{width}}  {printable(readable(value))}")


_DATA_OPTIONS = (
    click.option(
        "--dataset",
        default="mnist",
        show_default=True,
        metavar="NAME|PATH",
        help="A folder of class folders (with train/ and test/ or without), a file .npz with x and "
        "y, a folder of IDX files; or mnist, fashion_mnist, or another image classification set of "
        "tensorflow-datasets.",
    ),
    click.option(
        "--keep",
        multiple=True,
        show_default="5=54 of mnist, else none",
        metavar="CLASS=AMOUNT",
        help="Keep a count or a percentage of a class's training images, as 5=54 or Shirt=1%; "
        'repeatable; class by name or index; "none" for the data as they are.',
    ),
    click.option(
        "--rare",
        multiple=True,
        metavar="CLASS",
        show_default="those under a tenth of the largest, else the smallest",
        help="A class that is to count as rare; repeatable.",
    ),
    click.option(
        "--image-size",
        metavar="SIDE|HxW",
        show_default="their own; of mixed ones, their median, at most 64",
        help="Bring all images to this size, as 64 or 48x64.",
    ),
    click.option(
        "--aspect",
        type=click.Choice(["pad", "crop"]),
        default="pad",
        show_default=True,
        help="Resized images keep their proportions: the border is repeated around them, or what "
        "stands over is cut off.",
    ),
    click.option(
        "--test-split",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        metavar="SHARE",
        show_default="0.2",
        help="Share of every class that is kept for testing, of data without a test split.",
    ),
)


def data_options(command: Any) -> Any:
    """Gives a command the options that `load` and `parse_keep` read.

    Args:
        command: The function.
    """
    for option in reversed(_DATA_OPTIONS):
        command = option(command)
    return command


PRECISION = click.option(
    "--precision",
    type=click.Choice(POLICIES),
    show_default="the fastest here",
    help="Numbers to compute with; what is gone on with keeps its own.",
)
DRY_RUN = click.option("--dry-run", is_flag=True, help="Print the resolved run and stop.")
