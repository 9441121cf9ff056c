"""Which tau is best for logit adjustment, and which one `+logit-adjusted` chooses.

Trains the control `balanced+affine` on data of which a sixth of the training images, with all
images of the rare class that are among them, is held out, and scores those with the logits lowered
by tau times the logarithm of the class's size. Then chooses tau as a study does, with proxy classes
in the place of the rare one, by other training images. No test image is read.

    python benchmarks/adjustment.py
"""

import argparse

import numpy as np

from kerasaug.runtime import best_dtype_policy, limit_threads, quiet_tensorflow
from kerasaug.study import arms
from kerasaug.study.config import SMALL_CNN, STUDY_PRESETS, Recipe
from kerasaug.study.protocol import Split

CASES = ("mnist 5=54", "mnist 8=54", "mnist 3=20")
CASES += ("fashion_mnist Shirt=60", "fashion_mnist Coat=60", "fashion_mnist Pullover=20")
SPLIT = 20
HELD_OUT = 1 / 6


def main() -> None:
    """Prints a table of F1 and balanced accuracy by case and tau, and the tau that is chosen."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("cases", nargs="*", default=CASES, help=f"such as {CASES[0]!r}")
    options = parser.parse_args()
    quiet_tensorflow()
    import keras

    from kerasaug.study.selection import TAUS

    limit_threads()
    keras.config.set_dtype_policy(best_dtype_policy())
    taus = sorted(TAUS, key=float)
    print("| F1, balanced accuracy | " + " | ".join(taus) + " | chosen |")
    print("|---" * (len(taus) + 2) + "|")
    for case in options.cases:
        scores, chosen = measure(*case.split())
        cells = [
            f"{scores[tau]['rare_f1']:.3f}, {scores[tau]['balanced_accuracy']:.4f}" for tau in taus
        ]
        print(f"| {case} | " + " | ".join([*cells, chosen]) + " |", flush=True)


def measure(dataset: str, keep: str) -> tuple[dict[str, dict], str]:
    """Trains one classifier, scores it with each tau, and chooses one by proxy classes.

    Args:
        dataset: What `data.load` takes.
        keep: The rare class and how many of its images are kept, as in `5=54`.

    Returns:
        By tau, what `scores.score` returns; and the tau that is chosen.
    """
    from kerasaug import data
    from kerasaug.study import scores, selection, trial

    name, count = keep.split("=")
    arm, adjusted = arms.parse("balanced+affine"), arms.parse("balanced+affine+logit-adjusted")
    preset = STUDY_PRESETS["paper"]
    recipe = Recipe(SMALL_CNN, preset.steps, preset.batch_size, preset.epochs)
    whole = data.load(dataset).split_test(HELD_OUT, SPLIT)
    reduced = whole.reduce({name: int(count)}, SPLIT).cache()
    trained = trial.train(arm, trial.TrialInputs(reduced), recipe, SPLIT)
    labels, logits = trained.predict(reduced.test)
    predictions = scores.Predictions(np.arange(len(labels)), labels, logits)
    proxies = selection.proxy_scores(arm, reduced, recipe, SPLIT)
    # The scores that depend on a threshold are not printed.
    limits = [dict.fromkeys(reduced.rare_classes, 0.5)]
    by_tau = {
        tau: scores.score(
            [predictions.adjusted(reduced.class_counts, float(tau))], reduced.rare_classes, limits
        )
        for tau in selection.TAUS
    }
    return by_tau, selection.Selection([adjusted], lambda *_: proxies).tau(adjusted, Split(SPLIT))


if __name__ == "__main__":
    main()
