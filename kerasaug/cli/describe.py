"""What `evaluate --describe` shows: the images of every class, and what is wrong with them."""

import dataclasses

import click

from kerasaug.cli import common, data_options
from kerasaug.errors import InputError
from kerasaug.study.config import AUTO_PROTOCOL, CROSS_VALIDATION
from kerasaug.wording import label, printable

BAR = 40


def describe(loaded: data_options.Loaded) -> None:
    """Prints how many images of every class there are, and what was noted in reading them."""
    from kerasaug.data.load import check_classes, is_path
    from kerasaug.data.readers import duplicates, near_duplicates
    from kerasaug.study.protocol import choose_protocol

    protocol = choose_protocol(AUTO_PROTOCOL, loaded.dataset, loaded.keep)
    has_folds = protocol == CROSS_VALIDATION
    whole = loaded.dataset
    if not is_path(loaded.name) and not whole.notes:
        # Published splits are searched for duplicates here alone.
        whole = duplicates.with_notes(whole.reduce(loaded.keep))
    dataset = (loaded.dataset.pooled() if has_folds else loaded.dataset).reduce(loaded.keep)
    notes = whole.notes
    if has_folds:
        notes = (*notes, *near_duplicates.notes_of_pairs(dataset))
    dataset = dataclasses.replace(dataset, notes=notes)
    counts, names = dataset.class_counts, list(map(label, dataset.class_names))
    height, width, channels = dataset.image_shape
    common.print_config(
        {
            "images": f"{sum(counts)}, each trained on and tested"
            if has_folds
            else f"{sum(counts)} to train, {sum(dataset.test_counts)} to test",
            "size": f"{width}x{height}, {'grey' if channels == 1 else 'colour'}",
            "imbalance": f"{max(counts) / max(1, min(counts)):.1f} (largest over smallest class)",
            "study": protocol,
            "rare": ", ".join(names[class_id] for class_id in dataset.rare_classes),
        }
    )
    click.echo()
    name_width = min(32, max(map(len, names)))
    for class_id, count in enumerate(counts):
        bar = "█" * max(1, round(BAR * count / max(1, *counts)))
        mark = " rare" if class_id in dataset.rare_classes else ""
        name = names[class_id][:name_width]
        tests = "" if has_folds else f" (and {dataset.test_counts[class_id]} to test)"
        click.echo(f"{name:<{name_width}} {count:>7} {bar}{mark}{tests}")
    common.print_notes(dataset, most=20)
    try:
        check_classes(loaded.dataset)
    except InputError as error:
        click.echo(printable(f"These data cannot be used as they are: {error}."))
