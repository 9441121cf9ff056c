"""What the commands share: one-line errors, what they print, where they write."""

import errno
import os
import sys
from pathlib import Path
from typing import Any

import click

from kerasaug.errors import InputError, TrainingFailed
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
    except (click.Abort, KeyboardInterrupt) as error:
        # Click puts its own in the place of one that knows more.
        known = str(error.__cause__ or error)
        _fail(f"stopped; {known or go_on}", INTERRUPTED)
    except Exception as error:
        # A file that was whole when it was looked at, and is read in the middle of a pipeline.
        if "UnreadableImage" in str(error):
            _fail("an image file of --dataset was changed or removed since the start", FAILURE)
        # Python's and TensorFlow's errors of a full memory.
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
            _fail(f"there is not enough memory; once there is, {go_on}", FAILURE)
        raise


def _reason(error: OSError) -> str:
    if error.strerror is None:
        return str(error)
    return f"{error.strerror}: {error.filename}" if error.filename else error.strerror


def _fail(message: str, code: int) -> None:
    click.echo("Error: " + printable(" ".join(message.split())), err=True)
    sys.exit(code)


def print_notes(dataset: Any, most: int = 3) -> None:
    """Shows what was found in reading a data set.

    Args:
        dataset: An `ImageDataset`, or what else has notes.
        most: How many examples are shown of each.
    """
    for note in dataset.notes:
        shown = ", ".join(note.items[:most])
        rest = f" and {len(note.items) - most} more" if len(note.items) > most else ""
        click.echo(printable(f"Note: {note.text}{': ' if shown else ''}{shown}{rest}"))


def warn_of_few_tests(dataset: Any) -> None:
    """Says before any work is done that there will be no verdict, if so.

    Args:
        dataset: An `ImageDataset`, reduced.
    """
    from kerasaug.study.results import few_tests

    names = ("class_names", "test_counts", "rare_classes")
    warning = few_tests({name: getattr(dataset, name) for name in names})
    if warning:
        click.echo(printable(f"Note: {warning}"))


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


def table(title: str) -> Any:
    """Makes an empty `rich.table.Table` in the style of all commands.

    Args:
        title: What stands above it.
    """
    import rich.box
    import rich.table

    return rich.table.Table(box=rich.box.SIMPLE, padding=(0, 1, 0, 0), title=title)


def warn_of_short_trainings(preset: str, steps: int | None) -> None:
    """Says of the figures of `--preset smoke` what they are worth.

    Args:
        preset: `--preset`.
        steps: `--steps`, if given.
    """
    if preset == "smoke" and steps is None:
        click.echo(
            "The trainings of --preset smoke are too short for these figures to mean anything."
        )


PRECISION = click.option(
    "--precision",
    type=click.Choice(POLICIES),
    show_default="the fastest here",
    help="Numbers to compute with; what is gone on with keeps its own by default.",
)
DRY_RUN = click.option("--dry-run", is_flag=True, help="Print the resolved run and stop.")
