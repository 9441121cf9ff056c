"""`generate`: draws images from a trained generator, or fills a folder up with them."""

from types import SimpleNamespace

import click

from kerasaug.cli import common
from kerasaug.errors import InputError, naming
from kerasaug.runtime import quiet_tensorflow
from kerasaug.wording import printable

EPILOG = """\b
Examples (installed from a wheel, the command is kerasaug-generate):
  bin/generate saved_models/fives --label 5 --count 100 --output fives
  bin/generate saved_models/shirts --label Shirt --count 1000 --output shirts.npz
  bin/generate saved_models/parts-conditional-wgan --balance parts --output parts-balanced
"""


@click.command(cls=common.Command, epilog=EPILOG)
@click.argument("model", type=common.ExpandedPath())
@common.images("--label", metavar="CLASS", help="The class to draw, by name or index.")
@common.images("--count", type=click.IntRange(1), show_default="100", help="How many, of --label.")
@common.images(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="The same seed draws the same images.",
)
@common.images(
    "--balance",
    type=common.ExpandedPath(),
    metavar="FOLDER",
    help="Instead of drawing one class: fill up every class of this folder of class folders, in a "
    "new folder, --output.",
)
@common.images(
    "--to",
    type=click.IntRange(1),
    show_default="as many as the largest has",
    help="How many images every class is to have after --balance.",
)
@common.images(
    "--originals",
    type=click.Choice(["symlink", "copy", "resized"]),
    show_default="symlink",
    help="Whether --balance links to the images that are there, copies them, or writes them as PNG "
    "files of the size of generated ones.",
)
@common.images(
    "--pattern",
    metavar="GLOB",
    show_default="all images but masks of a segmentation",
    help="Read only files of --balance that match, as '*.jpg' or 'images/*'.",
)
@common.output(
    "--output",
    type=common.ExpandedPath(),
    required=True,
    metavar="DIR|FILE",
    help="A folder for PNG files by class and manifest.csv; or a file .npz or .tfrecord.",
)
@common.DRY_RUN
def generate(model, **options):
    """Draws images from MODEL: a folder of train-gan, or the SavedModel in one.

    No existing file is overwritten or changed. keras.utils.image_dataset_from_directory and
    --dataset of the other commands read the folder that it writes.
    """
    options = SimpleNamespace(**options)
    if not model.exists():
        raise InputError(f"MODEL {model}: there is no such folder")
    _check(options)
    quiet_tensorflow()
    from kerasaug.saved.generator import SavedGenerator

    with naming(f"MODEL {model}"):
        generator = SavedGenerator(model)
    if options.balance:
        _balance(generator, options)
    else:
        _draw(generator, options)


def _check(options):
    if (options.label is None) == (options.balance is None):
        raise InputError("either --label CLASS or --balance FOLDER must be given, and not both")
    mode, others = "--label", {"--count": options.count}
    if options.balance is None:
        mode, others = (
            "--balance",
            {
                "--to": options.to,
                "--originals": options.originals,
                "--pattern": options.pattern,
            },
        )
    for option, value in others.items():
        if value is not None:
            raise InputError(f"{option} {value}: goes together with {mode} alone")
    common.check_writable(options.output)


def _balance(generator, options):
    from kerasaug.saved import balance

    folder, output = options.balance, options.output
    if not folder.is_dir():
        raise InputError(f"--balance {folder}: there is no such folder")
    with naming(f"--output {output}"):
        balance.check(folder, output)
    with naming(f"--balance {folder}"):
        plan = balance.Plan(generator, folder, options.to, options.pattern)
    common.print_notes(plan)
    for name, count in plan.missing.items():
        click.echo(printable(f"{name}: {count} to generate"))
        _warn(generator, name)
    if not options.dry_run:
        plan.write(output, options.seed, options.originals or "symlink")
        click.echo(f"\nFolder: {output}")


def _draw(generator, options):
    from kerasaug.saved import images

    output = options.output
    common.check_apart(output, generator.dataset or "")
    with naming(f"--label {options.label}"):
        class_id = generator.class_index(options.label)
    with naming(f"--output {output}"):
        images.check(output)
    count, name = options.count or 100, generator.class_name(class_id)
    _warn(generator, name)
    if generator.class_names is None:
        click.echo(f"Note: this SavedModel does not say what its classes are called; {name} counts")
    if options.dry_run:
        click.echo(printable(f"{name}: {count} to generate"))
        return
    pixels = generator.generate(count, class_id, options.seed)
    drawn = images.DrawnImages(pixels, name, class_id, options.seed)
    with naming(f"--output {output}"):
        images.write(drawn, output, generator.class_names)
    click.echo(printable(f"{count} images of {name}: {output}"))


def _warn(generator, name):
    if name in generator.unmeasured:
        text = f"the quality of its images of {name} was never measured: look at them"
        click.echo(printable(f"Note: {text}"))


def main() -> None:
    """The entry point."""
    common.run(generate, "the same command goes on, and writes no image twice")
