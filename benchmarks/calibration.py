"""How often the verdict is wrong where nothing differs, and right where something does.

The first: an arm against itself, trained on the same splits with other initial weights and another
order of the data. The second: `full` against `none`. Comparisons are resampled from the finished
trials; which of the two trainings of one arm comes first is random too. A stopped run is resumed:

    python benchmarks/calibration.py runs/calibration
"""

import argparse
import itertools
import json
from pathlib import Path

import joblib
import numpy as np

from kerasaug.files import write_json
from kerasaug.runtime import best_dtype_policy, limit_threads, quiet_tensorflow
from kerasaug.study import arms
from kerasaug.study.config import STUDY_PRESETS, Length
from kerasaug.study.verdict import HELPS, HURTS, NOT_SIGNIFICANT, paired_difference, verdict

ARM = "balanced+affine"
METRICS = ("rare_f1", "balanced_accuracy")
OTHER_SEEDS = 1000


def main() -> None:
    """Runs missing trials, and prints how often each verdict was reached."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("output", type=Path, help="where trials go, and scores.json")
    parser.add_argument("--splits", type=int, default=16)
    parser.add_argument("--resamples", type=int, default=2000)
    options = parser.parse_args()
    splits = range(options.splits)
    trials = [(arm, split, split) for split in splits for arm in (ARM, "none", "full")]
    trials += [(ARM, split, OTHER_SEEDS + split) for split in splits]
    options.output.mkdir(parents=True, exist_ok=True)
    results = joblib.Parallel(n_jobs=joblib.cpu_count(), batch_size=1, verbose=5)(
        joblib.delayed(score)(*trial, options.output) for trial in trials
    )
    scores = {
        f"{arm}, split {split}, seed {seed}": result
        for (arm, split, seed), result in zip(trials, results, strict=True)
    }
    write_json(options.output / "scores.json", scores)
    for line in summarise(scores, options.splits, options.resamples):
        print(line)


def score(name: str, split: int, seed: int, output: Path) -> dict[str, float]:
    """Runs one trial of an arm of the quick study, with a seed of its own, or reads it."""
    file = output / f"{name}-split{split}-seed{seed}.json"
    if file.exists():
        return json.loads(file.read_text())
    quiet_tensorflow()
    import keras

    from kerasaug import data
    from kerasaug.study import trial

    limit_threads()
    keras.config.set_dtype_policy(best_dtype_policy())
    preset = STUDY_PRESETS["quick"]
    mnist, arm = data.load("mnist"), arms.parse(name)
    inputs = trial.TrialInputs(mnist.reduce({5: 54}, split).cache(), mnist.cache())
    length = Length(preset.steps, preset.batch_size, preset.epochs)
    classifier, _, _ = trial.train(arm, inputs, length, seed)
    scores = trial.score(classifier, arm, inputs, inputs.dataset.test)[trial.NO_ADJUSTMENT]
    result = {metric: scores[metric] for metric in METRICS}
    write_json(file, result)
    return result


def summarise(scores: dict[str, dict[str, float]], splits: int, resamples: int) -> list[str]:
    """Counts how often each verdict was reached, by comparison and number of repetitions."""

    def of(arm, offset=0):
        return [scores[f"{arm}, split {s}, seed {s + offset}"] for s in range(splits)]

    pairs = {
        f"{ARM} against itself": list(zip(of(ARM), of(ARM, OTHER_SEEDS), strict=True)),
        "full against none": list(zip(of("full"), of("none"), strict=True)),
    }
    lines = []
    for (name, trials), repetitions in itertools.product(pairs.items(), (3, 5)):
        random = np.random.default_rng(0)
        verdicts = []
        for _ in range(resamples):
            sample = [trials[i] for i in random.permutation(splits)[:repetitions]]
            if "itself" in name:
                sample = [pair[:: random.choice([1, -1])] for pair in sample]
            first, second = zip(*sample, strict=True)
            differences = {
                metric: paired_difference([a[metric] for a in first], [b[metric] for b in second])
                for metric in METRICS
            }
            verdicts.append(verdict(differences))
        shares = ", ".join(
            f"{outcome} {verdicts.count(outcome) / resamples:.3f}"
            for outcome in (HELPS, HURTS, NOT_SIGNIFICANT)
        )
        lines.append(f"{name}, {repetitions} repetitions: {shares}")
    return lines


if __name__ == "__main__":
    main()
