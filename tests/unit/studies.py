"""Studies from predictions made by hand, for the tests of results and sentences."""

import numpy as np

from kerasaug.study.results import Repetition, summarise
from kerasaug.study.scores import Predictions

ARMS = ["none", "oversample", "gan"]
DATA = {
    "class_names": ["top", "bottom"],
    "rare_classes": [1],
    "test_counts": [160, 40],
}


def repetitions(skill, seeds=(0, 1, 2), folds=None, losses=(0.9, 0.1, 0.1), name="none"):
    """Repetitions of an arm that ranks rare images the better the nearer `skill` is to 1."""
    count = sum(DATA["test_counts"])
    labels = np.repeat([0, 1], DATA["test_counts"]).astype(np.int32)
    # What is hard about an image is the same for all arms.
    hardness = np.random.default_rng(0).normal(size=count)
    result = []
    for seed in seeds:
        noise = np.random.default_rng([seed, round(1000 * skill)]).normal(size=count)
        seen = 4.0 * skill * (labels - 0.5) + hardness + 0.2 * noise
        logits = np.stack([0 * seen, seen], axis=1).astype(np.float32)
        parts = np.random.default_rng(seed).permutation(count) % (folds or 1)
        trainings = [
            {
                "seed": seed,
                "trained": name,
                **({} if folds is None else {"fold": number}),
                "thresholds": {0: 0.5, 1: 0.5},
                "tau": 0.5,
                "history": {"train_loss": list(losses)},
            }
            for number in range(folds or 1)
        ]
        predictions = [
            Predictions(np.flatnonzero(parts == n), labels[parts == n], logits[parts == n])
            for n in range(folds or 1)
        ]
        result.append(Repetition(seed, trainings, predictions))
    return result


def study(arms, data=DATA, **options):
    """The results of a study, from the repetitions, or the skill, of each arm."""
    arms = {
        name: repetitions(part, name=name) if isinstance(part, float) else part
        for name, part in arms.items()
    }
    return summarise(arms, config={"seeds": 3, "steps": 400}, data=data, **options)
