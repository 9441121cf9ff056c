"""Loading a data set by name.

Everything goes through tensorflow-datasets. MNIST lies in this package, prepared, and is
registered as one more folder that tensorflow-datasets looks into, so it needs no network.
"""

import hashlib
import socket
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kerasaug.data.dataset import ImageDataset
from kerasaug.errors import InputError

EMBEDDED = Path(__file__).parent / "embedded"


def load(name: str) -> ImageDataset:
    """Loads an image classification data set.

    Args:
        name: Any data set of tensorflow-datasets with supervised image and label and with splits
            `train` and `test`, such as `"mnist"` or `"fashion_mnist"`. It is looked for in
            `TFDS_DATA_DIR` (or `~/tensorflow_datasets`) and in this package, and downloaded there
            if it lies in neither.

    Returns:
        The data set, unreduced, streaming.

    Raises:
        InputError: If there is no such data set, if it is not one of labelled images, or if it
            can neither be found nor downloaded.
    """
    _register_embedded(name)
    try:
        builder = tfds.builder(name)
    except (ValueError, AssertionError, tfds.core.registered.DatasetNotFoundError) as error:
        raise InputError(
            f"there is no data set {name!r}; accepted: mnist, fashion_mnist or any other image "
            "classification set of tensorflow-datasets (tensorflow.org/datasets/catalog)"
        ) from error
    _check_features(builder)
    if not builder.is_prepared():
        _download(builder)
    if not {"train", "test"} <= set(builder.info.splits):
        raise InputError(f"data set {name!r} has no splits named train and test, which are needed")
    train, test = (_stream(builder, split) for split in ("train", "test"))
    labels = _labels(builder)
    return ImageDataset(
        name=name,
        content=str(builder.info.full_name),
        train=train,
        test=test,
        class_names=tuple(builder.info.features["label"].names),
        image_shape=tuple(builder.info.features["image"].shape),
        train_labels=labels,
        indices=np.arange(len(labels)),
    )


def from_arrays(
    train_images: np.ndarray,
    train_labels: np.ndarray,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    class_names: Sequence[str] | None = None,
    name: str = "arrays",
) -> ImageDataset:
    """Makes a data set of images in memory.

    Args:
        train_images: uint8 array (n, height, width, channels).
        train_labels: int array (n,), in [0, number of classes).
        test_images: uint8 array (m, height, width, channels).
        test_labels: int array (m,).
        class_names: One name per class; the numbers if not given.
        name: What the data set is called.

    Returns:
        The data set.

    Raises:
        InputError: If images are not uint8 of rank 4, or labels do not fit them.
    """
    splits = {"train": (train_images, train_labels), "test": (test_images, test_labels)}
    for split, (images, labels) in splits.items():
        fits = images.ndim == 4 and images.shape[1:] == train_images.shape[1:]
        if images.dtype != np.uint8 or not fits:
            raise InputError(
                f"`{split}_images` must be uint8 (n, height, width, channels) like the other "
                f"split. Received: {images.dtype} {images.shape}"
            )
        if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
            raise InputError(
                f"`{split}_labels` must be integers ({len(images)},). "
                f"Received: {labels.dtype} {labels.shape}"
            )
    highest = max(labels.max() for _, labels in splits.values())
    names = class_names or [str(number) for number in range(highest + 1)]
    if min(labels.min() for _, labels in splits.values()) < 0 or highest >= len(names):
        raise InputError(f"labels must be in [0, {len(names)}). Received: up to {highest}")
    streams = {
        split: tf.data.Dataset.from_tensor_slices((images, labels.astype(np.int32)))
        for split, (images, labels) in splits.items()
    }
    digest = hashlib.sha256(str(train_images.shape).encode())
    for array in (train_images, test_images, test_labels.astype(np.int32)):
        digest.update(np.ascontiguousarray(array))
    return ImageDataset(
        name=name,
        content=digest.hexdigest(),
        **streams,
        class_names=tuple(names),
        image_shape=train_images.shape[1:],
        train_labels=train_labels.astype(np.int32),
        indices=np.arange(len(train_labels)),
    )


def _register_embedded(name: str) -> None:
    # tensorflow-datasets refuses to choose between two registered folders that hold the same set,
    # so ours is registered only where the user has none.
    users = Path(tfds.core.constants.DATA_DIR).expanduser()
    if (EMBEDDED / name).is_dir() and not (users / name).is_dir():
        tfds.core.add_data_dir(EMBEDDED)


def _check_features(builder: tfds.core.DatasetBuilder) -> None:
    features = dict(builder.info.features or {})
    labelled_images = (
        builder.info.supervised_keys == ("image", "label")
        and isinstance(features.get("image"), tfds.features.Image)
        and isinstance(features.get("label"), tfds.features.ClassLabel)
    )
    if not labelled_images:
        raise InputError(f"{builder.name!r} does not hold images with one class label each")
    if None in features["image"].shape:
        raise InputError(f"{builder.name!r} holds images of different sizes; one size is needed")


def _download(builder: tfds.core.DatasetBuilder) -> None:
    looked_in = " and ".join(str(path) for path in (builder.data_dir, EMBEDDED))
    failure = InputError(
        f"data set {builder.name!r} was looked for in {looked_in} and cannot be downloaded; "
        "ways out: connect to the network, set TFDS_DATA_DIR to a folder that holds it prepared, "
        "or use --dataset mnist, which comes with the package"
    )
    if not _network_reaches(builder):
        raise failure
    try:
        builder.download_and_prepare()
    except (OSError, tfds.download.DownloadError) as error:
        raise failure from error


def _network_reaches(builder: tfds.core.DatasetBuilder) -> bool:
    """Whether any download host resolves: without this, retries take minutes to fail offline."""
    if urllib.request.getproxies():
        return True
    hosts = {urllib.parse.urlsplit(url).hostname for url in builder.url_infos or {}}
    hosts.discard(None)
    return not hosts or any(_resolves(host) for host in hosts)


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True


def _stream(builder: tfds.core.DatasetBuilder, split: str) -> tf.data.Dataset:
    stream = builder.as_dataset(
        split=split, as_supervised=True, read_config=_in_order(), shuffle_files=False
    )
    return stream.map(lambda image, label: (image, tf.cast(label, tf.int32)))


def _labels(builder: tfds.core.DatasetBuilder) -> np.ndarray:
    undecoded = builder.as_dataset(
        split="train",
        decoders=tfds.decode.PartialDecoding({"label": True}),
        read_config=_in_order(),
        shuffle_files=False,
    )
    batches = undecoded.batch(4096).as_numpy_iterator()
    return np.concatenate([batch["label"] for batch in batches]).astype(np.int32)


def _in_order() -> tfds.ReadConfig:
    # Reading one shard after the other makes a position in the stream name an image.
    return tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
