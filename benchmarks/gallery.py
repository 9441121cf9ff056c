"""Trains every model on two data sets, and writes `docs/gallery.md` with their images.

Finished models in the folder are read. Fashion-MNIST comes from `TFDS_DATA_DIR` or the network.

    python benchmarks/gallery.py FOLDER
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from kerasaug.files import write_json
from kerasaug.models.registry import MODELS
from kerasaug.runtime import quiet_tensorflow

quiet_tensorflow()

from kerasaug import plots
from kerasaug.quality import fidelity
from kerasaug.saved.folder import ModelFolder

ROOT = Path(__file__).parents[1]
DATA = {"mnist": ("MNIST", "5", "5=54"), "fashion_mnist": ("Fashion-MNIST", "Shirt", "Shirt=60")}
OPTIONS = "--preset quick"
COLUMNS = 12
INTRODUCTION = f"""# The images of every model

Two rows of images of the rare class each, the first ones of seed 0, from the generators of

```bash
bin/train-gan --model MODEL --dataset DATASET --keep CLASS=COUNT {OPTIONS}
```

`python benchmarks/gallery.py FOLDER` writes this page, with its pictures and figures. Seconds are
those of the whole command on two cores with bfloat16 instructions, with the training of the
evaluation classifier. [study.md](study.md#fidelity-of-generated-images) explains the figures and
the references in the last two rows of each table.

500 steps are few for growing models, which see the full size only in the last third of them;
[study.md](study.md#a-growing-model-with-more-steps) has a longer training. `conditional-vae` takes
1,000, which cost as little.
"""
FIGURES = ("classification_accuracy", "precision", "coverage", "kernel_distance", "copied")


def main() -> None:
    """The entry point."""
    folder = Path(sys.argv[1])
    lines = [INTRODUCTION, *(line for dataset in DATA for line in section(dataset, folder))]
    (ROOT / "docs" / "gallery.md").write_text("\n".join(lines).rstrip() + "\n")


def section(dataset: str, folder: Path) -> list[str]:
    """Makes the lines of one data set."""
    title, class_name, keep = DATA[dataset]
    titles = ["model", "images", *(fidelity.NAMES[name] for name in FIGURES), "seconds"]
    lines = [f"## {title}, {keep}", "", row(titles), row(["---"] * len(titles))]
    for model in MODELS:
        trained, seconds = train(model, dataset, keep, folder / f"{dataset}-{model}")
        run = trained.read_run()
        class_id = run["dataset"]["class_names"].index(class_name)
        picture = f"images/gallery/{dataset}-{model}.png"
        images = trained.load_generator().generate(2 * COLUMNS, class_id, seed=0)
        plots.save_grid(images, ROOT / "docs" / picture, COLUMNS, enlarge=1)
        figures = fidelity.rows(run["fidelity"], class_name)
        image = f"![{2 * COLUMNS} images of {class_name} from {model}]({picture})"
        lines.append(row([f"`{model}`", image, *cells(figures["generated"]), seconds]))
    for source, title in fidelity.REFERENCES.items():
        lines.append(row([f"*{title}*", "", *cells(figures[source]), ""]))
    return [*lines, ""]


def train(model: str, dataset: str, keep: str, output: Path) -> tuple[ModelFolder, str]:
    """Runs the command unless it has run before, and returns its folder and seconds."""
    arguments = ["--model", model, "--dataset", dataset, "--keep", keep, *OPTIONS.split()]
    record_file = output / "command.json"
    record = json.loads(record_file.read_text()) if record_file.exists() else {}
    if record.get("arguments") != arguments:
        command = [sys.executable, str(ROOT / "bin" / "train-gan"), *arguments]
        command += ["--output", str(output), "--fresh"]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        record = {"arguments": arguments, "seconds": round(time.perf_counter() - start)}
        write_json(record_file, record)
    return ModelFolder(output), str(record["seconds"])


def cells(figures: dict[str, float]) -> list[str]:
    """Formats figures as cells."""
    return [f"{figures[name]:.3f}" if name in figures else "" for name in FIGURES]


def row(cells: list[str]) -> str:
    """Formats a row of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
