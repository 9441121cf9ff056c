"""What the commands share: options, one-line errors, a quiet TensorFlow."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from kerasaug.errors import InputError, TrainingFailed
from kerasaug.wording import readable

INPUT_ERROR, FAILURE, INTERRUPTED = 2, 1, 130


def run(command: click.Command, go_on: str) -> None:
    """Runs a command; a user's mistake gives one line and exit code 2.

    Args:
        command: The click command.
        go_on: What to tell a user who presses Ctrl-C about how to go on.
    """
    try:
        command.main(standalone_mode=False)
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except click.ClickException as error:
        _fail(error.format_message(), INPUT_ERROR)
    except InputError as error:
        _fail(str(error), INPUT_ERROR)
    except (OSError, TrainingFailed) as error:
        _fail(str(error), FAILURE)
    except (click.Abort, KeyboardInterrupt):
        _fail(f"stopped; {go_on}", INTERRUPTED)


def _fail(message: str, code: int) -> None:
    click.echo("Error: " + " ".join(message.split()), err=True)
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


def parse_keep(values: tuple[str, ...]) -> dict[str, int | float]:
    """Reads `--keep` options.

    Args:
        values: Such as `("5=54", "Shirt=1%")`, or `("none",)`.

    Returns:
        Class to a count (int) or a fraction (float).

    Raises:
        InputError: If one cannot be read.
    """
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


def load(name: str) -> Any:
    """Loads a data set, naming the option that is at fault if that fails.

    Args:
        name: `--dataset`.

    Returns:
        The whole `ImageDataset`.
    """
    from kerasaug import data

    with naming(f"--dataset {name}"):
        return data.load(name)


def resolve_keep(dataset: Any, keep: dict[str, int | float]) -> dict[str, int | float]:
    """Checks what is to be kept against the data, naming the option that is at fault.

    Args:
        dataset: The whole `ImageDataset`.
        keep: What `parse_keep` gave.

    Returns:
        The same by the names of the classes.
    """
    from kerasaug.data import imbalance

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


def check_output(path: Path) -> None:
    """Refuses an output path that is no folder, before anything slow begins.

    Args:
        path: `--output`.
    """
    for place in (path, *path.parents):
        if place.exists() and not place.is_dir():
            raise InputError(f"--output {path}: {place} is a file; a folder is needed")


def print_config(config: dict[str, Any]) -> None:
    """Shows the resolved run.

    Args:
        config: Names and values.
    """
    width = max(map(len, config))
    for name, value in config.items():
        click.echo(f"{name:<{width}}  {readable(value)}")


DATASET = click.option(
    "--dataset",
    default="mnist",
    show_default=True,
    metavar="NAME",
    help="mnist, fashion_mnist, or another image classification set of tensorflow-datasets.",
)
KEEP = click.option(
    "--keep",
    multiple=True,
    default=("5=54",),
    show_default="5=54",
    metavar="CLASS=AMOUNT",
    help="Keep a count or a percentage of a class's training images, as 5=54 or Shirt=1%; "
    'repeatable; class by name or index; "none" for the data as they are.',
)
DRY_RUN = click.option("--dry-run", is_flag=True, help="Print the resolved run and stop.")
