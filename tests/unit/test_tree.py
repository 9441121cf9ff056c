"""What is found in folders as people have them."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from kerasaug import data
from kerasaug.data.readers import tree
from kerasaug.data.streams import collect
from kerasaug.errors import InputError
from kerasaug.saved.images import MANIFEST, DrawnImages, write


def fill(folder, count, seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng([seed, *folder.as_posix().encode()])
    for number in range(count):
        pixels = random.integers(0, 255, (9, 9)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")


@pytest.fixture
def parts(tmp_path):
    """A folder of two classes: 10 images of `ok`, 5 of `scratched`."""
    fill(tmp_path / "parts" / "ok", 10)
    fill(tmp_path / "parts" / "scratched", 5)
    return tmp_path / "parts"


def items(dataset, text):
    (names,) = [note.items for note in dataset.notes if text in note.text]
    return names


def sizes(dataset):
    """How many images there are of every class, to train and to test."""
    counts = zip(dataset.class_names, dataset.class_counts, dataset.test_counts, strict=True)
    return {name: train + test for name, train, test in counts}


@pytest.mark.parametrize("file", ["run.json", "study.json"])
@pytest.mark.parametrize("place", ["saved_models/parts-vae", "runs", "ok/run", ".hidden/a"])
def test_what_a_run_wrote_is_no_class(parts, file, place):
    fill(parts / place / "samples", 3)
    (parts / place / file).write_text(json.dumps({"schema": 2, "config": {}}))
    dataset = data.load(parts)
    assert sizes(dataset) == {"ok": 10, "scratched": 5}
    assert not any("without images" in note.text for note in dataset.notes)
    if place[0] != ".":
        assert items(dataset, "kerasaug wrote") == (place,)


@pytest.mark.parametrize(
    "content", ["", "[]", '{"schema": 1}', '{"config": 1}', "{" * 9999, "[" * 99999]
)
def test_another_run_json_makes_no_difference(parts, content):
    (parts / "ok" / "run.json").write_text(content)
    assert sizes(data.load(parts)) == {"ok": 10, "scratched": 5}


def draw(folder, count=4):
    images = np.random.default_rng(5).integers(0, 255, (count, 9, 9, 1)).astype(np.uint8)
    write(DrawnImages(images, "ok", 0, 3), folder, None)


def test_generated_images_are_a_class_only_to_who_names_their_folder(parts):
    draw(parts / "generated")
    dataset = data.load(parts)
    assert sizes(dataset) == {"ok": 10, "scratched": 5}
    assert items(dataset, "kerasaug wrote") == ("generated",)
    assert sizes(data.load(parts / "generated", complete=False)) == {"ok": 4}


def test_real_images_beside_generated_ones_are_read(parts):
    draw(parts / "ok")
    dataset = data.load(parts)
    assert sizes(dataset) == {"ok": 10, "scratched": 5}
    assert len(items(dataset, "listed in a manifest.csv of a class folder")) == 4
    (parts / "ok" / MANIFEST).write_bytes(b"file,label,seed,number\n\xff")
    assert sizes(data.load(parts)) == {"ok": 14, "scratched": 5}


def test_folders_of_systems_are_no_classes(parts):
    fill(parts / "__MACOSX" / "ok", 3)
    fill(parts / "ok" / "@eaDir", 3)
    fill(parts / ".ipynb_checkpoints", 3)
    fill(parts / "ok" / ".ipynb_checkpoints", 3)
    assert sizes(data.load(parts)) == {"ok": 10, "scratched": 5}


def both(folder, count, seed=0):
    for name in ("glioma", "notumor"):
        fill(folder / name, count, seed)


def counts(dataset):
    assert dataset.class_names == ("glioma", "notumor")
    return dataset.class_counts, dataset.test_counts


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Train", "Test"),
        ("TRAIN", "TEST"),
        ("Training", "Testing"),
        ("training_set", "test_set"),
        ("train_images", "test_images"),
        ("trainset", "testset"),
        ("Training Data", "Test Data"),
        ("seg_train", "seg_test"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("chest_xray/train", "chest_xray/test"),
    ],
)
def test_splits_are_known_by_many_names(tmp_path, train, test):
    both(tmp_path / train, 6)
    both(tmp_path / test, 3)
    fill(tmp_path / "__MACOSX" / "chest_xray", 1)
    assert counts(data.load(tmp_path)) == ([6, 6], [3, 3])


@pytest.mark.parametrize("name", ["val", "valid", "Validation", "val_images", "dev"])
def test_a_validation_split_takes_the_place_of_one_that_is_not_there(tmp_path, name):
    both(tmp_path / name, 4)
    both(tmp_path / "train", 6)
    dataset = data.load(tmp_path)
    assert counts(dataset) == ([6, 6], [4, 4])
    assert items(dataset, f"the folder {name} is read as the test split") == ()
    both(tmp_path / "test", 3)
    dataset = data.load(tmp_path)
    assert counts(dataset) == ([6, 6], [3, 3])
    assert items(dataset, "beside train and test are not read") == (name,)
    (tmp_path / "train").rename(tmp_path / ".train")
    dataset = data.load(tmp_path)
    assert counts(dataset) == ([4, 4], [3, 3])
    assert items(dataset, f"the folder {name} is read as the training split") == ()


def test_a_test_split_without_labels_is_not_read(tmp_path):
    both(tmp_path / "train", 10)
    fill(tmp_path / "test", 5)
    dataset = data.load(tmp_path)
    assert counts(dataset) == ([8, 8], [2, 2])
    assert items(dataset, "no class folders, so it is not read") == ("test",)


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (("Training/a/x", "train/a/x"), "'Training' and 'train' both look like the train split"),
        (("test/a/x", "test/b/x"), "the folder 'test' looks like a split, but no folder train"),
        (("a/x", "b/x", "val/a/x"), "the folder 'val' looks like a split, .* read .*/val as the"),
        (("a/train", "a/test", "b/train", "b/test"), "splits must be outermost, as train/a and"),
        (("a/train/x", "a/test/x", "b/x"), "the folder 'a' is no class, .* read .*/a$"),
    ],
)
def test_what_may_be_splits_is_refused_with_what_to_do(tmp_path, folders, words):
    for folder in folders:
        fill(tmp_path / folder, 2)
    with pytest.raises(InputError, match=words) as raised:
        data.load(tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["train", "test", "steam_train", "trainer", "contest", "valve"])
def test_a_class_may_have_such_a_name(parts, name):
    fill(parts / name, 5)
    assert sizes(data.load(parts)) == {"ok": 10, "scratched": 5, name: 5}


def mask(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((9, 9), np.uint8)
    generator = np.random.default_rng(list(path.as_posix().encode()))
    row, column = generator.integers(0, 6, 2)
    pixels[row : row + 3, column : column + 3] = 255
    # No two are the same.
    pixels[0, :2] = generator.integers(1, 255, 2)
    Image.fromarray(pixels).save(path)


def with_masks(parts, name):
    """Puts a mask beside every image, under a name that is made of its folder and its own."""
    for path in sorted(parts.rglob("*.png")):
        mask(path.parent / name.format(path.stem))


@pytest.mark.parametrize(
    "name", ["{}_mask.png", "{}_mask_1.png", "{}-seg.png", "{} GT.bmp", "mask_{}.png", "{}.bmp"]
)
def test_masks_beside_images_are_left_out(parts, name):
    with_masks(parts, name)
    dataset = data.load(parts)
    assert sizes(dataset) == {"ok": 10, "scratched": 5}
    assert len(items(dataset, "15 masks beside images are left out")) == 15


@pytest.mark.parametrize("folder", ["masks", "Mask", "ground_truth", "segmentations", "labels"])
@pytest.mark.parametrize("images", [None, "images", "Imgs"])
def test_folders_of_masks_beside_images_are_left_out(parts, folder, images):
    with_masks(parts, folder + "/{}.png")
    if images:
        for name in ("ok", "scratched"):
            (parts / name / images).mkdir()
            for path in (parts / name).glob("*.png"):
                path.rename(path.parent / images / path.name)
    dataset = data.load(parts)
    assert sizes(dataset) == {"ok": 10, "scratched": 5}
    assert items(dataset, "folders of masks") == (f"ok/{folder}", f"scratched/{folder}")


def test_a_class_may_be_called_mask(parts):
    fill(parts / "mask", 5)
    fill(parts / "no_mask", 5)
    (parts / "000.png").write_bytes(b"")
    assert sizes(data.load(parts)) == {"mask": 5, "no_mask": 5, "ok": 10, "scratched": 5}


def test_images_and_masks_are_no_classes(tmp_path):
    fill(tmp_path / "images", 5)
    for number in range(5):
        mask(tmp_path / "masks" / f"{number:03}.png")
    with pytest.raises(InputError, match=r"has 1 class \(images\); .*masks beside images"):
        data.load(tmp_path)


def test_photographs_are_no_masks_whatever_they_are_called(parts, tmp_path):
    for path in sorted((parts / "ok").iterdir()):
        fill(path.parent, 1, seed=int(path.stem) + 1)
        path.with_name("000.png").rename(path.with_name(f"{path.stem}_mask.png"))
        fill(path.parent, 1, seed=99)
    dataset = data.load(parts)
    assert sizes(dataset)["ok"] == 20
    assert len(items(dataset, "10 files are called like masks or copies of others")) == 10
    for name in ("photo", "screen", "mask"):
        fill(tmp_path / "spoofing" / name, 6)
    assert sizes(data.load(tmp_path / "spoofing")) == {"photo": 6, "screen": 6, "mask": 6}


def test_masks_by_class_are_no_class(parts):
    with_masks(parts / "scratched", "../ground_truth/scratched/{}.png")
    dataset = data.load(parts)
    assert sizes(dataset) == {"ok": 10, "scratched": 5}
    assert items(dataset, "folders of masks") == ("ground_truth",)


@pytest.mark.parametrize("around", ["2750", "train", "train/images"])
def test_a_folder_around_the_class_folders_is_entered(parts, around, tmp_path):
    (tmp_path / "all" / around).parent.mkdir(parents=True)
    parts.rename(tmp_path / "all" / around)
    assert sizes(data.load(tmp_path / "all")) == {"ok": 10, "scratched": 5}
    if around == "train/images":
        with_masks(tmp_path / "all" / "train" / "images", "../../annotations/x{}.png")
        dataset = data.load(tmp_path / "all")
        assert sizes(dataset) == {"ok": 10, "scratched": 5}
        assert items(dataset, "folders of masks") == ("train/annotations",)


def test_class_folders_with_the_same_folders_are_asked_about(parts, tmp_path):
    for name in ("colour", "segmented"):
        for kind in ("healthy", "scab"):
            fill(tmp_path / "leaves" / name / kind, 4)
    dataset = data.load(tmp_path / "leaves")
    assert items(dataset, "if these are the classes, read colour") == ("healthy", "scab")


def test_tables_and_images_beside_the_class_folders_are_told(parts):
    (parts / "labels.csv").write_text("file,label")
    fill(parts, 1)
    dataset = data.load(parts)
    assert items(dataset, "tables beside the class folders") == ("labels.csv",)
    assert items(dataset, "1 images beside the class folders") == ("000.png",)


def test_folders_inside_a_class_may_differ_in_case(parts):
    fill(parts / "ok" / "Left", 2)
    fill(parts / "ok" / "left", 2)
    assert sizes(data.load(parts)) == {"ok": 14, "scratched": 5}


def test_a_name_that_ends_like_that_of_a_mask_is_no_mask(parts):
    for path in sorted((parts / "ok").iterdir()):
        path.rename(path.with_name(f"face{path.stem}_mask.png"))
    assert sizes(data.load(parts)) == {"ok": 10, "scratched": 5}


def test_images_of_one_name_are_read_and_asked_about(parts):
    for path in sorted(parts.rglob("*.png")):
        pixels = np.asarray(Image.open(path))
        Image.fromarray(255 - pixels).save(path.with_suffix(".bmp"))
    dataset = data.load(parts)
    assert sizes(dataset) == {"ok": 20, "scratched": 10}
    assert len(items(dataset, "30 files are called like masks or copies of others")) == 30


def test_a_text_of_the_name_of_an_image_is_no_twin(parts):
    for path in sorted(parts.rglob("*.png")):
        path.with_suffix(".xml").write_text("<annotation/>")
    dataset = data.load(parts)
    assert sizes(dataset) == {"ok": 10, "scratched": 5}
    assert not any("of another but" in note.text for note in dataset.notes)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", {"ok": 10, "scratched": 5}),
        ("*.bmp", {"ok": 10, "scratched": 5}),
        ("*", {"ok": 20, "scratched": 10}),
        ("0*.png", {"ok": 10, "scratched": 5}),
        ("ok/*", {"ok": 20}),
        ("masks/*", {"ok": 10, "scratched": 5}),
    ],
)
def test_a_pattern_says_outright_what_is_read(parts, pattern, expected):
    with_masks(parts, "masks/{}.bmp" if "masks" in pattern else "{}.bmp")
    dataset = data.load(parts, pattern=pattern, complete=False)
    assert sizes(dataset) == expected
    if left_out := 30 - sum(expected.values()):
        assert len(items(dataset, f"{left_out} files do not match `pattern`")) == left_out


def test_a_pattern_that_matches_nothing_is_refused(parts, tmp_path, call, capfd):
    with pytest.raises(InputError, match=r"`pattern` \*.tif: matches no file, such as ok/000.png"):
        data.load(parts, pattern="*.tif")
    np.savez(tmp_path / "a.npz", x=np.zeros((8, 8, 8), np.uint8), y=np.arange(8) % 2)
    with pytest.raises(InputError, match="`pattern` x: goes with a folder"):
        data.load(tmp_path / "a.npz", pattern="x")
    assert call("evaluate --describe --pattern x --dataset", parts) == 2
    assert "--pattern x: matches no file, such as ok/000.png" in capfd.readouterr().err
    assert call("evaluate --describe --pattern 00* --dataset", parts) == 0


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (".jfif", "JPEG"),
        (".jpe", "JPEG"),
        (".tif", "TIFF"),
        (".TIFF", "TIFF"),
        (".avif", "AVIF"),
        (".jp2", "JPEG2000"),
        (".pgm", "PPM"),
        (".dat", "BMP"),
        (".jpg", "AVIF"),
        ("", "PNG"),
    ],
)
def test_the_content_tells_an_image_and_not_the_ending(parts, ending, kind):
    fill(parts / "dented", 6)
    for path in sorted((parts / "dented").iterdir()):
        with Image.open(path) as image:
            image.save(path.with_suffix(ending or ".x"), kind)
        path.unlink()
        if not ending:
            path.with_suffix(".x").rename(path.with_suffix(""))
    dataset = data.load(parts)
    assert sizes(dataset) == {"dented": 6, "ok": 10, "scratched": 5}
    assert not any("left out" in note.text for note in dataset.notes)


def test_files_without_an_image_are_counted_by_their_endings(parts):
    for name in ("a.txt", "b.TXT", "c.csv", "README", "d.png"):
        (parts / "ok" / name).write_text("hello")
    os.mkfifo(parts / "ok" / "pipe.png")
    os.mkfifo(parts / "ok" / "pipe")
    dataset = data.load(parts)
    assert sizes(dataset) == {"ok": 10, "scratched": 5}
    counts = items(dataset, "4 files left out: no images")
    assert counts[0] == "2 .txt"
    assert set(counts) == {"2 .txt", "1 .csv", "1 without an ending"}
    assert items(dataset, "unreadable") == ("ok/d.png (not an image)",)


def test_floats_in_a_tiff_are_read_by_their_range(parts):
    for path in sorted(parts.rglob("*.png")):
        pixels = np.asarray(Image.open(path)).astype(np.float32)
        Image.fromarray(pixels / 255).save(path.with_suffix(".tif"))
        path.unlink()
    dataset = data.load(parts)
    assert sizes(dataset) == {"ok": 10, "scratched": 5}
    assert 100 < collect(dataset.train)[0].mean() < 150
    assert items(dataset, "pixels of more than 8 bits, from 0 to 1,") == ()


@pytest.mark.parametrize("command", ["train-gan", "evaluate"])
@pytest.mark.parametrize("output", [None, ".", "ok", "runs/new"])
def test_no_command_takes_an_output_inside_its_data(
    parts, command, output, call, capfd, monkeypatch
):
    monkeypatch.chdir(parts)
    more = () if output is None else ("--output", output)
    assert call(f"{command} --dataset .", *more) == 2
    err = capfd.readouterr().err
    assert err.startswith("Error: --output ")
    assert f"lies in the data, {parts}" in err
    assert {path.name for path in parts.iterdir()} == {"ok", "scratched"}
    # Beside the data is as good a place as any.
    assert call(f"{command} --dataset . --dry-run --output", parts.parent / "parts-run") == 0


def test_a_link_that_leads_nowhere_is_no_class(tmp_path):
    for name in ("ok", "bad"):
        (tmp_path / name).mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "worse").symlink_to(tmp_path / "bad")
    folders = tree._visible_folders(tmp_path)
    assert [folder.name for folder in folders] == ["bad", "ok", "worse"]
