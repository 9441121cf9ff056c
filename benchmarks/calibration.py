"""How often the verdict is wrong where nothing differs, and right where something does.

The first: an arm against itself, trained on the same splits from other initial weights and in
another order of the data. The second: `full` against `none`. Comparisons are resampled from the
trials that were run; which side of an arm and itself is called ours is drawn too. A stopped run
goes on:

    python benchmarks/calibration.py runs/calibration
"""

import argparse
import itertools
import json
from pathlib import Path

import joblib
import numpy as np

from kerasaug.files import write_json
from kerasaug.presets import STUDY_PRESETS
from kerasaug.quiet import quiet_tensorflow

ARM = "balanced+affine"
METRICS = ("rare_f1", "balanced_accuracy")
OTHER_SEEDS = 1000
VERDICTS = ("helps", "hurts", "no evidence")


def main() -> None:
    """Runs what is missing, and prints how often each verdict was given."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("output", type=Path, help="where trials go, and scores.json")
    parser.add_argument("--splits", type=int, default=16)
    parser.add_argument("--resamples", type=int, default=2000)
    options = parser.parse_args()
    splits = range(options.splits)
    wanted = [(arm, split, split) for split in splits for arm in (ARM, "none", "full")]
    wanted += [(ARM, split, OTHER_SEEDS + split) for split in splits]
    options.output.mkdir(parents=True, exist_ok=True)
    found = joblib.Parallel(n_jobs=joblib.cpu_count(), batch_size=1, verbose=5)(
        joblib.delayed(score)(*each, options.output) for each in wanted
    )
    scores = {
        f"{arm}, split {s}, seed {n}": f for (arm, s, n), f in zip(wanted, found, strict=True)
    }
    write_json(options.output / "scores.json", scores)
    for line in summarise(scores, options.splits, options.resamples):
        print(line)


def score(arm: str, split: int, seed: int, output: Path) -> dict[str, float]:
    """Runs one trial of the quick study, with a seed of its own, or reads it."""
    file = output / f"{arm}-split{split}-seed{seed}.json"
    if file.exists():
        return json.loads(file.read_text())
    quiet_tensorflow()
    import keras

    from kerasaug import data, precision
    from kerasaug.study import arms, parallel, trial
    from kerasaug.study.config import Length

    parallel.limit_threads()
    keras.config.set_dtype_policy(precision.best_dtype_policy())
    preset = STUDY_PRESETS["quick"]
    whole = data.load("mnist")
    given = trial.Ingredients(whole.reduce({5: 54}, split).cache(), whole.cache)
    length = Length(preset.steps, preset.batch_size, preset.epochs)
    parsed = arms.parse(arm)
    classifier, _, _ = trial.train(parsed, given, length, seed)
    scored = trial.score(classifier, parsed, given, given.dataset.test)[trial.UNADJUSTED]
    found = {metric: scored[metric] for metric in METRICS}
    write_json(file, found)
    return found


def summarise(scores: dict[str, dict[str, float]], splits: int, resamples: int) -> list[str]:
    """Says how often each verdict was given, by comparison and number of repetitions."""
    from kerasaug.study import metrics

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
            chosen = [trials[i] for i in random.permutation(splits)[:repetitions]]
            if "itself" in name:
                chosen = [pair[:: random.choice([1, -1])] for pair in chosen]
            ours, theirs = zip(*chosen, strict=True)
            differences = {
                metric: metrics.paired_difference(
                    [a[metric] for a in ours], [b[metric] for b in theirs]
                )
                for metric in METRICS
            }
            verdicts.append(metrics.verdict(differences))
        shares = ", ".join(f"{v} {verdicts.count(v) / resamples:.3f}" for v in VERDICTS)
        lines.append(f"{name}, {repetitions} repetitions: {shares}")
    return lines


if __name__ == "__main__":
    main()
