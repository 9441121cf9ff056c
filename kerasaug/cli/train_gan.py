"""`train-gan`: trains a generative model on imbalanced data and exports it."""

from pathlib import Path

import click

from kerasaug.cli import common
from kerasaug.models.registry import MODELS
from kerasaug.presets import GENERATOR_PRESETS

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
@common.DATASET
@common.KEEP
@click.option(
    "--preset",
    type=click.Choice(list(GENERATOR_PRESETS)),
    default="default",
    show_default=True,
    help="Sets steps, batch size, width and learning rate together: smoke only shows "
    "that everything works, quick takes about a minute, default about ten, paper hours.",
)
@click.option("--steps", type=click.IntRange(1), show_default="preset's", help="Generator steps.")
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    show_default="preset's",
    help="Real images per critic step.",
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
def train_gan(model, dataset, keep, preset, steps, batch_size, seed, output, resume, dry_run):
    """Trains a generative model on imbalanced image data.

    Leaves a folder with generator/ (a SavedModel that needs neither this package nor Keras),
    model.keras (to train on), run.json, history.csv, losses.png and samples/.
    """
    amounts = common.parse_keep(keep)
    output = output or Path("saved_models") / f"{dataset}-{model}"
    common.check_output(output)
    common.quiet_tensorflow()
    from kerasaug import precision, training
    from kerasaug.cli.progress import Progress
    from kerasaug.model_folder import ModelFolder

    whole = common.load(dataset)
    amounts = common.resolve_keep(whole, amounts)
    data = whole.reduce(amounts, seed)
    chosen = GENERATOR_PRESETS[preset]
    config = training.GeneratorConfig(
        model=model,
        dataset=dataset,
        keep=amounts,
        steps=steps or chosen.steps,
        batch_size=batch_size or chosen.batch_size,
        width=chosen.width,
        learning_rate=chosen.learning_rate,
        seed=seed,
        precision=precision.best_dtype_policy(),
    )
    with common.naming(f"--model {model}"):
        training.learned_class(model, data)
    with common.naming(f"--output {output}"):
        config = training.check_folder(ModelFolder(output), config, data, fresh=not resume)
    common.print_config({**config.__dict__, "class counts": data.class_counts, "output": output})
    if dry_run:
        return
    with Progress(config.steps) as progress:
        folder = training.train_generator(
            config, data, output, fresh=not resume, callbacks=[progress.following(model)]
        )
    click.echo(f"\nSavedModel: {folder.generator}\nLosses:     {folder.losses}")
    click.echo(f"Samples:    {folder.samples}")


def main() -> None:
    """The entry point."""
    common.run(train_gan, "the same command goes on from the last checkpoint")
