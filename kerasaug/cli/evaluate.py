"""`evaluate`: compares ways to help a rare class, and says which do."""

import dataclasses
import datetime
import math
import os
import shlex
from pathlib import Path

import click

from kerasaug.cli import common, data_options
from kerasaug.cli import describe as describing
from kerasaug.errors import InputError, TrainingFailed, naming
from kerasaug.models.registry import MODELS
from kerasaug.precision import described
from kerasaug.presets import STUDY_PRESETS
from kerasaug.quiet import quiet_tensorflow
from kerasaug.study import arms
from kerasaug.wording import printable

WIDTH_OF_FILE, WIDTH_OF_SCORES = 120, 61


def _table(rows: dict[str, str]) -> str:
    formatter = click.HelpFormatter(width=78)
    formatter.indent()
    formatter.write_dl(list(rows.items()), col_max=26)
    return formatter.getvalue().rstrip()


_MIXTURE_ROWS = {
    **{
        name + ("[:COUNT]" if name in arms.COUNTED else ""): text
        for name, text in arms.MIXTURES.items()
    },
    **{name + "[:COUNT]": f"images from a {entry.description}" for name, entry in MODELS.items()},
}
_OWN_SHARES = ", ".join(f"{share} with :{form}" for form, share in arms.SHARES.items())
EPILOG = f"""\b
Arms are written MIXTURE[:COUNT|:FORM][+MODIFIER...] and separated by commas.
COUNT images are added to every rare class; without it, as many as the largest
class has more.
\b
Mixtures:
{_table(_MIXTURE_ROWS)}
\b
Forms, of models that learned all classes; every class is drawn equally often:
{_table({"MODEL:" + name: text for name, text in arms.FORMS.items()})}
\b
Modifiers:
{_table({"+" + name: text for name, text in arms.MODIFIERS.items()})}
\b
Examples (installed from a wheel, the command is kerasaug-evaluate):
  bin/evaluate
  bin/evaluate --arms none,oversample,crop-rotate --seeds 2 --output study
  bin/evaluate --arms none,balanced+affine,wgan:1000,wgan:4500+crop-rotate
  bin/evaluate --arms balanced+auto,conditional-vae:varied+auto --seeds 5
  bin/evaluate --arms none,conditional-wgan --sweep 100,1000,2000,4500
  bin/evaluate --generator saved_models/fives
  bin/evaluate --dataset parts --describe
  bin/evaluate --dataset parts --image-size 64
"""


@click.command(epilog=EPILOG)
@data_options.data_options
@click.option("--arms", "listed", metavar="LIST", show_default="preset's", help="See below.")
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
    help="smoke only shows that everything works, quick takes minutes on two cores, paper has "
    "the models and amounts of the report, its generators as short as quick's, and takes hours.",
)
@click.option("--steps", type=click.IntRange(1), show_default="preset's", help="Classifier steps.")
@click.option(
    "--sweep",
    metavar="COUNTS",
    help="Run every arm of a model that has no count with each of these, as 100,1000,4500, and "
    "choose one by training images that are held out: a fifth of every class, in all arms.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    show_default=_OWN_SHARES,
    help="Share of every batch that the model makes, in arms with a FORM.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Least probability that a teacher must give to a generated image's label.",
)
@common.PRECISION
@click.option(
    "--jobs",
    type=click.IntRange(1),
    show_default="one per processor, at most 8",
    help="Processes at a time; the figures do not depend on it.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Run on a Dask cluster instead, such as tcp://host:8786, whose workers see --output (and "
    "--generator) under the same path.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    show_default="runs/TIME-DATASET",
    help="The folder to fill; finished trials that it holds are not run again.",
)
@click.option(
    "--describe",
    is_flag=True,
    help="Say what the data are: classes, sizes, copies, unreadable files; and stop.",
)
@common.DRY_RUN
def evaluate(
    data,
    listed,
    seeds,
    generator,
    preset,
    steps,
    sweep,
    share,
    threshold,
    precision,
    jobs,
    scheduler,
    output,
    describe,
    dry_run,
):
    """Compares ways to help a class that has few images.

    Trains the same classifier on each arm, several times, and says which arm helps, which hurts,
    and where there is no evidence. Leaves a folder with report.html, results.json, figures/ and
    trials/.
    """
    with naming("--arms"):
        parsed = arms.parse_list(STUDY_PRESETS[preset].arms if listed is None else listed)
    counts = _parse_sweep(sweep)
    for option, value in (("--share", share), ("--threshold", threshold)):
        if value is not None and math.isnan(value):
            raise InputError(f"{option} nan: accepted is a number from 0 to 1")
    if generator and not generator.exists():
        raise InputError(f"--generator {generator}: there is no finished training of train-gan")
    if jobs and scheduler:
        raise InputError(f"--jobs {jobs}: does not go together with --scheduler")
    if describe and output:
        raise InputError(f"--output {output}: does not go together with --describe, which prints")
    data.check()
    common.check_output(output)
    quiet_tensorflow()
    from kerasaug.cli.progress import Progress
    from kerasaug.model_folder import ModelFolder
    from kerasaug.study import parallel
    from kerasaug.study.config import StudyConfig
    from kerasaug.study.runner import Study
    from kerasaug.study.tasks import HELD_OUT

    parallel.limit_threads()
    if generator and listed is None:
        with naming(f"--generator {generator}"):
            run = ModelFolder(generator).read_run()
        if run is not None:
            # The preset's arms, with the given model in the place of the preset's.
            model = run["config"]["model"]
            parsed = [arm for arm in parsed if arm.model is None]
            parsed += [arms.Arm(model), arms.Arm(model, modifiers=(arms.ADJUSTING,))]
    parsed = _swept(parsed, counts)
    loaded = data.load(complete=not describe)
    if describe:
        describing.describe(loaded)
        return
    time = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    output = output or Path("runs") / f"{time}-{loaded.title}"
    config = StudyConfig.from_preset(
        preset,
        loaded.name,
        loaded.keep,
        arms=",".join(map(str, parsed)),
        seeds=seeds,
        steps=steps,
        loading=loaded.loading,
        generator_folder=None if generator is None else str(generator),
        precision=precision,
        share=share,
        threshold=threshold,
        hold_out=HELD_OUT if sweep else 0.0,
    )
    study = Study(config, loaded.dataset, output)
    reduced = study.generators.reduced(0)
    shown = {**study.config.as_dict(), "class counts": reduced.class_counts, "output": output}
    shown["precision"] = described(study.config.precision)
    shown["share"] = _OWN_SHARES if share is None else share
    common.print_config(shown)
    common.print_notes(loaded.dataset)
    common.warn_of_few_tests(reduced)
    if dry_run:
        return
    try:
        with Progress(study.units()) as progress:
            results = study.run(progress, jobs or parallel.default_jobs(), scheduler)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"the same command with --output {shlex.quote(str(output))} goes on"
        ) from None
    _print_results(results)
    common.warn_of_short_trainings(preset, steps)
    click.echo(f"\nReport:  {output / 'report.html'}\nResults: {output / 'results.json'}")
    if results["failures"]:
        raise TrainingFailed(
            f"{len(results['failures'])} pieces of work failed, see {output / 'failures.txt'}; "
            "the same command with this --output tries them again"
        )


def _parse_sweep(text: str | None) -> list[int]:
    if text is None:
        return []
    parts = [part.strip() for part in text.split(",")]
    counts = {int(part) for part in parts if part.isdecimal()} - {0}
    if len(counts) < max(2, len(parts)):
        raise InputError(f"--sweep {text}: accepted are two or more numbers, such as 100,1000")
    return sorted(counts)


def _swept(parsed: list[arms.Arm], counts: list[int]) -> list[arms.Arm]:
    """Puts every count in the place of none, in the arms of models."""
    if not counts:
        return parsed
    free = [arm for arm in parsed if arm.model and arm.count is None and not arm.form]
    if not free:
        raise InputError("--sweep: no arm of a model without a count is among --arms")
    swept = [dataclasses.replace(arm, count=count) for arm in free for count in counts]
    return list(dict.fromkeys([arm for arm in parsed if arm not in free] + swept))


def _print_results(results):
    import rich.console

    from kerasaug.study.results import headlines

    console = rich.console.Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH_OF_FILE
    table = common.table("recall, precision and F1 of the rare class; ± 95 % interval")
    # The only column that gives way where the window is narrow.
    longest = max(map(len, results["arms"]))
    narrow = longest + WIDTH_OF_SCORES > console.width
    table.add_column("arm", overflow="fold", min_width=10)
    for name in ("recall", "prec.", "F1", "accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("against none", no_wrap=True)
    for arm, found in results["arms"].items():
        summary = found["summary"]
        table.add_row(
            arms.broken(arm, "\n") if narrow else arm,
            _with_spread(summary["rare_recall"]),
            f"{summary['rare_precision']['mean']:.3f}",
            _with_spread(summary["rare_f1"]),
            f"{summary['accuracy']['mean']:.4f}",
            found["verdict"] or ("baseline" if arm == arms.BASELINE else "-"),
        )
    console.print(table)
    note = results["config"]["generator_note"]
    for sentence in [*headlines(results).first, *([note] if note else [])]:
        console.print(printable(sentence), highlight=False, markup=False)


def _with_spread(value):
    if value["low"] is None:
        return f"{value['mean']:.3f}"
    # An interval may be cut off at 0 or 1, but not on both sides of the mean.
    half = max(value["high"] - value["mean"], value["mean"] - value["low"])
    return f"{value['mean']:.3f} ±{half:.2f}".replace("±0.", "±.")


def main() -> None:
    """The entry point."""
    common.run(evaluate, "the same command with the same --output goes on")
