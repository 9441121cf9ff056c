"""`evaluate`: compares ways to help a rare class, and says which do."""

import datetime
import shlex
import textwrap
from pathlib import Path
from types import SimpleNamespace

import click

from kerasaug.cli import common, data_options
from kerasaug.cli.describe import describe
from kerasaug.cli.results_table import print_results
from kerasaug.errors import InputError, TrainingFailed, naming
from kerasaug.models.registry import MODELS
from kerasaug.runtime import describe_precision, limit_threads, quiet_tensorflow
from kerasaug.study import arms
from kerasaug.study.arms import Arm
from kerasaug.study.config import (
    AUTO_PROTOCOL,
    CROSS_VALIDATION,
    FEWEST_TESTS,
    HOLDOUT,
    PROTOCOLS,
    SMALL_CNN,
    STUDY_PRESETS,
    StudyConfig,
    choose_steps,
)


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
_TRIED = ", ".join(str(arm).removeprefix("balanced") or "none" for arm in arms.CANDIDATES)
_AUTO = textwrap.fill(f"+auto tries {_TRIED}.", 78, break_on_hyphens=False)
EPILOG = f"""\b
Arms are written MIXTURE[:COUNT|:FORM][+MODIFIER...] and separated by commas.
COUNT images are added to every rare class; without it, every rare class is
filled up to the size of the largest class.
\b
Mixtures:
{_rows(_MIXTURE_ROWS)}
\b
Forms of models that learn all classes (latent-perturbation: of conditional-vae
and conditional-vae-wgan); every class is drawn equally often:
{_rows({"MODEL:" + name: text for name, text in arms.FORMS.items()})}
\b
Modifiers:
{_rows({"+" + name: text for name, text in arms.MODIFIERS.items()})}
{_AUTO}
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
    help="Repetitions, each with its own splits, generators and initial weights.",
)
@common.comparison(
    "--protocol",
    type=click.Choice(PROTOCOLS),
    default=AUTO_PROTOCOL,
    show_default=True,
    help="holdout scores the test split. cross-validation puts all images together, for --keep "
    "too, and tests each once, by classifiers that did not see it. auto is holdout with "
    f"--test-split, or if a test split of the data's own has {FEWEST_TESTS} images of every rare "
    "class.",
)
@common.comparison(
    "--folds",
    type=click.IntRange(2),
    show_default="5, of smoke 2",
    help="Parts that cross-validation deals the images into.",
)
@common.comparison(
    "--classifier",
    metavar="TARGET",
    default=SMALL_CNN,
    show_default=True,
    help=f"What every arm trains: {SMALL_CNN}, a small network of this package; module:function or "
    "path/file.py:function, called with the image shape and the number of classes; "
    "keras.applications:NAME, with ImageNet's weights, or without them as "
    "keras.applications:NAME:random; or path/model.keras. Images are float32 in 0 to 255.",
)
@common.comparison(
    "--generator",
    "generator_folder",
    type=common.ExpandedPath(),
    metavar="DIR",
    help="Use this folder of train-gan instead of training a generator per repetition, "
    "with holdout; without --arms, its model takes the place of the preset's.",
)
@common.training(
    "--preset",
    type=click.Choice(list(STUDY_PRESETS)),
    default="quick",
    show_default=True,
    help="smoke only shows that everything works. quick takes nine minutes on two cores for MNIST, "
    "half an hour for 1,344 grey photographs of 48x48, and several times as long for colour. paper "
    "has the models and image counts of the student report, and takes hours.",
)
@common.training(
    "--steps",
    type=click.IntRange(1),
    show_default="preset's, more for colour",
    help="Training steps of every classifier.",
)
@common.training(
    "--batch-size",
    type=click.IntRange(1),
    show_default="preset's, at most 32 for keras.applications",
    help="Images per step of every classifier; a large network may need fewer to fit into memory.",
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
    "the files of --generator and --classifier) under the same path. Needs kerasaug[dask].",
)
@common.output(
    "--output",
    type=common.ExpandedPath(),
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
    options = SimpleNamespace(**options)
    with naming("--arms"):
        chosen = None if options.arms is None else arms.parse_list(options.arms)
    _check(options, data)
    data.check()
    common.check_output(options.output)
    quiet_tensorflow()
    from kerasaug.study import classifiers
    from kerasaug.study.runner import Study

    limit_threads()
    classifier = classifiers.resolve(options.classifier)
    pooled = options.protocol == CROSS_VALIDATION
    loaded = data.load(complete=not options.describe, pooled=pooled)
    if options.describe:
        describe(loaded)
        return
    used = _protocol(options, data, loaded)
    if options.generator_folder and chosen is None:
        chosen = _with_generator(options, used)
    time = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    output = options.output or Path("runs") / f"{time}-{loaded.title}"
    common.check_apart(output, loaded.name)
    config = StudyConfig.from_preset(
        options.preset,
        loaded.name,
        loaded.keep,
        protocol=used,
        folds=options.folds,
        classifier=classifier,
        arms=chosen,
        seeds=options.seeds,
        steps=options.steps or choose_steps(options.preset, loaded.dataset.image_shape),
        batch_size=options.batch_size,
        loading=loaded.loading,
        generator_folder=options.generator_folder and str(options.generator_folder),
        precision=options.precision,
    )
    study = Study(config, loaded.dataset, output)
    images = study.protocol.data
    counts = dict(zip(images.class_names, images.class_counts, strict=True))
    shown = {**study.config.as_dict(), "class counts": counts, "output": output}
    preset, shape = study.config.generator, loaded.dataset.image_shape
    del shown["generator"]
    shown |= {model: preset.of(model, shape)._asdict() for model in study.config.models}
    common.print_config({**shown, "precision": describe_precision(study.config.precision)})
    common.print_notes(study)
    if not options.dry_run:
        _run(study, options)


def _protocol(options, data, loaded):
    """What `--protocol` stands for."""
    from kerasaug.study.protocol import choose_protocol

    asked = options.protocol
    if data.test_split is not None or options.generator_folder:
        asked = HOLDOUT
    used = choose_protocol(asked, loaded.dataset, loaded.keep)
    if used == HOLDOUT and options.folds:
        raise InputError(f"--folds {options.folds}: goes with --protocol {CROSS_VALIDATION}")
    return used


def _check(options, data):
    """Refuses what is wrong without a look at the data, before TensorFlow takes its time."""
    folder = options.generator_folder
    if folder and not folder.exists():
        raise InputError(f"--generator {folder}: there is no finished training of train-gan")
    if options.protocol == CROSS_VALIDATION:
        for flag, value in (("--test-split", data.test_split), ("--generator", folder)):
            if value:
                raise InputError(
                    f"{flag} {value}: does not go together with --protocol cross-validation"
                )
    if options.jobs and options.scheduler:
        raise InputError(f"--jobs {options.jobs}: does not go together with --scheduler")
    if options.describe and options.output:
        raise InputError(
            f"--output {options.output}: does not go together with --describe, which prints"
        )


def _with_generator(options, used):
    """The preset's arms, with the model of a folder in the place of the preset's."""
    from kerasaug.saved.folder import ModelFolder

    chosen = arms.parse_list(STUDY_PRESETS[options.preset].comparisons[used].arms)
    with naming(f"--generator {options.generator_folder}"):
        run = ModelFolder(options.generator_folder).read_run()
    if run is None:
        return chosen
    return [*(arm for arm in chosen if arm.model is None), Arm(run["config"]["model"])]


def _run(study, options):
    from kerasaug.progress import ProgressBar
    from kerasaug.study.parallel import default_jobs
    from kerasaug.study.recommended import choose

    try:
        with ProgressBar(study.units()) as progress:
            results = study.run(progress, options.jobs or default_jobs(), options.scheduler)
    except KeyboardInterrupt:
        output = shlex.quote(str(study.output))
        raise KeyboardInterrupt(f"the same command with --output {output} goes on") from None
    print_results(results)
    common.warn_of_smoke_test(options.preset, options.steps)
    click.echo(f"\nReport:  {study.output / 'report.html'}")
    click.echo(f"Results: {study.output / 'results.json'}")
    if (best := choose(results["arms"])) != Arm(arms.BASELINE):
        click.echo(f"Winner:  {best}, by kerasaug.study.winner({str(study.output)!r}).batches()")
    if results["failures"]:
        raise TrainingFailed(
            f"{len(results['failures'])} tasks failed, see {study.output / 'failures.txt'}; "
            "the same command with this --output tries them again"
        )


def main() -> None:
    """The entry point."""
    common.run(evaluate, "the same command with the same --output goes on")
