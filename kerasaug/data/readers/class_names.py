"""Class names that no image has."""

import dataclasses

import numpy as np
import tensorflow as tf

from kerasaug.data.dataset import ImageDataset, Note


def without_unused(dataset: ImageDataset) -> ImageDataset:
    """Leaves out the classes without an image in any split, with a note.

    Published data sets have such, as EMNIST has a letter 0. Labels then count the classes that
    stay.
    """
    is_used = np.add(dataset.class_counts, dataset.test_counts) > 0
    if is_used.all():
        return dataset
    # By label, the label among the classes that stay.
    new_labels: np.ndarray = (np.cumsum(is_used) - 1).astype(np.int32)

    def relabel(record, label):
        return record, tf.gather(new_labels, label)

    pairs = list(zip(dataset.class_names, is_used, strict=True))
    unused = tuple(name for name, used in pairs if not used)
    note = Note(
        f"{len(unused)} class name{'s' * (len(unused) > 1)} without images left out", unused
    )
    train_labels = new_labels[dataset.train_labels]
    in_memory = dataset.in_memory
    return dataclasses.replace(
        dataset,
        records=in_memory.stream(train_labels) if in_memory else dataset.records.map(relabel),
        test_records=dataset.test_records and dataset.test_records.map(relabel),
        class_names=tuple(name for name, used in pairs if used),
        train_labels=train_labels,
        test_labels=new_labels[dataset.test_labels],
        notes=(*dataset.notes, note),
    )
