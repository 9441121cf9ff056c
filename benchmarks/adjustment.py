"""How far scores should be adjusted, and how far `+adjusted` does.

Trains the control `balanced+affine` on data of which a sixth of the training images, with all
images of the rare class that are among them, is held out, and scores those with the logits lowered
by tau times the logarithm of the class's size. Then chooses tau as a study does, with classes that
stand in for the rare one, by other training images. No test image is read.

    python benchmarks/adjustment.py
"""

import argparse

from kerasaug.presets import STUDY_PRESETS
from kerasaug.quiet import quiet_tensorflow

CASES = ("mnist 5=54", "mnist 8=54", "mnist 3=20")
CASES += ("fashion_mnist Shirt=60", "fashion_mnist Coat=60", "fashion_mnist Pullover=20")
SPLIT = 20
HELD_OUT = 1 / 6


def main() -> None:
    """Prints a table of F1 and balanced accuracy by case and strength, and what is chosen."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("cases", nargs="*", default=CASES, help=f"such as {CASES[0]!r}")
    options = parser.parse_args()
    quiet_tensorflow()
    import keras

    from kerasaug import precision
    from kerasaug.study import parallel
    from kerasaug.study.trial import STRENGTHS

    parallel.limit_threads()
    keras.config.set_dtype_policy(precision.best_dtype_policy())
    strengths = sorted(STRENGTHS, key=float)
    print("| F1, balanced accuracy | " + " | ".join(strengths) + " | chosen |")
    print("|---" * (len(strengths) + 2) + "|")
    for case in options.cases:
        scores, chosen = measure(*case.split())
        found = [scores[strength] for strength in strengths]
        cells = [f"{each['rare_f1']:.3f}, {each['balanced_accuracy']:.4f}" for each in found]
        print(f"| {case} | " + " | ".join([*cells, chosen]) + " |", flush=True)


def measure(dataset: str, keep: str) -> tuple[dict[str, dict], str]:
    """Trains one classifier, scores it with each strength, and chooses one by stand-ins.

    Args:
        dataset: What `data.load` takes.
        keep: The rare class and how many of its images are kept, as in `5=54`.

    Returns:
        By strength, what `metrics.score` gives; and the strength that is chosen.
    """
    from kerasaug import data
    from kerasaug.study import arms, stand_ins, tasks, trial
    from kerasaug.study.choices import Choices
    from kerasaug.study.config import Length

    name, count = keep.split("=")
    amounts = {name: int(count)}
    arm, adjusted = arms.parse("balanced+affine"), arms.parse("balanced+affine+adjusted")
    preset = STUDY_PRESETS["paper"]
    length = Length(preset.steps, preset.batch_size, preset.epochs)
    reduced = data.load(dataset).hold_out(HELD_OUT, SPLIT).reduce(amounts, SPLIT).cache()
    given = trial.Ingredients(reduced)
    classifier, _, _ = trial.train(arm, given, length, SPLIT)
    scores = trial.score(classifier, arm, given, reduced.validation)
    tried = stand_ins.mean_f1(arm, reduced.hold_out(tasks.HELD_OUT), length, SPLIT)
    return scores, Choices([adjusted], lambda _: tried).strength(adjusted)


if __name__ == "__main__":
    main()
