"""How much a rare class's scores should be raised: what `+adjusted` takes its strength from.

Trains the control `balanced+affine` on data of which a sixth of the training images, with all
images of the rare class that are among them, is held out, and scores those with the logits lowered
by tau times the logarithm of the class's size. No test image is read.

    python benchmarks/adjustment.py
"""

import argparse

import numpy as np

from kerasaug.presets import STUDY_PRESETS
from kerasaug.quiet import quiet_tensorflow

CASES = ("mnist 5=54", "mnist 8=54", "mnist 3=20")
CASES += ("fashion_mnist Shirt=60", "fashion_mnist Coat=60", "fashion_mnist Pullover=20")
SPLIT = 20
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
HELD_OUT = 1 / 6


def main() -> None:
    """Prints a table of F1 and balanced accuracy by case and strength."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("cases", nargs="*", default=CASES, help=f"such as {CASES[0]!r}")
    options = parser.parse_args()
    quiet_tensorflow()
    import keras

    from kerasaug import precision
    from kerasaug.study import parallel

    parallel.limit_threads()
    keras.config.set_dtype_policy(precision.best_dtype_policy())
    print("| F1, balanced accuracy | " + " | ".join(f"{tau:g}" for tau in STRENGTHS) + " |")
    print("|---" * (len(STRENGTHS) + 1) + "|")
    for case in options.cases:
        scores = measure(*case.split())
        cells = (f"{found['rare_f1']:.3f}, {found['balanced_accuracy']:.4f}" for found in scores)
        print(f"| {case} | " + " | ".join(cells) + " |", flush=True)


def measure(dataset: str, keep: str) -> list[dict]:
    """Trains one classifier, and scores it with each of the strengths.

    Args:
        dataset: What `data.load` takes.
        keep: The rare class and how many of its images are kept, as in `5=54`.

    Returns:
        What `metrics.score` gives, for every one of `STRENGTHS`.
    """
    from kerasaug import data
    from kerasaug.data.dataset import collect
    from kerasaug.images import to_float
    from kerasaug.study import arms, metrics, trial
    from kerasaug.study.config import Length

    name, count = keep.split("=")
    held_out = data.load(dataset).hold_out(HELD_OUT, SPLIT)
    reduced = held_out.reduce({name: int(count)}, SPLIT).cache()
    preset = STUDY_PRESETS["paper"]
    length = Length(preset.steps, preset.batch_size, preset.epochs)
    given = trial.Ingredients(reduced, reduced.cache)
    classifier, _, _ = trial.train(arms.parse("balanced+affine"), given, length, SPLIT)
    images, labels = collect(reduced.validation)
    logits = classifier.predict(to_float(images), batch_size=trial.TEST_BATCH, verbose=0)
    return [
        metrics.score(
            labels,
            (logits - tau * np.log(reduced.class_counts)).argmax(axis=1),
            reduced.num_classes,
            reduced.rare_classes,
        )
        for tau in STRENGTHS
    ]


if __name__ == "__main__":
    main()
