"""`train-gan`: trains a generative model on imbalanced data and exports it."""

import sys
from pathlib import Path

import click

from kerasaug.cli import common, data_options
from kerasaug.errors import naming
from kerasaug.models.registry import MODELS
from kerasaug.precision import described
from kerasaug.presets import GENERATOR_PRESETS
from kerasaug.quiet import quiet_tensorflow
from kerasaug.wording import label

SHOWN = ("recognised", "precision", "coverage", "kernel_distance", "copied")
EPILOG = """\b
Examples (installed from a wheel, the command is kerasaug-train-gan):
  bin/train-gan
  bin/train-gan --model wgan --keep 5=54 --preset smoke --output /tmp/fives
  bin/train-gan --dataset fashion_mnist --keep Shirt=60
"""


@click.command(epilog=EPILOG)
@click.option(
    "--model", type=click.Choice(list(MODELS)), default="conditional-wgan", show_default=True
)
@data_options.data_options
@click.option(
    "--preset",
    type=click.Choice(list(GENERATOR_PRESETS)),
    default="default",
    show_default=True,
    help="Sets steps, batch size, width and learning rate together: smoke only shows "
    "that everything works, quick takes one to five minutes, default ten to twenty, paper hours.",
)
@click.option("--steps", type=click.IntRange(1), show_default="preset's", help="Generator steps.")
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    show_default="preset's",
    help="Real images per critic step.",
)
@click.option(
    "--latent-dim",
    type=click.IntRange(2),
    show_default="model's",
    help="Length of the latent vectors; 2 makes the latent map of a vae exact.",
)
@click.option(
    "--augment/--no-augment",
    default=True,
    show_default=True,
    help="Whether a critic sees classes with under 1000 images shifted, deformed and cut out, and "
    "a conditional-vae all images rotated, shifted and scaled.",
)
@common.PRECISION
@click.option(
    "--strategy",
    type=click.Choice(["none", "mirrored", "multi-worker"]),
    default="none",
    show_default=True,
    help="Share every batch among all GPUs of this machine, or among the processes that TF_CONFIG "
    "lists, each started with the same command.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    show_default="saved_models/DATASET-MODEL",
    help="The folder to fill.",
)
@click.option(
    "--resume/--fresh",
    default=True,
    show_default=True,
    help="Go on with a half-finished folder, or begin anew even where one is finished.",
)
@common.DRY_RUN
def train_gan(
    data,
    model,
    preset,
    steps,
    batch_size,
    latent_dim,
    augment,
    precision,
    strategy,
    seed,
    output,
    resume,
    dry_run,
):
    """Trains a generative model on imbalanced image data.

    Leaves a folder with generator/ (a SavedModel that needs neither this package nor Keras),
    model.keras (to train on), run.json, history.csv, losses.png, samples/, and of models with an
    encoder latent/, and says how good the images are.
    """
    data.check()
    common.check_output(output)
    quiet_tensorflow()
    from kerasaug import distribution, fitting, training
    from kerasaug.cli.progress import Progress
    from kerasaug.model_folder import ModelFolder
    from kerasaug.study.generators import STEP_COST
    from kerasaug.study.judge import Judge

    if strategy != "none":
        with naming(f"--strategy {strategy}"):
            distribution.check_model(model)
    # Before TensorFlow computes anything.
    replicated = distribution.strategy(strategy)
    loaded = data.load()
    whole = loaded.dataset
    output = output or Path("saved_models") / f"{loaded.title}-{model}"
    reduced = whole.reduce(loaded.keep, seed)
    chosen = GENERATOR_PRESETS[preset].of(model)
    given = {"steps": steps, "batch_size": batch_size}
    config = fitting.GeneratorConfig(
        model=model,
        dataset=loaded.name,
        loading=loaded.loading,
        keep=loaded.keep,
        seed=seed,
        precision=precision,
        latent_dim=latent_dim,
        augment=augment,
        **{**chosen._asdict(), **{name: value for name, value in given.items() if value}},
    )
    with naming(f"--model {model}"):
        fitting.learned_class(model, reduced)
    with naming(f"--batch-size {config.batch_size}"):
        distribution.check_batch(replicated, config.batch_size)
    with naming(f"--output {output}"):
        config = training.check_folder(ModelFolder(output), config, reduced, fresh=not resume)
    shown = {**config.__dict__, "precision": described(config.precision)}
    common.print_config({**shown, "class counts": reduced.class_counts, "output": output})
    common.print_notes(whole)
    if dry_run:
        return
    # Once, for the training and for the judge.
    whole = whole.cache()
    reduced = whole.reduce(loaded.keep, seed)
    judging = config.judge_steps / STEP_COST
    with Progress(config.steps + judging) as progress:

        def measure(*arguments):
            following = progress.following("training the judge", 1 / STEP_COST)
            judge = Judge(whole, config.judge_steps, [following])
            progress.describe("measuring the images")
            return judge.measure(*arguments)

        folder = training.train_generator(
            config,
            reduced,
            output,
            fresh=not resume,
            callbacks=[progress.following(model)],
            measure=measure,
            tell=progress.say,
            strategy=replicated,
        )
    if not distribution.is_chief(replicated):
        return
    _print_fidelity(folder.read_run()["fidelity"], reduced)
    common.warn_of_short_trainings(preset, steps)
    click.echo(f"\nSavedModel: {folder.generator}\nLosses:     {folder.losses}")
    click.echo(f"Samples:    {folder.samples}")
    if folder.latent.exists():
        click.echo(f"Latent map: {folder.latent}")


def _print_fidelity(measured, dataset):
    import rich.console
    import rich.markup

    from kerasaug.study import fidelity

    rare = {dataset.class_names[class_id] for class_id in dataset.rare_classes}
    table = common.table("images against test images")
    table.add_column("images of", min_width=12)
    for name in SHOWN:
        table.add_column(fidelity.NAMES[name], justify="right", no_wrap=True)
    console = rich.console.Console()
    # The rare classes and their yardsticks come last, where the eye is.
    for class_name in sorted(dataset.class_names, key=rare.__contains__):
        rows, shown = fidelity.rows([measured], class_name), label(class_name)
        if class_name in rare and not rows:
            console.print(f"{shown} has too few images to be measured.", markup=False)
        for source, figures in rows.items():
            if source == "generated" or class_name in rare:
                cells = [f"{figures[n]:.3f}" if n in figures else "" for n in SHOWN]
                title = "generated" if source == "generated" else fidelity.SOURCES[source]
                table.add_row(rich.markup.escape(f"{shown}, {title}"), *cells)
        if fidelity.memorised([measured], class_name):
            warning = f"The generator repeats its training images of {shown}."
            console.print(warning, markup=False)
    if table.rows:
        console.print(table)


def main() -> None:
    """The entry point."""
    without = " without --fresh" if "--fresh" in sys.argv else ""
    common.run(train_gan, f"the same command{without} goes on where it stopped")
