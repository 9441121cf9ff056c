"""Where a result comes from: the data, the versions and the commit that it was made with."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import kerasaug
from kerasaug.data.dataset import ImageDataset

PACKAGES = ("kerasaug", "tensorflow", "keras", "numpy", "scikit-learn", "imbalanced-learn")


def describe(dataset: ImageDataset) -> dict[str, Any]:
    """What `run.json` and `results.json` say about the imbalanced data.

    `notes` have up to 20 examples each; `kept_indices` are, by rare class, the positions of its
    images in the unreduced training split.
    """
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "image_shape": list(dataset.image_shape),
        "class_names": list(dataset.class_names),
        "class_counts": dataset.class_counts,
        "test_counts": list(dataset.test_counts),
        "notes": [{"text": note.text, "items": list(note.items[:20])} for note in dataset.notes],
        "rare_classes": dataset.rare_classes,
        "kept_indices": {
            dataset.class_names[class_id]: sorted(
                dataset.indices[dataset.train_labels == class_id].tolist()
            )
            for class_id in dataset.rare_classes
        },
    }


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that the figures depend on."""
    packages = {name: metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **packages}


def git_commit() -> str | None:
    """The commit of this package's source, if it is run from a git checkout."""
    source = Path(kerasaug.__file__).parents[1]
    if not (source / ".git").exists():
        return None
    command = ["git", "rev-parse", "--verify", "HEAD"]
    try:
        process = subprocess.run(command, cwd=source, capture_output=True, text=True)
    except OSError:
        return None
    return process.stdout.strip() or None
