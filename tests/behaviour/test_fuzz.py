"""Randomly damaged files: their readers raise the package's own errors, or return content."""

import gzip
import io
import json
import struct
import warnings
import zlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from kerasaug.data.dataset import ImageDataset
from kerasaug.data.readers import idx, image_files, npz, table
from kerasaug.errors import InputError
from kerasaug.saved.folder import CLASSES, SCHEMA, ModelFolder, read_classes
from kerasaug.saved.images import read_manifest

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 255, (12, 9, 9), np.uint8)
LABELS = np.arange(12) % 3


def saved(save, *arguments, **options):
    file = io.BytesIO()
    save(file, *arguments, **options)
    return file.getvalue()


def image(kind, mode, **options):
    picture = Image.fromarray(RANDOM.integers(0, 255, (12, 10, 4), np.uint8)).convert(mode)
    if kind == "GIF":
        options |= {"save_all": True, "append_images": [picture.rotate(90), picture]}
    return saved(picture.save, format=kind, **options)


def with_much_text(png):
    """More than Pillow reads."""
    part = b"zTXt" + b"a\0\0" + zlib.compress(bytes(2_000_000))
    chunk = struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))
    return png[:33] + chunk + png[33:]


def idx_file(array):
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(np.uint8).tobytes()


NPZ = [
    saved(np.savez, x=PIXELS, y=LABELS),
    saved(np.savez_compressed, x=PIXELS / 255, y=LABELS, class_names=["a", "b", "c"]),
    saved(np.savez, X=PIXELS.astype(np.uint16) * 16, labels=np.eye(3)[LABELS]),
    saved(np.savez, x_train=PIXELS, y_train=LABELS, x_test=PIXELS, y_test=LABELS),
]
IMAGES = [
    *(image("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    image("JPEG", "L"),
    image("JPEG", "RGB", progressive=True, exif=b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6"),
    image("BMP", "RGB"),
    image("BMP", "1"),
    image("GIF", "P"),
    image("WEBP", "RGBA", lossless=True),
    image("WEBP", "RGB"),
    tf.io.encode_png(PIXELS[:, :, :3].astype(np.uint16)).numpy(),
    *(image("TIFF", mode) for mode in ("L", "RGB", "I;16", "F")),
    image("TIFF", "RGB", compression="tiff_lzw"),
    image("AVIF", "RGB"),
    image("JPEG2000", "RGB"),
    image("PPM", "L"),
    with_much_text(image("PNG", "L")),
]
IDX = [idx_file(PIXELS), gzip.compress(idx_file(PIXELS))]
RUN = {
    "status": "finished",
    "latent_dim": 8,
    "makes": "images",
    "config": {"model": "vae", "seed": 0, "keep": {"a": 5}, "dataset": "mnist"},
    "dataset": {"class_names": ["a", "b"], "image_shape": [8, 8, 1], "fingerprint": "0"},
    "fidelity": {"judge_accuracy": 1.0, "classes": {"a": {"generated": {"recognised": 0.5}}}},
}
RUNS = [json.dumps({**RUN, "schema": schema}).encode() for schema in (1, SCHEMA)]
TABLES = [
    b"file,label,split,group\na.png,x,train,1\nb.png,y,test,2\nc.png,x,train,1\nd.png,y,val,\n",
    b"\xef\xbb\xbfimage;x;y\r\na;1;0\r\nb;0.0;1.0\r\n",
]
MANIFEST = b"file,label,seed,number\na/a.png,a,0,1\n"


@st.composite
def damaged(draw, wholes):
    """A file with bytes changed, cut out, doubled or inserted, in up to six positions."""
    content = bytearray(draw(st.sampled_from(wholes)))
    for _ in range(draw(st.integers(1, 6))):
        # Headers, where most can go wrong, are at the beginning or at the end.
        at = draw(st.one_of(st.integers(0, 64), st.integers(-96, -1), st.integers(0, 1 << 16)))
        at = max(-len(content), min(at, len(content)))
        length = draw(st.integers(1, 16))
        deed = draw(st.sampled_from(["change", "cut", "double", "put", "end"]))
        if deed == "change":
            content[at : at + length if at >= 0 or at + length < 0 else None] = draw(
                st.binary(min_size=length, max_size=length)
            )
        elif deed == "cut":
            del content[at : at + length]
        elif deed == "double":
            content[at:at] = content[at : at + length]
        elif deed == "put":
            content[at:at] = draw(st.binary(max_size=length))
        else:
            del content[at:]
    return bytes(content)


def read_npz(content, folder):
    (folder / "d.npz").write_bytes(content)
    dataset = npz.read(folder / "d.npz")
    assert isinstance(dataset, ImageDataset)
    assert dataset.train_labels.min() >= 0
    assert dataset.train_labels.max() < len(dataset.class_names)


def read_idx(content, folder):
    end = ".gz" if content[:1] == b"\x1f" else ""
    for path in folder.iterdir():
        path.unlink()
    (folder / f"train-images-idx3-ubyte{end}").write_bytes(content)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_file(LABELS))
    assert isinstance(idx.read(folder), ImageDataset)


def read_image(content, folder):
    (folder / "image").write_bytes(content)
    with warnings.catch_warnings():
        # As in folders.scan; other warnings of Pillow do not reach a user.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        pixels = image_files.read(folder / "image").pixels
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] in (1, 3)


def read_run(content, folder):
    (folder / "run.json").write_bytes(content)
    run = ModelFolder(folder).read_run()
    assert isinstance(run["config"]["seed"], int)


def read_rows(content, folder):
    (folder / "manifest.csv").write_bytes(content)
    read_manifest(folder / "manifest.csv")


def read_names(content, folder):
    (folder / CLASSES).parent.mkdir(exist_ok=True)
    (folder / CLASSES).write_bytes(content)
    names, _ = read_classes(folder)
    assert all(isinstance(name, str) for name in names)


def read_table(content, folder):
    (folder / "images").mkdir(exist_ok=True)
    for name in "abcd":
        (folder / "images" / f"{name}.png").touch()
    (folder / "labels.csv").write_bytes(content)
    listed = table.read(folder / "images", folder / "labels.csv")
    assert {split: bool(files) for split, files in listed.files.items()}["train"]


READERS = {
    "npz": (read_npz, NPZ),
    "idx": (read_idx, IDX),
    "image": (read_image, IMAGES),
    "run.json": (read_run, RUNS),
    "classes.json": (read_names, [b'{"class_names": ["a", "b"], "makes": "a"}']),
    "manifest": (read_rows, [MANIFEST]),
    "table": (read_table, TABLES),
}


@pytest.mark.parametrize(
    ("name", "times"),
    [(name, 150) for name in READERS]
    + [pytest.param(name, 10_000, marks=pytest.mark.slow) for name in READERS],
)
def test_a_damaged_file_is_read_or_refused_in_one_line(name, times, tmp_path):
    read, wholes = READERS[name]
    for whole in wholes:
        read(whole, tmp_path)
    outcomes = {"read": 0, "refused": 0}

    @settings(
        max_examples=times,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(damaged(wholes))
    def damage(content):
        try:
            read(content, tmp_path)
            outcomes["read"] += 1
        except (InputError, image_files.UnreadableImage) as error:
            assert "\n" not in str(error)
            outcomes["refused"] += 1

    damage()
    print(f"{name}: {outcomes['refused']} damaged files refused, {outcomes['read']} read")
    assert min(outcomes.values()) > 0
