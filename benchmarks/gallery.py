"""Trains every model on two data sets, and writes `docs/gallery.md` with what they made.

A model that was trained already, in the folder named, is read. Fashion-MNIST comes from
`TFDS_DATA_DIR` or the network.

    python benchmarks/gallery.py FOLDER
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from kerasaug.files import write_json
from kerasaug.models.registry import MODELS
from kerasaug.quiet import quiet_tensorflow

quiet_tensorflow()

from kerasaug import plots  # noqa: E402
from kerasaug.model_folder import ModelFolder  # noqa: E402
from kerasaug.study import fidelity  # noqa: E402

ROOT = Path(__file__).parents[1]
DATA = {"mnist": ("MNIST", "5", "5=54"), "fashion_mnist": ("Fashion-MNIST", "Shirt", "Shirt=60")}
OPTIONS = "--preset quick"
COLUMNS = 12
INTRODUCTION = f"""# What every model makes

Two rows of images each of the rare class, from the generators of

```bash
bin/train-gan --model MODEL --dataset DATASET --keep CLASS=COUNT {OPTIONS}
```

Nothing was chosen: they are the first images of seed 0. This page, with its pictures and figures,
is written by `python benchmarks/gallery.py FOLDER`. Seconds are those of the whole command on two
cores with bfloat16 instructions, the judge's training and all; [study.md](study.md) explains the
figures, and the last two rows of each table.

500 steps are few for the models that grow, which see the full size in the last third of them only;
[study.md](study.md) has a longer training. `conditional-vae` takes 2,000, which cost as little.
"""
FIGURES = ("recognised", "precision", "coverage", "kernel_distance", "copied")


def main() -> None:
    """The entry point."""
    folder = Path(sys.argv[1])
    sections = [section(name, folder) for name in DATA]
    lines = [INTRODUCTION, *[line for lines in sections for line in lines]]
    (ROOT / "docs" / "gallery.md").write_text("\n".join(lines).rstrip() + "\n")


def section(dataset: str, folder: Path) -> list[str]:
    """Gives the lines of one data set."""
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
        rows = fidelity.rows([run["fidelity"]], class_name)
        alt = f"{2 * COLUMNS} images of {class_name} from {model}"
        lines.append(
            row([f"`{model}`", f"![{alt}]({picture})", *cells(rows["generated"]), seconds])
        )
    for source, title in fidelity.SOURCES.items():
        lines.append(row([f"*{title}*", "", *cells(rows[source]), ""]))
    return [*lines, ""]


def train(model: str, dataset: str, keep: str, output: Path) -> tuple[ModelFolder, str]:
    """Runs the command unless it was run, and gives its folder and seconds."""
    arguments = ["--model", model, "--dataset", dataset, "--keep", keep, *OPTIONS.split()]
    took = output / "command.json"
    done = json.loads(took.read_text()) if took.exists() else {}
    if done.get("arguments") != arguments:
        command = [sys.executable, str(ROOT / "bin" / "train-gan"), *arguments]
        start = time.perf_counter()
        subprocess.run(
            [*command, "--output", str(output), "--fresh"], check=True, stdout=subprocess.DEVNULL
        )
        done = {"arguments": arguments, "seconds": round(time.perf_counter() - start)}
        write_json(took, done)
    return ModelFolder(output), str(done["seconds"])


def cells(figures: dict[str, float]) -> list[str]:
    """Gives the figures as cells."""
    return [f"{figures[name]:.3f}" if name in figures else "" for name in FIGURES]


def row(cells: list[str]) -> str:
    """Gives a row of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
