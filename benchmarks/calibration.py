"""How often the verdict is wrong where nothing differs, and right where something does.

Draws small folders from a data set again and again, and compares arms on each as a study does, by
the package's own folds, average precision, intervals and verdict. An arm is compared with itself,
trained with other seeds, and with arms that see a part of the rare images. What `doubling` promises
is compared with what twice as many rare images bring. A stopped run is resumed by setting:

    python benchmarks/calibration.py runs/calibration
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.special
import sklearn.decomposition

from kerasaug.data import folds, imbalance
from kerasaug.files import atomic, read_json, write_json
from kerasaug.runtime import limit_threads, quiet_tensorflow
from kerasaug.study import verdict
from kerasaug.study.config import CROSS_VALIDATION, HOLDOUT
from kerasaug.study.ranking import Estimate, average_precision
from kerasaug.study.scores import Predictions

RARE = {"mnist": ("5", "3", "8"), "fashion_mnist": ("Shirt", "Coat", "Pullover")}
PARTS = {"mnist": (0.7, 0.5, 0.33), "fashion_mnist": (0.7, 0.45, 0.2)}
"""Shares of the rare images that cost about 0.02, 0.05 and 0.1 of average precision."""
SIZE_NAMES = ("small", "medium", "large")
REPETITIONS = {CROSS_VALIDATION: (1, 2, 3), HOLDOUT: (3, 5)}
SIZES, COMMON, TESTS, FOLDS = (40, 60, 100), 60, 100, 5
"""Images of a rare class, of another one, those of a class that test a holdout; folds."""
POWER_SIZE, DOUBLING_SIZES = 60, (40, 60)
CLASSES, IMAGES, COMPONENTS = range(10), 2000, 40
UNITS, STEPS, BATCH, RATE, MOMENTUM = 32, 50, 64, 0.2, 0.9
RARE_AP, MEAN_AP = "rare_average_precision", "mean_average_precision"
ALL, ITSELF, HALF, DOUBLE = "all", "itself", "half", "double"

Row = dict[str, Any]


class Source(NamedTuple):
    """Images to draw from, as float32 features (n, d), and their labels (n,)."""

    features: np.ndarray
    labels: np.ndarray


class Setting(NamedTuple):
    """A kind of folder: its rare classes, and how many images each of them has."""

    dataset: str
    protocol: str
    rare: tuple[int, ...]
    images: int


def main() -> None:
    """Runs the settings that are missing, and writes tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("output", type=Path, help="where calibration.md and calibration.json go")
    parser.add_argument("--datasets", nargs="+", choices=RARE, default=list(RARE))
    parser.add_argument("--folders", type=int, default=300, help="for each setting")
    options = parser.parse_args()
    quiet_tensorflow()
    limit_threads()
    rows: list[Row] = []
    start = time.monotonic()
    for name in options.datasets:
        source, rare = read(name)
        for kind in itertools.product([name], REPETITIONS, (rare[:1], rare), SIZES):
            setting = Setting(*kind)
            stem = f"{name}-{setting.protocol}-{len(setting.rare)}x{setting.images}"
            file = options.output / "settings" / f"{stem}-{options.folders}.json"
            if not file.exists():
                write_json(file, {"rows": measure(source, setting, options.folders)})
            rows += read_json(file)["rows"]
            print(f"{(time.monotonic() - start) / 60:5.1f} min: {stem}", flush=True)
    write_json(options.output / "calibration.json", {"rows": rows})
    text = "\n\n".join(tables(rows)) + "\n"
    with atomic(options.output / "calibration.md") as draft:
        draft.write_text(text, encoding="utf-8")
    print(f"\n{text}")


def read(name: str) -> tuple[Source, tuple[int, ...]]:
    """Reads the first training images of every class, as principal components; and rare classes."""
    from kerasaug import data

    dataset = data.load(name)
    images, labels = dataset.first_of_each(IMAGES)
    pixels = images.reshape(len(images), -1).astype(np.float32)
    features = sklearn.decomposition.PCA(COMPONENTS, random_state=0).fit_transform(pixels)
    rare = tuple(imbalance.class_index(part, dataset.class_names) for part in RARE[name])
    return Source(features / np.sqrt(np.mean(features**2)), labels), rare


def measure(source: Source, setting: Setting, folders: int) -> list[Row]:
    """Draws folders of a setting, compares the arms on each, and counts."""
    shares = {ALL: 1.0, ITSELF: 1.0}
    if len(setting.rare) == 1 and setting.images == POWER_SIZE:
        shares |= {str(share): share for share in PARTS[setting.dataset]}
    if (len(setting.rare), setting.protocol) == (1, CROSS_VALIDATION):
        shares |= {HALF: 0.5, DOUBLE: 2.0} if setting.images in DOUBLING_SIZES else {}
    studies = [study(source, setting, shares, number) for number in range(folders)]
    means = {arm: float(np.mean([own[arm][RARE_AP].mean for own in studies])) for arm in shares}
    rows = []
    for count, arm in itertools.product(REPETITIONS[setting.protocol], shares):
        if arm in (ALL, DOUBLE):
            continue
        pairs = [
            [{m: estimate.at(range(count)) for m, estimate in own[a].items()} for a in (ALL, arm)]
            for own in studies
        ]
        differences = [{m: verdict.difference(a[m], b[m]) for m in a} for a, b in pairs]
        intervals, truth = [own[RARE_AP] for own in differences], means[ALL] - means[arm]
        if arm == ITSELF:
            truth = 0.0
        if arm == HALF:
            intervals = [verdict.doubling(a[RARE_AP], b[RARE_AP]) for a, b in pairs]
            truth = means[DOUBLE] - means[ALL]
        verdicts = [verdict.verdict(own) for own in differences]
        values = {name: np.array([own[name] for own in intervals]) for name in intervals[0]}
        covered = (values["low"] <= truth) & (truth <= values["high"])
        row = {**setting._asdict(), "repetitions": count, "arm": arm, "folders": folders}
        row["rare_classes"] = len(setting.rare)
        row |= {name: verdicts.count(name) for name in (verdict.HELPS, verdict.HURTS)}
        row |= {name: float(own.mean()) for name, own in values.items()}
        rows.append(row | {"truth": truth, "covered": int(covered.sum()), "arms": means})
    return rows


def study(
    source: Source, setting: Setting, shares: dict[str, float], number: int
) -> dict[str, dict[str, Estimate]]:
    """Draws a folder, and trains arms that see different shares of its rare images.

    Returns:
        By arm, average precision of the rare classes, and of all.
    """
    random = np.random.default_rng([*str(setting).encode(), number])
    trains, tests = map(list, zip(*divide(source, setting, random), strict=True))
    tested, labels = np.unique(tests), source.labels[np.stack(tests)]
    unseen = np.setdiff1d(np.arange(len(source.labels)), np.concatenate([*trains, tested]))
    per_repetition = len(tests) // REPETITIONS[setting.protocol][-1]
    estimates = {}
    for arm, share in shares.items():
        seen = []
        for images in trains:
            seed = int(random.integers(2**31))
            keep = {c: min(1.0, share) for c in setting.rare}
            parts = [images[imbalance.keep_indices(source.labels[images], keep, seed)]]
            for c in setting.rare if share > 1 else ():
                count = round((share - 1) * np.count_nonzero(source.labels[images] == c))
                parts.append(random.choice(unseen[source.labels[unseen] == c], count, False))
            seen.append(np.concatenate(parts))
        logits = train(source, np.stack(seen), random)(np.stack(tests))
        cells = list(map(Predictions, np.searchsorted(tested, tests), labels, logits))
        rounds = [cells[i : i + per_repetition] for i in range(0, len(cells), per_repetition)]
        estimates[arm] = {
            RARE_AP: average_precision(rounds, setting.rare),
            MEAN_AP: average_precision(rounds, CLASSES),
        }
    return estimates


def divide(
    source: Source, setting: Setting, random: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draws a folder, divides it like a study, and yields what trains and what tests a training."""
    orders = [random.permutation(np.flatnonzero(source.labels == c)) for c in CLASSES]
    counts = [setting.images if c in setting.rare else COMMON for c in CLASSES]
    for _ in range(REPETITIONS[setting.protocol][-1]):
        if setting.protocol == CROSS_VALIDATION:
            drawn = np.concatenate([own[:n] for own, n in zip(orders, counts, strict=True)])
            fold_of = folds.numbers(source.labels[drawn], FOLDS, int(random.integers(2**31)))
            yield from ((drawn[fold_of != fold], drawn[fold_of == fold]) for fold in range(FOLDS))
        else:
            for c in setting.rare:
                random.shuffle(orders[c][TESTS:])
            ends = [TESTS + n for n in counts]
            train = np.concatenate([o[TESTS:end] for o, end in zip(orders, ends, strict=True)])
            yield train, np.concatenate([own[:TESTS] for own in orders])


def train(
    source: Source, trains: np.ndarray, random: np.random.Generator
) -> Callable[[np.ndarray], np.ndarray]:
    """Trains networks with one hidden layer, all at once, on the images (networks, n) of each.

    In NumPy, because a table takes 200,000 trainings: at 3 ms each minutes, with Keras days. As in
    a study, they differ by initial weights and by the order of images.

    Returns:
        Gives the float32 logits (networks, m, classes) of images (networks, m).
    """
    shapes = [(COMPONENTS, UNITS), (1, UNITS), (UNITS, len(CLASSES)), (1, len(CLASSES))]
    scales = [np.sqrt(2 / COMPONENTS), 0, np.sqrt(2 / UNITS), 0]
    weights = [
        np.float32(scale) * random.standard_normal((len(trains), *shape), dtype=np.float32)
        for shape, scale in zip(shapes, scales, strict=True)
    ]
    momenta = [np.zeros_like(own) for own in weights]
    targets = np.eye(len(CLASSES), dtype=np.float32)[source.labels]
    batches = trains.shape[1] // BATCH

    def forward(images):
        inputs = source.features[images]
        hidden = np.maximum(inputs @ weights[0] + weights[1], 0)
        return inputs, hidden, hidden @ weights[2] + weights[3]

    for step in range(STEPS):
        if step % batches == 0:
            order = random.permuted(trains, axis=1)
        images = order[:, BATCH * (step % batches) :][:, :BATCH]
        inputs, hidden, outputs = forward(images)
        rate = np.float32(RATE * (1 + np.cos(np.pi * step / STEPS)) / 2 / BATCH)
        slopes = rate * (scipy.special.softmax(outputs, axis=2) - targets[images])
        inner = (slopes @ weights[2].transpose(0, 2, 1)) * (hidden > 0)
        gradients = [inputs.transpose(0, 2, 1) @ inner, inner.sum(axis=1, keepdims=True)]
        gradients += [hidden.transpose(0, 2, 1) @ slopes, slopes.sum(axis=1, keepdims=True)]
        for own, momentum, gradient in zip(weights, momenta, gradients, strict=True):
            momentum *= np.float32(MOMENTUM)
            momentum -= gradient
            own += momentum
    return lambda images: forward(images)[2]


def tables(rows: list[Row]) -> list[str]:
    """False alarms, real differences that are noticed, and gains of doubling, as Markdown."""
    setting, repetitions = ("dataset", "protocol"), ("repetitions",)
    return [
        table(rows, (*setting, "rare_classes", *repetitions), false_alarms),
        table(rows, (*setting, *repetitions), power),
        table(rows, ("dataset", "images", *repetitions), doubling),
    ]


def table(rows: list[Row], keys: Sequence[str], cells: Callable[[Row], dict[str, str]]) -> str:
    """A line for each combination of keys; `cells` gives a row's by column, if it has any."""
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        if own := cells(row):
            lines.setdefault(tuple(str(row[key]) for key in keys), {}).update(own)
    columns = list(next(iter(lines.values())))
    content = [[key.replace("_", " ") for key in keys] + columns]
    content += [["---"] * (len(keys) + len(columns))]
    content += [[*key, *map(own.get, columns)] for key, own in lines.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in content)


def false_alarms(row: Row) -> dict[str, str]:
    """How often an arm helps or hurts against itself, and how wide the interval is."""
    if row["arm"] != ITSELF:
        return {}
    wrong = percent(row, row["helps"] + row["hurts"])
    return {f"{row['images']} images": f"{wrong}, ±{half_width(row)}"}


def power(row: Row) -> dict[str, str]:
    """How often an arm helps against one that sees a part, with the true difference."""
    if row["rare_classes"] > 1 or row["images"] != POWER_SIZE or row["arm"] == HALF:
        return {}
    if row["arm"] == ITSELF:
        return {"detectable": f"{row['detectable']:.3f}"}
    size = SIZE_NAMES[PARTS[row["dataset"]].index(float(row["arm"]))]
    return {size: f"{percent(row, row['helps'])} of {row['truth']:.3f}"}


def doubling(row: Row) -> dict[str, str]:
    """What doubling brings and what half of the rare images promise of it."""
    if row["arm"] != HALF:
        return {}
    return {
        **{f"AP, {arm}": f"{row['arms'][arm]:.3f}" for arm in (HALF, ALL, DOUBLE)},
        "gain": f"{row['truth']:.3f}",
        "promised": f"{row['mean']:.3f} ± {half_width(row)}",
        "gain in interval": percent(row, row["covered"]),
    }


def percent(row: Row, count: int) -> str:
    """A number of comparisons as a share of all."""
    return f"{100 * count / row['folders']:.1f} %"


def half_width(row: Row) -> str:
    """Half of the mean width of the intervals."""
    return f"{(row['high'] - row['low']) / 2:.3f}"


if __name__ == "__main__":
    main()
