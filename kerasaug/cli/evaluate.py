"""`evaluate`: compares ways to help a rare class, and says which do."""

import datetime
from pathlib import Path

import click

from kerasaug.cli import common
from kerasaug.models.registry import MODELS
from kerasaug.presets import GENERATOR_PRESETS, STUDY_PRESETS
from kerasaug.study.arms import AUGMENTATIONS, MIXTURES, UNCOUNTED, Arm, parse_list


def _table(rows: dict[str, str]) -> str:
    formatter = click.HelpFormatter(width=78)
    formatter.indent()
    formatter.write_dl(list(rows.items()), col_max=26)
    return formatter.getvalue().rstrip()


_MIXTURE_ROWS = {
    **{name + ("" if name in UNCOUNTED else "[:COUNT]"): text for name, text in MIXTURES.items()},
    **{name + "[:COUNT]": f"images from a {entry.description}" for name, entry in MODELS.items()},
}
EPILOG = f"""\b
Arms are written MIXTURE[:COUNT][+AUGMENTATION] and separated by commas. COUNT
images are added to every rare class; without it, as many as the largest class
has more.
\b
Mixtures:
{_table(_MIXTURE_ROWS)}
\b
Augmentations:
{_table({"+" + name: text for name, text in AUGMENTATIONS.items()})}
\b
Examples (installed from a wheel, the command is kerasaug-evaluate):
  bin/evaluate
  bin/evaluate --arms none,oversample,crop-rotate --seeds 2 --output study
  bin/evaluate --arms none,balanced+affine,wgan:1000,wgan:4500+crop-rotate
  bin/evaluate --generator saved_models/fives
"""


@click.command(epilog=EPILOG)
@common.DATASET
@common.KEEP
@click.option("--arms", metavar="LIST", show_default="preset's", help="What to compare; see below.")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    show_default="preset's",
    help="Repetitions, each with its own split, generator and initial weights.",
)
@click.option(
    "--generator",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Use this folder of train-gan instead of training a generator per repetition; without "
    "--arms, its model takes the place of the preset's.",
)
@click.option(
    "--preset",
    type=click.Choice(list(STUDY_PRESETS)),
    default="quick",
    show_default=True,
    help="quick takes minutes on two cores; paper has every amount of the report and takes hours.",
)
@click.option("--steps", type=click.IntRange(1), show_default="preset's", help="Classifier steps.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    show_default="runs/TIME-DATASET",
    help="The folder to fill; finished trials that it holds are not run again.",
)
@common.DRY_RUN
def evaluate(dataset, keep, arms, seeds, generator, preset, steps, output, dry_run):
    """Compares ways to help a class that has few images.

    Trains the same classifier on each arm, several times, and says which arm helps, which hurts,
    and where there is no evidence. Leaves a folder with report.html, results.json, figures/ and
    trials/.
    """
    amounts = common.parse_keep(keep)
    chosen = STUDY_PRESETS[preset]
    with common.naming("--arms"):
        parsed = parse_list(arms or chosen.arms)
    time = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    output = output or Path("runs") / f"{time}-{dataset}"
    common.check_output(output)
    common.quiet_tensorflow()
    from kerasaug import precision
    from kerasaug.cli.progress import Progress
    from kerasaug.model_folder import ModelFolder
    from kerasaug.study.runner import Study, StudyConfig

    if generator and not arms:
        with common.naming(f"--generator {generator}"):
            run = ModelFolder(generator).read_run()
        if run is not None:
            # The preset's arms, with the given model in the place of the preset's.
            parsed = [arm for arm in parsed if arm.model is None] + [Arm(run["config"]["model"])]
    whole = common.load(dataset)
    amounts = common.resolve_keep(whole, amounts)
    steps = steps or chosen.steps
    config = StudyConfig(
        dataset=dataset,
        keep=amounts,
        arms=tuple(str(arm) for arm in parsed),
        seeds=seeds or chosen.seeds,
        steps=steps,
        batch_size=chosen.batch_size,
        # Epochs of equal length, so that the steps are exactly as many as asked for.
        epochs=max(n for n in range(1, chosen.epochs + 1) if steps % n == 0),
        generator=GENERATOR_PRESETS[chosen.generator],
        generator_folder=None if generator is None else str(generator),
        precision=precision.best_dtype_policy(),
    )
    study = Study(config, whole, output)
    shown = {**study.config.as_dict(), "class counts": study.class_counts, "output": output}
    common.print_config(shown)
    if dry_run:
        return
    with Progress(study.units()) as progress:
        results = study.run(progress)
    _print_results(results)
    click.echo(f"\nReport:  {output / 'report.html'}\nResults: {output / 'results.json'}")


def _print_results(results):
    import rich.box
    import rich.console
    import rich.table

    from kerasaug.study.results import BASELINE, headlines

    table = rich.table.Table(
        box=rich.box.SIMPLE,
        padding=(0, 1, 0, 0),
        title="recall, precision and F1 of the rare class; ± 95 % interval",
    )
    table.add_column("arm", no_wrap=True)
    for name in ("recall", "prec.", "F1", "accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for arm, found in results["arms"].items():
        summary = found["summary"]
        table.add_row(
            arm,
            _with_spread(summary["rare_recall"]),
            f"{summary['rare_precision']['mean']:.3f}",
            _with_spread(summary["rare_f1"]),
            f"{summary['accuracy']['mean']:.4f}",
            found["verdict"] or ("baseline" if arm == BASELINE else "-"),
        )
    console = rich.console.Console()
    console.print(table)
    note = results["config"]["generator_note"]
    for sentence in [*headlines(results), *([note] if note else [])]:
        console.print(sentence, highlight=False, markup=False)


def _with_spread(value):
    if value["low"] is None:
        return f"{value['mean']:.3f}"
    # An interval may be cut off at 0 or 1, but not on both sides of the mean.
    half = max(value["high"] - value["mean"], value["mean"] - value["low"])
    return f"{value['mean']:.3f} ±{half:.2f}".replace("±0.", "±.")


def main() -> None:
    """The entry point."""
    common.run(evaluate, "give the same --output again to go on; finished trials are not run again")
