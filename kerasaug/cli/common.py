"""What the commands share: one-line errors, options under headings, what they print."""

import errno
import functools
import io
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import click

from kerasaug.errors import InputError, TrainingFailed, UserCodeError
from kerasaug.runtime import POLICIES, check_keras
from kerasaug.wording import printable, readable

INPUT_ERROR, FAILURE, INTERRUPTED = 2, 1, 130
HEADINGS = ("Data", "Comparison", "Images", "Training", "Machine", "Output")


class ExpandedPath(click.Path):
    """A path in which `~` is the user's home, as a shell writes it."""

    def convert(self, value, param, ctx):
        """Makes a `pathlib.Path` of a text."""
        return Path(os.path.expanduser(value))


class Option(click.Option):
    """An option that stands under a heading of `--help`."""

    def __init__(self, *names: Any, heading: str = HEADINGS[-1], **attributes: Any):
        super().__init__(*names, **attributes)
        self.heading = heading


data, comparison, images, training, machine, output = (
    functools.partial(click.option, cls=Option, heading=heading) for heading in HEADINGS
)
"""Like `click.option`, each under its heading."""


class Command(click.Command):
    """A command whose `--help` shows options under headings."""

    def format_options(self, ctx, formatter):
        """Writes a section for every heading that has options."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        for heading in HEADINGS:
            rows = [
                option.get_help_record(ctx)
                for option in options
                if getattr(option, "heading", HEADINGS[-1]) == heading
            ]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def run(command: click.Command, resume: str) -> None:
    """Runs a command; a user's mistake gives one line and exit code 2.

    `resume` says how to go on, to a user who pressed Ctrl-C or whose disk was full. SIGTERM, which
    Slurm and Docker send before they kill, does as Ctrl-C.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Names may have letters that the terminal has not.
            stream.reconfigure(errors="replace")
    try:
        check_keras()
        command.main(standalone_mode=False)
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except click.ClickException as error:
        _fail(error.format_message(), INPUT_ERROR)
    except InputError as error:
        if isinstance(error, UserCodeError):
            click.echo("\n".join(map(printable, error.trace.splitlines())), err=True)
        _fail(_with_flags(str(error), command), INPUT_ERROR)
    except TrainingFailed as error:
        _fail(_with_flags(str(error), command), FAILURE)
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            _fail(_reason(error), INPUT_ERROR)
        # A run cannot go on with what is gone.
        if error.errno == errno.ENOENT:
            _fail(_reason(error), FAILURE)
        _fail(f"{_reason(error)}; once that is mended, {resume}", FAILURE)
    except (click.Abort, KeyboardInterrupt) as error:
        # Click puts its own in the place of one that knows more.
        _fail(f"stopped; {str(error.__cause__ or error) or resume}", INTERRUPTED)
    except Exception as error:
        # A file that was whole when it was scanned, and is read in the middle of a pipeline.
        if "UnreadableImage" in str(error):
            _fail("an image file of --dataset was changed or removed since the start", FAILURE)
        # Python's and TensorFlow's errors of a full memory.
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
            _fail(f"there is not enough memory; once there is, {resume}", FAILURE)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _with_flags(message: str, command: click.Command) -> str:
    """Writes arguments of the library, which stand in backticks, as the command's options."""
    flags = {param.name: param.opts[0] for param in command.params}
    return re.sub(r"`(\w+)`", lambda match: flags.get(match[1], match[0]), message)


def _reason(error: OSError) -> str:
    if error.strerror is None:
        return str(error)
    return f"{error.strerror}: {error.filename}" if error.filename else error.strerror


def _fail(message: str, code: int) -> None:
    click.echo("Error: " + printable(" ".join(message.split())), err=True)
    sys.exit(code)


def print_notes(dataset: Any, most: int = 3) -> None:
    """Shows the notes of an `ImageDataset`, or of anything else, with some examples of each."""
    for note in dataset.notes:
        shown = ", ".join(note.items[:most])
        rest = f" and {len(note.items) - most} more" if len(note.items) > most else ""
        text = _with_flags(note.text, click.get_current_context().command)
        click.echo(printable(f"Note: {text}{': ' if shown else ''}{shown}{rest}"))


def check_output(path: Path | None) -> None:
    """Refuses an output path where no folder can be made, before anything slow begins."""
    if path is None:
        return
    for place in (path, *path.parents):
        if place.exists() and not place.is_dir():
            raise InputError(f"--output {path}: {place} is a file; it must be a folder")
    check_writable(path)


def check_apart(output: Path, dataset: str) -> None:
    """Refuses an output path in the data, of which what is written there would become a part.

    Args:
        output: The path.
        dataset: Path of a folder of data, or the name of a data set.
    """
    data = Path(dataset)
    if data.is_absolute() and data.resolve() in (output.resolve(), *output.resolve().parents):
        raise InputError(f"--output {output}: lies in the data, {data}; give a folder elsewhere")


def check_writable(path: Path) -> None:
    """Refuses an output path in a folder that cannot be written to."""
    folders = (path.absolute(), *path.absolute().parents)
    place = next(folder for folder in folders if folder.is_dir())
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"--output {path}: {place} cannot be written to")


def print_config(config: dict[str, Any]) -> None:
    """Shows the resolved run."""
    width = max(map(len, config))
    for name, value in config.items():
        click.echo(f"{name:<{width}}  {printable(readable(value))}")


def table(title: str) -> Any:
    """Makes an empty `rich.table.Table` in the style of all commands."""
    import rich.box
    import rich.table

    return rich.table.Table(box=rich.box.SIMPLE, padding=(0, 1, 0, 0), title=title)


def warn_of_smoke_test(preset: str, steps: int | None) -> None:
    """Says that the scores of `--preset smoke` are worth nothing."""
    if preset == "smoke" and steps is None:
        click.echo("This was a smoke test: after such short trainings, the scores are meaningless.")


PRECISION = machine(
    "--precision",
    type=click.Choice(POLICIES),
    show_default="the fastest here; that of a run that is resumed",
    help="The number format.",
)
DRY_RUN = output("--dry-run", is_flag=True, help="Print the resolved run and stop.")
