"""Data sets of tensorflow-datasets, by name.

MNIST is part of this package, prepared, in a folder that is registered with tensorflow-datasets, so
it needs no network.
"""

import contextlib
import socket
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kerasaug.data import streams
from kerasaug.data.dataset import NO_LABELS, ImageDataset
from kerasaug.errors import InputError

EMBEDDED = Path(__file__).parents[1] / "embedded"
KEYS = ("image", "label")
MOST_KEPT = 2**26
"""Bytes of a split's encoded images that stay in memory."""


def is_known(name: str) -> bool:
    """Whether there is a data set of that name, such as `"mnist"` or `"emnist/letters"`."""
    first = name.split("/")[0].split(":")[0]
    # The list takes a third of a second. That of the community's would be asked for in the network,
    # and kept in the user's home.
    return first != "" and first in tfds.list_builders(with_community_datasets=False)


def read(name: str, any_size: bool = False) -> ImageDataset:
    """Reads an image classification data set.

    Args:
        name: Any data set of tensorflow-datasets with supervised image and label, which is searched
            for in `TFDS_DATA_DIR` (or `~/tensorflow_datasets`) and in this package, else downloaded
            into the former.
        any_size: Whether images may differ in size; `image_shape` then has None for the sides.

    Returns:
        The data set, streaming; without `test` if it has no split of that name with labels.

    Raises:
        InputError: If there is no such data set, it does not hold labelled images, or it can
            neither be found nor downloaded.
    """
    # tensorflow-datasets refuses to choose between two registered folders that hold the same set,
    # so this package's is registered only where the user has none.
    user_folder = Path(tfds.core.constants.DATA_DIR).expanduser()
    if (EMBEDDED / name).is_dir() and not (user_folder / name).is_dir():
        tfds.core.add_data_dir(EMBEDDED)
    try:
        builder = tfds.builder(name)
    except (ValueError, AssertionError, tfds.core.registered.DatasetNotFoundError) as error:
        raise InputError(
            f"there is no data set {name!r}; it must be a folder of class folders, a file .npz, "
            "mnist, fashion_mnist or any other image classification set of tensorflow-datasets "
            "(tensorflow.org/datasets/catalog)"
        ) from error
    _check_features(builder, any_size)
    if not builder.is_prepared():
        _download(builder)
    if "train" not in builder.info.splits:
        raise InputError(f"data set {name!r} has no split named train, which is needed")
    image, label = (builder.info.features[key] for key in KEYS)
    records, labels = _records_and_labels(builder, "train")
    test_records, test_labels = None, NO_LABELS
    if "test" in builder.info.splits:
        test_records, test_labels = _records_and_labels(builder, "test")
        if test_labels.min() < 0:  # Some are published without labels.
            test_records, test_labels = None, NO_LABELS
    return ImageDataset(
        name=name,
        content=str(builder.info.full_name),
        records=records,
        test_records=test_records,
        class_names=tuple(label.names),
        image_shape=tuple(image.shape),
        train_labels=labels,
        indices=np.arange(len(labels)),
        test_labels=test_labels,
        decode=image.decode_example,
    )


def _check_features(builder: tfds.core.DatasetBuilder, any_size: bool) -> None:
    features = [dict(builder.info.features or {}).get(key) for key in KEYS]
    kinds = tfds.features.Image, tfds.features.ClassLabel
    if builder.info.supervised_keys != KEYS or not all(map(isinstance, features, kinds)):
        raise InputError(f"{builder.name!r} does not hold images with one class label each")
    image, _ = features
    if None in image.shape and not any_size:
        raise InputError(f"{builder.name!r} holds images of different sizes; set `image_size`")
    if image.shape[-1] not in (1, 3):
        raise InputError(f"{builder.name!r} holds neither grey nor RGB images")
    if image.dtype != tf.uint8:
        raise InputError(f"{builder.name!r} holds images that are not uint8")


def _download(builder: tfds.core.DatasetBuilder) -> None:
    failure = InputError(
        f"data set {builder.name!r} was looked for in {builder.data_dir} and {EMBEDDED} and cannot "
        "be downloaded; connect to the network, set TFDS_DATA_DIR to a folder that holds it "
        "prepared, or use mnist, which comes with the package"
    )
    if not _network_reaches(builder):
        raise failure
    try:
        builder.download_and_prepare()
    except (OSError, tfds.download.DownloadError) as error:
        raise failure from error


def _network_reaches(builder: tfds.core.DatasetBuilder) -> bool:
    """Whether any download host resolves: offline, retries would take minutes to fail."""
    if urllib.request.getproxies():
        return True
    hosts = {urllib.parse.urlsplit(url).hostname for url in builder.url_infos or {}} - {None}
    for host in hosts:
        with contextlib.suppress(OSError):
            socket.getaddrinfo(host, None)
            return True
    return not hosts


def _records_and_labels(
    builder: tfds.core.DatasetBuilder, split: str
) -> tuple[tf.data.Dataset, np.ndarray]:
    """Undecoded images as a stream with their labels, and the labels."""
    stream = builder.as_dataset(
        split=split,
        as_supervised=True,
        decoders={"image": tfds.decode.SkipDecoding()},
        # One shard is read after the other, so that a position in the stream identifies an image.
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        shuffle_files=False,
    )
    records = stream.map(lambda record, label: (record, tf.cast(label, tf.int32)))
    if builder.info.splits[split].num_bytes > MOST_KEPT:
        labels = records.map(lambda _, label: label).batch(streams.READ_BATCH)
        return records, np.concatenate(list(labels.as_numpy_iterator()))
    # Reading takes longer than decoding, so small files are read once.
    images, labels = streams.collect(records)
    return tf.data.Dataset.from_tensor_slices((images, labels)), labels
