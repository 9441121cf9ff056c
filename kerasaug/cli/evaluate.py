"""`evaluate`: compares ways to help a rare class, and says which do."""

import datetime
import os
import shlex
from pathlib import Path
from types import SimpleNamespace

import click

from kerasaug.cli import common, data_options
from kerasaug.cli.describe import describe
from kerasaug.errors import InputError, TrainingFailed, naming
from kerasaug.models.registry import MODELS
from kerasaug.runtime import describe_precision, limit_threads, quiet_tensorflow
from kerasaug.study import arms
from kerasaug.study.arms import LOGIT_ADJUSTED, Arm
from kerasaug.study.config import STUDY_PRESETS, StudyConfig
from kerasaug.wording import printable

WIDTH_OF_FILE, WIDTH_OF_SCORES = 130, 65


def _rows(rows: dict[str, str]) -> str:
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
EPILOG = f"""\b
Arms are written MIXTURE[:COUNT|:FORM][+MODIFIER...] and separated by commas.
COUNT images are added to every rare class; without it, as many as the largest
class has more.
\b
Mixtures:
{_rows(_MIXTURE_ROWS)}
\b
Forms, of models that learn all classes; every class is drawn equally often:
{_rows({"MODEL:" + name: text for name, text in arms.FORMS.items()})}
\b
Modifiers:
{_rows({"+" + name: text for name, text in arms.MODIFIERS.items()})}
\b
Examples (installed from a wheel, the command is kerasaug-evaluate):
  bin/evaluate
  bin/evaluate --arms none,oversample,crop-rotate --seeds 2 --output study
  bin/evaluate --arms none,balanced+affine,wgan:1000,wgan:4500+crop-rotate
  bin/evaluate --generator saved_models/fives
  bin/evaluate --dataset parts --describe
  bin/evaluate --dataset parts --image-size 64
"""


@click.command(cls=common.Command, epilog=EPILOG)
@data_options.data_options
@common.data(
    "--describe",
    is_flag=True,
    help="Say what the data are: classes, sizes, duplicates, unreadable files; and stop.",
)
@common.comparison("--arms", metavar="LIST", show_default="preset's", help="See below.")
@common.comparison(
    "--seeds",
    type=click.IntRange(1),
    show_default="preset's",
    help="Repetitions, each with its own split, generators and initial weights.",
)
@common.comparison(
    "--generator",
    "generator_folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Use this folder of train-gan instead of training a generator per repetition; without "
    "--arms, its model takes the place of the preset's.",
)
@common.training(
    "--preset",
    type=click.Choice(list(STUDY_PRESETS)),
    default="quick",
    show_default=True,
    help="smoke only shows that everything works, quick takes half an hour on two cores, paper has "
    "the models and image counts of the student report, and takes hours.",
)
@common.training(
    "--steps", type=click.IntRange(1), show_default="preset's", help="Classifier steps."
)
@common.PRECISION
@common.machine(
    "--jobs",
    type=click.IntRange(1),
    show_default="one per processor, at most 8",
    help="Processes at a time; the results do not depend on it.",
)
@common.machine(
    "--scheduler",
    metavar="ADDRESS",
    help="Run on a Dask cluster instead, such as tcp://host:8786, whose workers see --output (and "
    "--generator) under the same path.",
)
@common.output(
    "--output",
    type=click.Path(path_type=Path),
    show_default="runs/TIME-DATASET",
    help="The folder to fill; finished trials that it holds are not run again.",
)
@common.DRY_RUN
def evaluate(data, **options):
    """Compares ways to help a class that has few images.

    Trains the same classifier on each arm, several times, and says which arm helps, which hurts,
    and where the difference is not significant. Leaves a folder with report.html, results.json,
    figures/ and trials/.
    """
    _evaluate(data, SimpleNamespace(**options))


def _evaluate(data, options):
    with naming("--arms"):
        preset = STUDY_PRESETS[options.preset]
        chosen = arms.parse_list(preset.arms if options.arms is None else options.arms)
    _check(options)
    data.check()
    common.check_output(options.output)
    quiet_tensorflow()
    from kerasaug.study.runner import Study

    limit_threads()
    if options.generator_folder and options.arms is None:
        chosen = _with_generator(chosen, options.generator_folder)
    loaded = data.load(complete=not options.describe)
    if options.describe:
        describe(loaded)
        return
    time = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    output = options.output or Path("runs") / f"{time}-{loaded.title}"
    config = StudyConfig.from_preset(
        options.preset,
        loaded.name,
        loaded.keep,
        arms=chosen,
        seeds=options.seeds,
        steps=options.steps,
        loading=loaded.loading,
        generator_folder=options.generator_folder and str(options.generator_folder),
        precision=options.precision,
    )
    study = Study(config, loaded.dataset, output)
    reduced = study.generators.reduced(0)
    shown = {**study.config.as_dict(), "class counts": reduced.class_counts, "output": output}
    common.print_config({**shown, "precision": describe_precision(study.config.precision)})
    common.print_notes(loaded.dataset)
    common.warn_of_few_tests(reduced)
    if not options.dry_run:
        _run(study, options)


def _check(options):
    """Refuses what is wrong without a look at the data, before TensorFlow takes its time."""
    folder = options.generator_folder
    if folder and not folder.exists():
        raise InputError(f"--generator {folder}: there is no finished training of train-gan")
    if options.jobs and options.scheduler:
        raise InputError(f"--jobs {options.jobs}: does not go together with --scheduler")
    if options.describe and options.output:
        raise InputError(
            f"--output {options.output}: does not go together with --describe, which prints"
        )


def _with_generator(chosen, folder):
    """The preset's arms, with the model of a folder in the place of the preset's."""
    from kerasaug.saved.folder import ModelFolder

    with naming(f"--generator {folder}"):
        run = ModelFolder(folder).read_run()
    if run is None:
        return chosen
    model = run["config"]["model"]
    controls = [arm for arm in chosen if arm.model is None]
    return [*controls, Arm(model), Arm(model, modifiers=(LOGIT_ADJUSTED,))]


def _run(study, options):
    from kerasaug.progress import ProgressBar
    from kerasaug.study.parallel import default_jobs

    try:
        with ProgressBar(study.units()) as progress:
            results = study.run(progress, options.jobs or default_jobs(), options.scheduler)
    except KeyboardInterrupt:
        output = shlex.quote(str(study.output))
        raise KeyboardInterrupt(f"the same command with --output {output} goes on") from None
    _print_results(results)
    common.warn_of_smoke_test(options.preset, options.steps)
    click.echo(f"\nReport:  {study.output / 'report.html'}")
    click.echo(f"Results: {study.output / 'results.json'}")
    if results["failures"]:
        raise TrainingFailed(
            f"{len(results['failures'])} tasks failed, see {study.output / 'failures.txt'}; "
            "the same command with this --output tries them again"
        )


def _print_results(results):
    import rich.console

    from kerasaug.study.sentences import headlines

    console = rich.console.Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH_OF_FILE
    table = common.table("recall, precision and F1 of the rare class; ± 95 % interval")
    # The only column that gives way where the window is narrow.
    longest = max(map(len, results["arms"]))
    is_narrow = longest + WIDTH_OF_SCORES > console.width
    table.add_column("arm", overflow="fold", min_width=10)
    for name in ("recall", "prec.", "F1", "accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("against baseline", no_wrap=True)
    for arm, values in results["arms"].items():
        summary = values["summary"]
        table.add_row(
            arms.with_breaks(arm, "\n") if is_narrow else arm,
            _with_spread(summary["rare_recall"]),
            f"{summary['rare_precision']['mean']:.3f}",
            _with_spread(summary["rare_f1"]),
            f"{summary['accuracy']['mean']:.4f}",
            values["verdict"] or ("baseline" if arm == arms.BASELINE else "-"),
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
