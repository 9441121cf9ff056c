"""What `evaluate --describe` shows: what there is of every class, and what is wrong with it."""

import dataclasses
from pathlib import Path
from typing import Any

import click

from kerasaug.cli import common

BAR = 40


def describe(dataset: Any, output: Path | None) -> None:
    """Prints how many images of every class there are, and what was found in reading them.

    Args:
        dataset: The `ImageDataset`, reduced.
        output: Where `classes.png` goes, if wanted.
    """
    from kerasaug import plots
    from kerasaug.data import copies

    counts, names = dataset.class_counts, dataset.class_names
    height, width, channels = dataset.image_shape
    common.print_config(
        {
            "images": f"{sum(counts)} to train, {sum(dataset.test_counts)} to test",
            "size": f"{width}x{height}, {'grey' if channels == 1 else 'colour'}",
            "imbalance": f"{max(counts) / max(1, min(counts)):.1f} (largest over smallest class)",
            "rare": ", ".join(names[class_id] for class_id in dataset.rare_classes),
        }
    )
    click.echo()
    name_width = min(32, max(map(len, names)))
    for class_id, count in enumerate(counts):
        bar = "█" * max(1, round(BAR * count / max(counts)))
        mark = " rare" if class_id in dataset.rare_classes else ""
        name = names[class_id][:name_width]
        tests = dataset.test_counts[class_id]
        click.echo(f"{name:<{name_width}} {count:>7} {bar}{mark} (and {tests} to test)")
    if not dataset.notes:
        # What was read from files was looked through by then.
        splits = {"training": dataset.train, "test": dataset.test}
        seen = [copies.look(stream, names, split) for split, stream in splits.items()]
        dataset = dataclasses.replace(dataset, notes=tuple(copies.notes(*seen)))
    common.print_notes(dataset, most=1000)
    if output is not None:
        figure = plots.class_counts(names, counts, dataset.test_counts, dataset.rare_classes)
        plots.save_figure(figure, output / "classes.png")
        click.echo(f"\nPicture: {output / 'classes.png'}")
