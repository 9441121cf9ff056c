"""`train-gan`: trains a generative model on imbalanced data and exports it."""

import sys
from pathlib import Path
from types import SimpleNamespace

import click

from kerasaug.cli import common, data_options
from kerasaug.errors import naming
from kerasaug.models.registry import MODELS
from kerasaug.runtime import describe_precision, quiet_tensorflow
from kerasaug.training.config import GENERATOR_PRESETS, GeneratorConfig, step_cost
from kerasaug.wording import label

SHOWN = ("classification_accuracy", "precision", "coverage", "kernel_distance", "copied")
EPILOG = """\b
Examples (installed from a wheel, the command is kerasaug-train-gan):
  bin/train-gan
  bin/train-gan --model wgan --keep 5=54 --preset smoke --output /tmp/fives
  bin/train-gan --dataset fashion_mnist --keep Shirt=60
"""


@click.command(cls=common.Command, epilog=EPILOG)
@common.training(
    "--model",
    type=click.Choice(list(MODELS)),
    default="conditional-wgan",
    show_default=True,
    help="The generative model.",
)
@data_options.data_options
@common.training(
    "--preset",
    type=click.Choice(list(GENERATOR_PRESETS)),
    default="default",
    show_default=True,
    help="Sets steps, batch size, width and learning rate together. smoke only shows that "
    "everything works; of MNIST on two cores, quick takes minutes, default a quarter of an hour or "
    "more, paper many hours.",
)
@common.training(
    "--steps", type=click.IntRange(1), show_default="preset's", help="Generator steps."
)
@common.training(
    "--batch-size",
    type=click.IntRange(1),
    show_default="preset's",
    help="Real images per critic step.",
)
@common.training(
    "--latent-dim",
    type=click.IntRange(2),
    show_default="model's",
    help="Length of the latent vectors; with 2, the latent map needs no projection.",
)
@common.training(
    "--augment/--no-augment",
    default=True,
    show_default=True,
    help="Whether a critic sees classes with under 1000 images shifted, deformed and cut out, and "
    "a conditional-vae all images rotated, shifted and scaled.",
)
@common.training(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="Of everything random.",
)
@common.PRECISION
@common.machine(
    "--strategy",
    type=click.Choice(["none", "mirrored", "multi-worker"]),
    default="none",
    show_default=True,
    help="Share every batch among all GPUs of this machine, or among the processes that TF_CONFIG "
    "lists, each started with the same command.",
)
@common.output(
    "--output",
    type=common.ExpandedPath(),
    show_default="saved_models/DATASET-MODEL",
    help="The folder to fill. The same command resumes a training that was stopped.",
)
@common.output("--fresh", is_flag=True, help="Begin anew, even where a training is finished.")
@common.DRY_RUN
def train_gan(data, **options):
    """Trains a generative model on imbalanced image data.

    Leaves a folder with generator/ (a SavedModel that needs neither this package nor Keras),
    model.keras (to train on), run.json, history.csv, losses.png, samples/, and of models with an
    encoder latent/, and says how good the images are, by the test images, which it does not learn
    from.
    """
    options = SimpleNamespace(**options)
    data.check()
    common.check_output(options.output)
    quiet_tensorflow()
    from kerasaug.progress import ProgressBar
    from kerasaug.quality.evaluator import Evaluator
    from kerasaug.saved.folder import ModelFolder
    from kerasaug.training import distribution, fit, run

    with naming(f"--strategy {options.strategy}"):
        if options.strategy != "none":
            distribution.check_model(options.model)
    # Before TensorFlow computes anything.
    strategy = distribution.strategy(options.strategy)
    loaded = data.load()
    full = loaded.dataset
    reduced = full.reduce(loaded.keep, options.seed)
    output = options.output or Path("saved_models") / f"{loaded.title}-{options.model}"
    common.check_apart(output, loaded.name)
    config = _config(loaded, options)
    with naming(f"--model {options.model}"):
        fit.learned_class(options.model, reduced)
    with naming(f"--batch-size {config.batch_size}"):
        distribution.check_batch(strategy, config.batch_size)
    with naming(f"--output {output}"):
        config = run.check_folder(ModelFolder(output), config, reduced, options.fresh)
    shown = {**config.__dict__, "precision": describe_precision(config.precision)}
    common.print_config({**shown, "class counts": reduced.class_counts, "output": output})
    common.print_notes(full)
    if options.dry_run:
        return
    # Once, for the training and for the evaluation classifier.
    full = full.cache()
    share = 1 / step_cost(options.model)
    with ProgressBar(config.steps + config.evaluator_steps * share) as progress:
        folder = run.train_generator(
            config,
            full.reduce(loaded.keep, options.seed),
            output,
            fresh=options.fresh,
            callbacks=[progress.callback(options.model)],
            evaluator=Evaluator(full, config.evaluator_steps, progress, share),
            progress=progress,
            strategy=strategy,
        )
    if not distribution.is_chief(strategy):
        return
    _print_fidelity(folder.read_run()["fidelity"], reduced)
    common.warn_of_smoke_test(options.preset, options.steps)
    click.echo(f"\nSavedModel: {folder.generator}\nLosses:     {folder.losses}")
    click.echo(f"Samples:    {folder.samples}")
    if folder.latent.exists():
        click.echo(f"Latent map: {folder.latent}")


def _config(loaded, options):
    preset = GENERATOR_PRESETS[options.preset].of(options.model, loaded.dataset.image_shape)
    changes = {"steps": options.steps, "batch_size": options.batch_size}
    preset = preset._replace(**{name: value for name, value in changes.items() if value})
    return GeneratorConfig(
        model=options.model,
        dataset=loaded.name,
        loading=loaded.loading,
        keep=loaded.keep,
        seed=options.seed,
        precision=options.precision,
        latent_dim=options.latent_dim,
        augment=options.augment,
        **preset._asdict(),
    )


def _print_fidelity(measured, dataset):
    import rich.console
    import rich.markup

    from kerasaug.quality import fidelity

    rare = {dataset.class_names[class_id] for class_id in dataset.rare_classes}
    table = common.table("generated images compared with test images")
    table.add_column("images of", min_width=12)
    for name in SHOWN:
        table.add_column(fidelity.NAMES[name], justify="right", no_wrap=True)
    console = rich.console.Console()
    # The rare classes and their references come last, where the eye is.
    for class_name in sorted(dataset.class_names, key=rare.__contains__):
        rows, shown = fidelity.rows(measured, class_name), label(class_name)
        if class_name in rare and not rows:
            console.print(f"{shown} has too few images to be measured.", markup=False)
        for source, figures in rows.items():
            if source == "generated" or class_name in rare:
                cells = [f"{figures[name]:.3f}" if name in figures else "" for name in SHOWN]
                title = fidelity.REFERENCES.get(source, source)
                table.add_row(rich.markup.escape(f"{shown}, {title}"), *cells)
        if fidelity.memorised(measured, class_name):
            warning = f"The generator copies its training images of {shown}."
            console.print(warning, markup=False)
    if table.rows:
        console.print(table)


def main() -> None:
    """The entry point."""
    without = " without --fresh" if "--fresh" in sys.argv else ""
    common.run(train_gan, f"the same command{without} goes on where it stopped")
