"""Untrusted data and models: every command refuses them with one line, and writes nothing."""

import functools
import gzip
import json
import os
import re
import shutil
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from kerasaug import data
from kerasaug.training.config import GeneratorConfig
from kerasaug.training.run import train_generator

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "tests" / "digits"
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 255, (30, 9, 9), np.uint8)
LABELS = np.arange(30) % 3


def png(path, pixels=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RANDOM.integers(0, 255, (9, 9), np.uint8) if pixels is None else pixels
    Image.fromarray(pixels).save(path)
    return path


def classes(folder, *names, count=5):
    for name in names:
        for number in range(count):
            png(folder / name / f"{number}.png")
    return folder


def huge_png(path, width, height):
    """A small file whose header, and compressed content, claim very many pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def chunk(kind, content):
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1 << 20), 9)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def beside_a_good_class(fill):
    def build(folder):
        classes(folder, "five")
        (folder / "three").mkdir()
        fill(folder / "three")
        return folder

    build.leaves_a_good_class = True
    return build


def file_beside_a_good_class(name, content):
    return beside_a_good_class(lambda folder: (folder / name).write_bytes(content))


def cut_png(folder):
    path = png(folder / "a.png")
    path.write_bytes(path.read_bytes()[:60])


def loop(folder):
    (folder / "again").symlink_to(folder)


def cases(folder):
    return classes(folder, "Cat", "cat")


def lacking_a_test(folder):
    classes(folder / "train", "a", "b")
    png(folder / "train" / "b" / "more.png")
    classes(folder / "test", "a")
    return folder


def one_image(folder):
    classes(folder, "a")
    return classes(folder, "b", count=1)


def same_image_twice(folder):
    classes(folder, "a", count=1)
    shutil.copytree(folder / "a", folder / "b")
    return folder


def tiff(path, pixels):
    Image.fromarray(pixels.astype(np.float32)).save(path)


def run_folder(folder):
    classes(folder, "samples")
    (folder / "run.json").write_text('{"schema": 2, "config": {}}')


def two_training_splits(folder):
    classes(folder / "train", "a", "b")
    classes(folder / "Training", "a", "b")
    return folder


def not_utf8(folder):
    classes(folder, "a")
    os.rename(folder / "a", os.fsencode(folder) + b"/\xff")
    return classes(folder, "b")


FOLDERS = {
    "an empty folder": lambda folder: folder,
    "a folder of text": lambda folder: (folder / "a.txt").write_text("a") and folder,
    "images without class folders": lambda folder: png(folder / "a.png").parent,
    "an empty class": beside_a_good_class(lambda folder: None),
    "a class of hidden files": beside_a_good_class(lambda folder: png(folder / ".a.png")),
    "a cut PNG": beside_a_good_class(cut_png),
    "text called PNG": file_beside_a_good_class("a.png", b"hello"),
    "an empty file called PNG": file_beside_a_good_class("a.png", b""),
    "a JPEG of a header": file_beside_a_good_class("a.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"),
    "a GIF of a header": file_beside_a_good_class("a.gif", b"GIF89a\x09\x00\x09\x00\x00\x00\x00"),
    "a WebP of a header": file_beside_a_good_class("a.webp", b"RIFF\x24\x00\x00\x00WEBPVP8 "),
    "a BMP of two billion pixels": file_beside_a_good_class(
        "a.bmp", b"BM" + struct.pack("<IIIIiiHH", 60, 0, 54, 40, 1 << 16, 1 << 15, 1, 24)
    ),
    "a TIFF called PNG": file_beside_a_good_class("a.png", b"II*\x00\x08\x00\x00\x00\x00\x00"),
    "PostScript called PNG": file_beside_a_good_class("a.png", b"%!PS-Adobe-3.0 EPSF-3.0\n"),
    "a PNG of ten billion pixels": beside_a_good_class(
        lambda folder: huge_png(folder / "a.png", 100_000, 100_000)
    ),
    "a PNG above the limit": beside_a_good_class(
        lambda folder: huge_png(folder / "a.png", 9_000, 8_000)
    ),
    "an image of a pixel": beside_a_good_class(
        lambda folder: png(folder / "a.png", np.zeros((1, 1), np.uint8))
    ),
    "an image of seven rows": beside_a_good_class(
        lambda folder: png(folder / "a.png", np.zeros((7, 99), np.uint8))
    ),
    "a loop of links": beside_a_good_class(loop),
    "a link to nowhere": beside_a_good_class(lambda folder: (folder / "a.png").symlink_to("x")),
    "a TIFF of a header": file_beside_a_good_class("a.tif", b"II*\x00\x08\x00\x00\x00\x00\x00"),
    "an AVIF of a header": file_beside_a_good_class("a.avif", b"\0\0\0\x1cftypavif\0\0\0\0avif"),
    "a JPEG 2000 of a header": file_beside_a_good_class("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n"),
    "a PGM of a header": file_beside_a_good_class("a.pgm", b"P5 9 9 65535\n"),
    "pixels of no known range": beside_a_good_class(
        lambda folder: tiff(folder / "a.tif", np.arange(81).reshape(9, 9) * 5000.5 - 9)
    ),
    "pixels that are NaN": beside_a_good_class(
        lambda folder: tiff(folder / "a.tif", np.full((9, 9), np.nan))
    ),
    "text without an ending": file_beside_a_good_class("README", b"hello"),
    "a run beside a class": beside_a_good_class(run_folder),
    "a test split alone": lambda folder: classes(folder / "test", "a", "b").parent,
    "two training splits": two_training_splits,
    "classes that hold splits": lambda folder: [
        classes(folder / name, "train", "test") and folder for name in "ab"
    ][0],
    "names that differ in case": cases,
    "a name that is not UTF-8": not_utf8,
    "a test split that lacks a class": lacking_a_test,
    "a class of one image": one_image,
    "one image in two classes": same_image_twice,
}


def npz(**changes):
    def build(folder):
        arrays = {"x": PIXELS, "y": LABELS, **changes}
        np.savez(folder / "d.npz", **{n: a for n, a in arrays.items() if a is not None})
        return folder / "d.npz"

    return build


def bytes_of(name, content):
    def build(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return build


def with_header(header):
    """An array whose header is all there is of it."""

    def build(folder):
        text = header.encode()
        array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
        with zipfile.ZipFile(folder / "d.npz", "w") as archive:
            archive.writestr("x.npy", array + bytes(99))
            archive.writestr("y.npy", array)
        return folder / "d.npz"

    return build


def cut_npz(folder):
    path = npz()(folder)
    path.write_bytes(path.read_bytes()[:-300])
    return path


def twice(folder):
    path = npz()(folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x", archive.read("x.npy"))
    return path


def encrypted(folder):
    path = npz()(folder)
    content = path.read_bytes()
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := content.find(mark, start)) >= 0:
            flags = content[start + place] | 1
            content = content[: start + place] + bytes([flags]) + content[start + place + 1 :]
            start += 4
    path.write_bytes(content)
    return path


def single_array(folder):
    np.save(folder / "d.npy", PIXELS)
    return (folder / "d.npy").rename(folder / "d.npz")


BOMB = "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000, 900, 900), }\n"
EVIL = "{'descr': '|u1', 'fortran_order': False, 'shape': __import__('os').getpid(), }\n"
OTHER_TEST = {"x_train": PIXELS, "y_train": LABELS, "x_test": PIXELS[:, :8, :8], "y_test": LABELS}
NPZ = {
    "an empty file": bytes_of("d.npz", b""),
    "bytes": bytes_of("d.npz", bytes(range(256))),
    "a cut archive": cut_npz,
    "an encrypted archive": encrypted,
    "a single array": single_array,
    "an array that claims 754 TiB": with_header(BOMB),
    "a header that is a program": with_header(EVIL),
    "a header that is none": with_header("hello"),
    "objects as images": npz(x=np.array([{}] * 30, object)),
    "objects as labels": npz(y=np.array([{}] * 30, object)),
    "an array twice": twice,
    "no labels": npz(y=None),
    "no images": npz(x=None),
    "zero images": npz(x=PIXELS[:0], y=LABELS[:0]),
    "images without sides": npz(x=PIXELS[:, :0]),
    "images of rank 2": npz(x=PIXELS[:, 0]),
    "images of rank 5": npz(x=PIXELS[:, None, None]),
    "images of two channels": npz(x=np.stack([PIXELS, PIXELS], axis=-1)),
    "images of seven rows": npz(x=PIXELS[:, :7]),
    "images of 257 columns": npz(x=np.tile(PIXELS, (1, 1, 29))[:, :, :257]),
    "NaN": npz(x=np.where(PIXELS == PIXELS.max(), np.nan, PIXELS)),
    "infinity": npz(x=np.where(PIXELS == PIXELS.max(), np.inf, PIXELS)),
    "pixels of no known range": npz(x=PIXELS * 1e6),
    "complex pixels": npz(x=PIXELS + 1j),
    "texts as images": npz(x=PIXELS.astype("U")),
    "dates as images": npz(x=PIXELS.astype("M8[s]")),
    "records as images": npz(x=PIXELS.astype([("a", "u1")])),
    "labels that are floats": npz(y=LABELS / 2),
    "more labels than images": npz(y=np.arange(31) % 3),
    "labels of rank 2": npz(y=np.eye(3)[LABELS].astype(int) * 2),
    "labels that are NaN": npz(y=np.full(30, np.nan)),
    "images under two names": npz(X=PIXELS),
    "labels above 2^63": npz(y=LABELS.astype(np.uint64) + np.uint64(2**63)),
    "one label": npz(y=LABELS * 0),
    "more than 1000 classes": npz(x=np.tile(PIXELS, (67, 1, 1)), y=np.arange(2010) // 2),
    "a class of one": npz(y=np.where(np.arange(30) == 4, 9, LABELS)),
    "a class name twice": npz(class_names=np.array(["a", "a", "b"])),
    "too few class names": npz(class_names=np.array(["a", "b"])),
    "training images alone": npz(x=None, y=None, x_train=PIXELS, y_train=LABELS),
    "a test split of another size": npz(x=None, y=None, **OTHER_TEST),
}


def idx(array, magic=None):
    magic = bytes([0, 0, 8, array.ndim]) if magic is None else magic
    return magic + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()


def mnist_files(images=None, labels=None, end="", **more):
    def build(folder):
        contents = {
            f"train-images-idx3-ubyte{end}": idx(PIXELS) if images is None else images,
            f"train-labels-idx1-ubyte{end}": idx(LABELS) if labels is None else labels,
            **{name.replace("_", "-"): content for name, content in more.items()},
        }
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        return folder

    return build


def claiming(*shape):
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(9)


IDX = {
    "an empty IDX file": mnist_files(images=b""),
    "an IDX file of two bytes": mnist_files(images=b"\0\0"),
    "IDX of floats": mnist_files(images=idx(PIXELS, b"\0\0\x0d\3")),
    "IDX of no dimension": mnist_files(images=b"\0\0\x08\0"),
    "IDX of 255 dimensions": mnist_files(images=b"\0\0\x08\xff" + bytes(99)),
    "cut IDX": mnist_files(images=idx(PIXELS)[:-9]),
    "IDX with something behind": mnist_files(images=idx(PIXELS) + b"more"),
    "IDX that claims 80 sextillion bytes": mnist_files(
        images=claiming(2**32 - 1, 2**32 - 1, 2**12)
    ),
    "fewer IDX labels": mnist_files(labels=idx(LABELS[:-1])),
    "IDX images as labels": mnist_files(labels=idx(PIXELS)),
    "no gzip": mnist_files(end=".gz"),
    "cut gzip": mnist_files(gzip.compress(idx(PIXELS))[:-99], gzip.compress(idx(LABELS)), ".gz"),
    "gzip of less than it claims": mnist_files(
        gzip.compress(claiming(30, 9, 9)), gzip.compress(idx(LABELS)), ".gz"
    ),
    "an IDX file twice": mnist_files(**{"train_images.idx3_ubyte": idx(PIXELS)}),
    "an IDX test split without labels": mnist_files(**{"t10k_images_idx3_ubyte": idx(PIXELS)}),
}
OTHERS = {
    "a device": lambda folder: Path("/dev/null"),
    "a pipe": lambda folder: os.mkfifo(folder / "pipe") or folder / "pipe",
    "a name of 5000 letters": lambda folder: folder / ("a" * 5000),
    "a name that is a program": lambda folder: folder / "<script>$(id)\n\x1b[31m😀",
    "a text": bytes_of("data.csv", b"a,b\n"),
}
DATA = {**FOLDERS, **NPZ, **IDX, **OTHERS}


def snapshot(folder):
    return sorted(
        (str(path), path.stat().st_mtime_ns if path.is_file() else 0)
        for path in folder.rglob("*")
        if not path.is_symlink()
    )


@pytest.fixture(autouse=True)
def elsewhere(tmp_path_factory, monkeypatch):
    """A working directory in which nothing may be written."""
    directory = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(directory)
    yield
    assert not list(directory.iterdir())


def assert_refused(call, capfd, tmp_path, words, *line):
    before = snapshot(tmp_path)
    capfd.readouterr()
    assert call(*line) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert words in err
    assert "\x1b" not in err
    assert "Traceback" not in err
    assert snapshot(tmp_path) == before


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a small model, undamaged."""
    small = {"steps": 1, "batch_size": 4, "width": 4, "learning_rate": 1e-3, "latent_dim": 3}
    config = GeneratorConfig(
        model="conditional-vae", dataset=str(DIGITS), precision="float32", **small
    )
    folder = tmp_path_factory.mktemp("good") / "model"
    return train_generator(config, data.load(DIGITS), folder).path


def some(names):
    """Every seventh as it is, the others where there is time."""
    return [
        pytest.param(name, marks=pytest.mark.slow if number % 7 else ())
        for number, name in enumerate(names)
    ]


@pytest.mark.parametrize("name", some(DATA))
def test_bad_data_is_refused(name, call, capfd, tmp_path, model):
    (tmp_path / "in").mkdir()
    path, out = DATA[name](tmp_path / "in"), tmp_path / "out"
    is_long = name == "a name of 5000 letters"
    data_words, folder_words = (
        ["File name too long"] * 2 if is_long else ["--dataset ", "--balance "]
    )
    for command in ("train-gan", "evaluate"):
        line = (command, "--dataset", path, "--output", out)
        assert_refused(call, capfd, tmp_path, data_words, *line)
    line = ("generate", model, "--balance", path, "--output", out)
    if not getattr(DATA[name], "leaves_a_good_class", False):
        assert_refused(call, capfd, tmp_path, folder_words, *line)
        return
    # There is a class to fill up beside what is left out, and a note names that.
    before = snapshot(tmp_path / "in")
    assert call(*line) == 0
    assert "left out" in capfd.readouterr().out
    assert snapshot(tmp_path / "in") == before
    assert {path.name for path in out.iterdir()} == {"five", "manifest.csv"}


def run_json(**changes):
    """Changes values of `run.json`; two underscores lead one level down, None removes."""

    def damage(folder):
        run = json.loads((folder / "run.json").read_text())
        for name, value in changes.items():
            *outer, last = name.split("__")
            entries = functools.reduce(dict.__getitem__, outer, run)
            entries[last] = value
            if value is None:
                del entries[last]
        (folder / "run.json").write_text(json.dumps(run))

    return damage


def file_of(name, content):
    def damage(folder):
        (folder / name).write_bytes(content)

    return damage


def cut(name, size=100):
    def damage(folder):
        path = folder / name
        path.write_bytes(path.read_bytes()[:size])

    return damage


def saved_instead(make):
    def damage(folder):
        shutil.rmtree(folder / "generator")
        tf.saved_model.save(make(), str(folder / "generator"))

    return damage


class Decoding(tf.Module):
    """Has the signature of a generator, and calls a function besides."""

    def __init__(self, function, latent_dim=3, shape=(28, 28, 1), dtype=tf.int32):
        super().__init__()

        def decode(latents, labels):
            return tf.zeros((tf.shape(latents)[0], *shape)) + function()

        signature = tf.TensorSpec((None, latent_dim)), tf.TensorSpec((None,), dtype)
        self.decode = tf.function(decode, input_signature=signature)


def reading():
    return tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)


def writing():
    with tf.control_dependencies([tf.io.write_file("/tmp/written-by-a-model", "ha")]):
        return 0.0


def calling_python():
    return tf.py_function(lambda: 0.0, [], tf.float32)


def saving():
    tensors = {"tensor_names": ["a"], "shape_and_slices": [""], "tensors": [tf.zeros(3)]}
    with tf.control_dependencies([tf.raw_ops.SaveV2(prefix="/tmp/written-by-a-model", **tensors)]):
        return tf.constant(0.0)


def mapping_memory():
    file = "/etc/hostname"
    return tf.raw_ops.ImmutableConst(dtype=tf.float32, shape=(1,), memory_region_name=file)


def reading_words():
    words = {"new_vocab_file": "/etc/hostname", "old_vocab_file": "/etc/hostname"}
    remapping = tf.raw_ops.GenerateVocabRemapping(**words, new_vocab_offset=0, num_new_vocab=1)
    return tf.cast(remapping.num_present, tf.float32)


def ending_the_process():
    with tf.control_dependencies([tf.raw_ops.Abort()]):
        return tf.constant(0.0)


def saving_in_disguise(folder):
    """Its function has the name of those that write a model's variables."""
    saved_instead(lambda: Decoding(saving))(folder)
    path = folder / "generator" / "saved_model.pb"
    text = text_format.MessageToString(SavedModel.FromString(path.read_bytes()))
    disguised = re.sub("__inference_decode_", "__inference__traced_save_", text)
    assert disguised != text
    path.write_bytes(text_format.Parse(disguised, SavedModel()).SerializeToString())


ARMS = "none,conditional-vae:latent-perturbation"
VARIABLES = "generator/variables/variables.data-00000-of-00001"
MODELS = {
    "no run.json": lambda folder: (folder / "run.json").unlink(),
    "a cut run.json": cut("run.json"),
    "an empty run.json": file_of("run.json", b""),
    "a list for run.json": file_of("run.json", b"[]"),
    "a run.json that is not UTF-8": file_of("run.json", b"\xff\xfe"),
    "a run.json without end": file_of("run.json", b"[" * 100_000),
    "a later schema": run_json(schema=3),
    "no schema": run_json(schema=None),
    "another status": run_json(status="baked"),
    "an unknown model": run_json(config__model="os.system"),
    "no model": run_json(config__model=None),
    "a list for a config": run_json(config=[]),
    "no data set": run_json(dataset=None),
    "a seed below 0": run_json(config__seed=-1),
    "a text for fidelity": run_json(fidelity="good"),
    "no classes in fidelity": run_json(fidelity={"classes": None}),
    "a class name twice": run_json(dataset__class_names=["five", "five"]),
    "no class names": run_json(dataset__class_names=[]),
    "texts for sides": run_json(dataset__image_shape=["28", 28, 1]),
    "a list of warnings": run_json(warnings=["a"]),
    "lists for counts to keep": run_json(config__keep={"five": [1]}),
    "a text for a seed": run_json(config__seed="0"),
    "numbers for class names": run_json(dataset__class_names=[1, 2]),
    "no length of the latents": run_json(latent_dim=None),
    "true for the length of the latents": run_json(latent_dim=True),
}
SAVED = {
    "another length of the latents": run_json(latent_dim=99),
    "another image shape": run_json(dataset__image_shape=[28, 28, 3]),
    "no SavedModel": lambda folder: shutil.rmtree(folder / "generator"),
    "an empty SavedModel": file_of("generator/saved_model.pb", b""),
    "a cut SavedModel": cut("generator/saved_model.pb", 5000),
    "bytes for a SavedModel": file_of("generator/saved_model.pb", bytes(range(256)) * 9),
    "no variables": lambda folder: shutil.rmtree(folder / "generator" / "variables"),
    "cut variables": cut(VARIABLES),
    "other variables": file_of(VARIABLES, bytes(9)),
    "a SavedModel of something else": saved_instead(tf.Module),
    "a generator of other latents": saved_instead(lambda: Decoding(lambda: 0.0, latent_dim=9)),
    "a generator of other images": saved_instead(lambda: Decoding(lambda: 0.0, shape=(28, 28, 2))),
    "a generator of no images": saved_instead(lambda: Decoding(lambda: 0.0, shape=(28,))),
    "a generator of other labels": saved_instead(lambda: Decoding(lambda: 0.0, dtype=tf.float32)),
    "a generator that reads a file": saved_instead(lambda: Decoding(reading)),
    "a generator that writes a file": saved_instead(lambda: Decoding(writing)),
    "a generator that calls Python": saved_instead(lambda: Decoding(calling_python)),
    "a generator that saves": saved_instead(lambda: Decoding(saving)),
    "a generator that saves in disguise": saving_in_disguise,
    "a generator that maps memory": saved_instead(lambda: Decoding(mapping_memory)),
    "a generator that reads words": saved_instead(lambda: Decoding(reading_words)),
    "a generator that ends the process": saved_instead(lambda: Decoding(ending_the_process)),
}
KERAS = {
    "no model.keras": lambda folder: (folder / "model.keras").unlink(),
    "a cut model.keras": cut("model.keras", 5000),
    "bytes for model.keras": file_of("model.keras", bytes(range(256))),
    "model.keras of another model": lambda folder: other_keras(folder / "model.keras"),
}


def other_keras(path):
    """A Keras model that runs code of its maker, if it is loaded as trusted."""
    import keras

    inputs = keras.Input((1,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs)).save(path)


@pytest.mark.parametrize("name", some([*MODELS, *SAVED, *KERAS]))
def test_a_bad_model_is_refused(name, call, capfd, tmp_path, model):
    folder, out = shutil.copytree(model, tmp_path / "model"), tmp_path / "out"
    {**MODELS, **SAVED, **KERAS}[name](folder)
    words = "run.json" if name in MODELS else "model.keras" if name in KERAS else "/generator "
    line = ("evaluate", "--dataset", DIGITS, "--arms", ARMS, "--generator", folder, "--output", out)
    assert_refused(call, capfd, tmp_path, words, *line)
    if name in MODELS:
        line = ("--model", "conditional-vae", "--dataset", DIGITS, "--fresh", "--output", folder)
        assert_refused(call, capfd, tmp_path, words, "train-gan", *line)
    if name not in KERAS:
        line = ("generate", folder, "--label", 0, "--output", out)
        assert_refused(call, capfd, tmp_path, words, *line)
    assert not Path("/tmp/written-by-a-model").exists()


def test_the_good_model_is_accepted(call, capfd, tmp_path, model):
    assert call("generate", model, "--label", 0, "--count", 2, "--output", tmp_path / "out") == 0
    line = ("--dataset", DIGITS, "--arms", ARMS, "--generator", model)
    assert call("evaluate", *line, "--dry-run") == 0
