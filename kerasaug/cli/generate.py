"""`generate`: draws images from a trained generator, or fills a folder up with them."""

from pathlib import Path

import click

from kerasaug.cli import common
from kerasaug.errors import InputError, naming
from kerasaug.quiet import quiet_tensorflow
from kerasaug.wording import printable

EPILOG = """\b
Examples (installed from a wheel, the command is kerasaug-generate):
  bin/generate saved_models/fives --label 5 --count 100 --output fives
  bin/generate saved_models/shirts --label Shirt --count 1000 --output shirts.npz
  bin/generate saved_models/parts-conditional-wgan --balance parts --output parts-balanced
"""


@click.command(epilog=EPILOG)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--label", metavar="CLASS", help="The class to draw, by name or index.")
@click.option("--count", type=click.IntRange(1), show_default="100", help="How many, of --label.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option(
    "--balance",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Instead of drawing one class: make this folder of class folders anew, and fill every "
    "class up.",
)
@click.option(
    "--to",
    type=click.IntRange(1),
    show_default="as many as the largest has",
    help="How many images every class is to have after --balance.",
)
@click.option(
    "--originals",
    type=click.Choice(["symlink", "copy"]),
    show_default="symlink",
    help="Whether --balance links to the images that are there, or copies them.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR|FILE",
    help="A folder for PNG files by class and manifest.csv; or a file .npz or .tfrecord.",
)
@common.DRY_RUN
def generate(model, label, count, seed, balance, to, originals, output, dry_run):
    """Draws images from MODEL: a folder of train-gan, or the SavedModel in one.

    Nothing that is there already is overwritten or changed. A folder that comes out can be read by
    keras.utils.image_dataset_from_directory and by --dataset of the other commands.
    """
    if not model.exists():
        raise InputError(f"MODEL {model}: there is no such folder")
    if (label is None) == (balance is None):
        raise InputError("accepted is either --label CLASS or --balance FOLDER")
    mode, others = "--label", {"--count": count}
    if balance is None:
        mode, others = "--balance", {"--to": to, "--originals": originals}
    for option, value in others.items():
        if value is not None:
            raise InputError(f"{option} {value}: goes together with {mode} alone")
    common.check_writable(output)
    quiet_tensorflow()
    from kerasaug import balancing, drawn_images
    from kerasaug.saved_generator import SavedGenerator

    with naming(f"MODEL {model}"):
        generator = SavedGenerator(model)
    if balance:
        if not balance.is_dir():
            raise InputError(f"--balance {balance}: there is no such folder")
        with naming(f"--output {output}"):
            balancing.check(balance, output)
        with naming(f"--balance {balance}"):
            plan = balancing.Plan(generator, balance, to)
        common.print_notes(plan)
        for name, missing in plan.missing.items():
            click.echo(printable(f"{name}: {missing} to generate"))
            _warn(generator, name)
        if not dry_run:
            plan.write(output, seed, originals or "symlink")
            click.echo(f"\nFolder: {output}")
        return
    with naming(f"--label {label}"):
        class_id = generator.class_index(label)
    with naming(f"--output {output}"):
        drawn_images.check(output)
    count = count or 100
    _warn(generator, generator.class_name(class_id))
    if dry_run:
        click.echo(printable(f"{generator.class_name(class_id)}: {count} to generate"))
        return
    images = generator.generate(count, class_id, seed)
    drawn = drawn_images.Drawn(images, generator.class_name(class_id), class_id, seed)
    with naming(f"--output {output}"):
        drawn_images.write(drawn, output, generator.class_names)
    click.echo(printable(f"{count} images of {drawn.label}: {output}"))


def _warn(generator, name):
    if name in generator.unmeasured:
        text = f"how good its images of {name} are was never measured: look at them"
        click.echo(printable(f"Note: {text}"))


def main() -> None:
    """The entry point."""
    common.run(generate, "the same command goes on, and writes no image twice")
