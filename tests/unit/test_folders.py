import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerasaug import data
from kerasaug.data.readers import tfds
from kerasaug.data.streams import collect
from kerasaug.errors import InputError


@pytest.fixture
def parts(tmp_path):
    """A folder of two classes: 20 images of `ok`, 5 of `scratched`, 12x10 pixels, grey."""
    root = tmp_path / "parts"
    for name, count in (("ok", 20), ("scratched", 5)):
        fill(root / name, count, seed=count)
    return root


def fill(folder, count, seed=0, size=(10, 12), mode="L"):
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    channels = () if mode == "L" else (3,)
    for number in range(count):
        pixels = random.integers(0, 255, (*size, *channels)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")


def items(dataset, text):
    (names,) = [note.items for note in dataset.notes if text in note.text]
    return names


def test_every_class_folder_is_a_class(parts):
    dataset = data.load(parts)
    assert dataset.class_names == ("ok", "scratched")
    assert dataset.image_shape == (10, 12, 1)
    assert dataset.class_counts == [16, 4]
    assert dataset.test_counts == [4, 1]
    assert dataset.name == "parts"


def test_images_are_those_of_the_files_with_their_labels(parts):
    dataset = data.load(parts)
    splits = [collect(dataset.train), collect(dataset.test)]
    images, labels = map(np.concatenate, zip(*splits, strict=True))
    for label, name in enumerate(dataset.class_names):
        files = [np.asarray(Image.open(path)) for path in sorted((parts / name).iterdir())]
        assert {image.tobytes() for image in images[labels == label]} == {
            pixels.tobytes() for pixels in files
        }


def test_the_same_folder_is_read_alike_every_time(parts):
    first, second = data.load(parts), data.load(str(parts))
    assert first.fingerprint == second.fingerprint
    np.testing.assert_array_equal(collect(first.train)[0], collect(second.train)[0])


def test_another_image_makes_another_fingerprint(parts):
    first = data.load(parts)
    pixels = np.zeros((10, 12), np.uint8)
    Image.fromarray(pixels).save(parts / "ok" / "000.png")
    assert data.load(parts).fingerprint != first.fingerprint


def test_train_and_test_folders_are_the_splits(tmp_path):
    for split, count in (("train", 6), ("test", 3)):
        for name in ("a", "b"):
            fill(tmp_path / split / name, count, seed=count + ord(name))
    fill(tmp_path / "notes" / "a", 1)
    dataset = data.load(tmp_path)
    assert (dataset.class_counts, dataset.test_counts) == ([6, 6], [3, 3])
    assert items(dataset, "are not read") == ("notes",)


def test_a_train_folder_alone_is_split(tmp_path):
    for name in ("a", "b"):
        fill(tmp_path / "train" / name, 10, seed=ord(name))
    dataset = data.load(tmp_path, test_split=0.4)
    assert (dataset.class_counts, dataset.test_counts) == ([6, 6], [4, 4])


def test_a_class_may_be_called_train(tmp_path):
    for name in ("plane", "train"):
        fill(tmp_path / name, 5, seed=ord(name[1]))
    assert data.load(tmp_path).class_names == ("plane", "train")
    assert items(data.load(tmp_path), "taken for a class") == ()


def test_splits_without_class_folders_are_no_classes(tmp_path):
    for name in ("train", "test", "val"):
        fill(tmp_path / name, 5, seed=ord(name[1]))
    refused(tmp_path, "holds no images in class folders")


def test_images_in_both_splits_are_named(tmp_path):
    for split in ("train", "test"):
        for name in ("a", "b"):
            fill(tmp_path / split / name, 2, seed=ord(name) + 5 * (name == "b" and split == "test"))
    dataset = data.load(tmp_path)
    assert items(dataset, "test images too") == (
        "train/a/000.png = test/a/000.png",
        "train/a/001.png = test/a/001.png",
    )


def test_mixed_sizes_become_a_square_of_the_median(parts):
    fill(parts / "ok" / "larger", 30, size=(20, 30))
    assert data.load(parts).image_shape == (30, 30, 1)
    assert data.load(parts, image_size=(8, 9)).image_shape == (8, 9, 1)
    images, _ = collect(data.load(parts, image_size=(8, 9), aspect="crop").test)
    assert images.shape[1:] == (8, 9, 1)


def test_large_images_become_small_ones(tmp_path):
    for name in ("a", "b"):
        fill(tmp_path / name, 2, seed=ord(name), size=(300, 280))
    assert data.load(tmp_path).image_shape == (64, 64, 1)


def test_one_coloured_image_makes_all_coloured(parts):
    fill(parts / "ok" / "coloured", 1, mode="RGB")
    dataset = data.load(parts)
    assert dataset.image_shape == (10, 12, 3)
    images, _ = collect(dataset.train)
    assert (images == images[..., :1]).all(axis=(1, 2, 3)).sum() >= len(images) - 1


def deepened(parts, factor):
    for path in parts.rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(path)).astype(np.uint16) * factor).save(path)


@pytest.mark.parametrize(("factor", "bits"), [(4, 10), (16, 12), (64, 14), (257, 16)])
def test_deep_pixels_fill_as_many_bits_as_all_files_need(parts, factor, bits):
    before, _ = collect(data.load(parts).train)
    # One dark image is no reason to brighten it.
    fill(parts / "ok", 1, seed=77)
    pixels = np.asarray(Image.open(parts / "ok" / "000.png"))
    Image.fromarray(pixels // 9).save(parts / "ok" / "000.png")
    deepened(parts, factor)
    dataset = data.load(parts, test_split=0.01)
    images, _ = collect(dataset.train)
    assert 252 <= images.max() <= 255
    assert min(image.max() for image in images) < 30 < before.mean() < 140
    told = [note.text for note in dataset.notes if f"from 0 to {2**bits - 1}" in note.text]
    assert len(told) == (bits < 16)


def test_deep_pixels_of_no_known_range_are_left_out(parts):
    for number in range(3):
        pixels = np.arange(120).astype(np.int32).reshape(10, 12) * 1000 - 1024 + number
        Image.fromarray(pixels).save(parts / "ok" / f"deep{number}.tiff")
    dataset = data.load(parts)
    assert sum(dataset.class_counts) + sum(dataset.test_counts) == 25
    (first, *_) = items(dataset, "unreadable")
    assert first.startswith("ok/deep0.tiff (pixels from -1024 to 117976 are of no known range")


def test_an_odd_deep_file_leaves_the_others_their_range(parts):
    deepened(parts, 16)  # 12 bits
    Image.fromarray(np.full((10, 12), -5, np.int32)).save(parts / "ok" / "odd.tiff")
    dataset = data.load(parts)
    assert items(dataset, "unreadable") == (
        "ok/odd.tiff (pixels from -5 to -5 are of no known range)",
    )
    assert any("25 files with pixels of more than 8 bits" in note.text for note in dataset.notes)


def test_resized_floats_in_files_are_read(parts):
    random = np.random.default_rng(0)
    for path in sorted(parts.rglob("*.png")):
        pixels = random.uniform(-0.09, 1.09, (10, 12)).astype(np.float32)
        Image.fromarray(pixels).save(path.with_suffix(".tiff"))
        path.unlink()
    dataset = data.load(parts)
    assert sum(dataset.class_counts) + sum(dataset.test_counts) == 25
    assert any("from 0 to 1, were brought" in note.text for note in dataset.notes)


def test_files_are_in_no_order(tmp_path):
    """Large data are shuffled in a buffer, which would hold one class otherwise."""
    for name in "ab":
        fill(tmp_path / name, 40, seed=ord(name))
    labels = data.load(tmp_path).train_labels
    assert 8 < labels[:32].sum() < 24


def test_damaged_files_are_left_out_and_named(parts):
    (parts / "ok" / "text.png").write_text("hello")
    (parts / "ok" / "notes.txt").write_text("no image by its name")
    whole = (parts / "ok" / "000.png").read_bytes()
    (parts / "scratched" / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.new("L", (1, 1)).save(parts / "ok" / "small.png")
    (parts / "ok" / "loop").symlink_to(parts)
    dataset = data.load(parts)
    assert dataset.class_counts == [16, 4]
    assert [item.split(" ")[0] for item in items(dataset, "unreadable")] == [
        "ok/loop",
        "ok/small.png",
        "ok/text.png",
        "scratched/cut.png",
    ]


def test_a_file_without_permission_is_left_out(parts, monkeypatch):
    def refuse(path, **_):
        if path.endswith("007.png"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    real = Image.open
    monkeypatch.setattr(Image, "open", refuse)
    assert items(data.load(parts), "unreadable") == ("ok/007.png (Permission denied)",)


def test_copies_count_once(parts):
    pixels = (parts / "ok" / "000.png").read_bytes()
    (parts / "ok" / "copy.png").write_bytes(pixels)
    dataset = data.load(parts)
    assert sum(dataset.class_counts) + sum(dataset.test_counts) == 25
    assert items(dataset, "copies") == ("ok/copy.png",)


def test_an_image_of_two_classes_is_of_none(parts):
    pixels = (parts / "ok" / "000.png").read_bytes()
    (parts / "scratched" / "000.png").write_bytes(pixels)
    dataset = data.load(parts)
    assert sum(dataset.class_counts) + sum(dataset.test_counts) == 23
    assert items(dataset, "two classes") == ("ok/000.png", "scratched/000.png")


def test_an_empty_class_folder_is_left_out_and_named(parts):
    (parts / "dented").mkdir()
    (parts / ".hidden").mkdir()
    dataset = data.load(parts)
    assert dataset.class_names == ("ok", "scratched")
    assert items(dataset, "without images") == ("dented",)


def test_reduced_it_decodes_only_what_is_left(parts, monkeypatch):
    dataset = data.load(parts).reduce({"ok": 3})
    decoded = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda path, **_: decoded.append(path) or real(path))
    collect(dataset.train)
    assert len(decoded) == 7


def refused(path, words, **options):
    with pytest.raises(InputError, match=words) as raised:
        data.load(path, **options)
    assert "\n" not in str(raised.value)


def test_folders_that_cannot_be_used_are_refused(tmp_path, parts):
    refused(tmp_path / "nowhere", "there is no")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "holds no images in class folders")
    (tmp_path / "file.txt").touch()
    refused(tmp_path / "file.txt", "neither a folder nor a file .npz")
    fill(tmp_path / "single" / "ok", 5)
    refused(tmp_path / "single", "has 1 class")
    refused(parts, "must be pad or crop", aspect="stretch")
    refused(
        parts, r"`image_size` must be \(height, width\). Received: image_size=32", image_size=32
    )
    fill(parts / "OK", 3, seed=9)
    refused(parts, "differ only in case")
    for name in ("train", "Train"):
        fill(tmp_path / "twins" / name / "ok", 2)
    refused(tmp_path / "twins", "differ only in case")


def test_a_class_of_one_image_is_refused(parts):
    fill(parts / "dented", 1, seed=8)
    refused(parts, "no test image of class dented")
    assert data.load(parts, complete=False).class_counts == [1, 16, 4]


def test_a_folder_of_damaged_files_says_so(tmp_path):
    (tmp_path / "ok").mkdir()
    (tmp_path / "ok" / "text.png").write_text("hello")
    refused(tmp_path, r"ok/text.png \(not an image\)")


def test_a_name_that_is_not_utf8_is_read(parts):
    (parts / "ok" / "000.png").rename(os.fsdecode(os.fsencode(parts / "ok") + b"/\xff.png"))
    dataset = data.load(parts)
    assert sum(dataset.class_counts) + sum(dataset.test_counts) == 25
    assert len(collect(dataset.train)[0]) == 20


@pytest.mark.parametrize("share", [0.01, 0.96])
def test_every_class_of_two_is_in_both_splits(parts, share):
    fill(parts / "dented", 2, seed=8)
    dataset = data.load(parts, test_split=share)
    assert min(dataset.class_counts) >= 1
    assert min(dataset.test_counts) >= 1


def test_a_test_split_that_lacks_a_class_is_refused(tmp_path):
    for split, names in (("train", "ab"), ("test", "a")):
        for name in names:
            fill(tmp_path / split / name, 3, seed=ord(name) + len(split))
    refused(tmp_path, "no test image of class b")


def test_a_second_test_split_is_refused(tmp_path):
    for split in ("train", "test"):
        for name in "ab":
            fill(tmp_path / split / name, 3, seed=ord(name) + len(split))
    refused(tmp_path, "have a test split", test_split=0.5)


def test_a_folder_named_like_a_data_set_is_read_and_told(parts, monkeypatch):
    parts.rename(parts.with_name("mnist"))
    monkeypatch.chdir(parts.parent)
    assert data.load("mnist").num_classes == 2
    assert data.load("mnist").notes[-1].text.endswith("not the data set of that name")
    assert data.load("./mnist").num_classes == 2
    assert "not the data set" not in str(data.load("./mnist").notes)


@pytest.mark.parametrize("content", [None, ".lock", "study.json"])
def test_a_folder_of_results_named_like_a_data_set_is_not_read(content, tmp_path, monkeypatch):
    """As of `evaluate --output mnist`, whose workers read MNIST while it is written."""
    (tmp_path / "mnist").mkdir()
    if content is not None:
        (tmp_path / "mnist" / content).write_text('{"schema": 2, "config": {}}')
    monkeypatch.chdir(tmp_path)
    assert data.load("mnist").num_classes == 10


def test_a_folder_is_read_without_a_list_of_data_sets(parts, monkeypatch):
    monkeypatch.setattr(tfds.tfds, "list_builders", None)
    assert data.load(parts).num_classes == 2


def test_a_tilde_is_the_home(parts, monkeypatch):
    monkeypatch.setenv("HOME", str(parts.parent))
    assert data.load(f"~/{parts.name}").num_classes == 2


def test_groups_in_both_splits_are_told(tmp_path):
    for split in ("train", "test"):
        for name in "ab":
            fill(tmp_path / split / name, 3, seed=ord(name) + len(split))
    dataset = data.load(tmp_path, group="([0-9]+)")
    assert "3 groups in both splits, which flatters the scores" in str(dataset.notes)


def test_a_single_group_is_refused(parts):
    refused(parts, "all files are in one group", group="(png)")


GROUP = "part([0-9]+)_"


@pytest.fixture
def photographs(tmp_path):
    """Three photographs each of 10 `ok` and 6 `scratched` parts, and one that names no part."""
    for name, first, parts in (("ok", 0, 10), ("scratched", 10, 6)):
        fill(tmp_path / name, 3 * parts, seed=first)
        for number, path in enumerate(sorted((tmp_path / name).iterdir())):
            path.rename(path.with_name(f"part{first + number // 3}_{number % 3}.png"))
    fill(tmp_path / "ok" / "other", 1, seed=99)
    return tmp_path


def parts_of(dataset, indices):
    return {dataset.names[index].split("_")[0] for index in indices}


def test_photographs_of_one_group_are_in_one_split_and_in_one_fold(photographs):
    dataset = data.load(photographs, group=GROUP)
    assert len(dataset.names) == 49
    train, test = (parts_of(dataset, rows) for rows in (dataset.indices, dataset.test_indices))
    assert train and test and not train & test
    assert min(dataset.test_counts) > 0
    whole = dataset.pooled()
    folds = [whole.fold(number, 4, seed=1) for number in range(4)]
    sizes = [len(parts_of(whole, fold.test_indices)) for fold in folds]
    assert sum(sizes) == len(parts_of(whole, range(49))) == 17
    for fold in folds:
        for tested, names in ((True, fold.test_indices), (False, fold.indices)):
            stream = fold.test if tested else fold.train
            files = [photographs / whole.names[index] for index in names]
            pixels = {np.asarray(Image.open(path)).tobytes() for path in files}
            assert {image.tobytes() for image in collect(stream)[0]} == pixels
    assert items(dataset, "do not match") == ("ok/other/000.png",)
    assert "17 groups, the largest of 3 images" in [note.text for note in dataset.notes]
    # Without groups, photographs of one part are split.
    split = data.load(photographs)
    assert split.groups is None
    assert parts_of(split, split.indices) & parts_of(split, split.test_indices)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("part[0-9]+", r"`group` part\[0-9\]\+: must have parentheses around what a group shares"),
        ("part([0-9]+", r"`group` part\(\[0-9\]\+: is not a regular expression"),
        ("piece([0-9]+)", r"`group` piece\(\[0-9\]\+\): matches no file, such as ok/"),
    ],
)
def test_groups_that_cannot_be_made_are_refused(group, message, photographs):
    with pytest.raises(InputError, match=message):
        data.load(photographs, group=group)


def test_arrays_have_no_groups(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((8, 8, 8, 1), np.uint8), y=np.arange(8) % 2)
    with pytest.raises(InputError, match="`group` .*: goes with a folder of images"):
        data.load(tmp_path / "a.npz", group=GROUP)


@pytest.mark.parametrize("group", ["part[0-9]+", "part([0-9]+", "piece([0-9]+)", "\x1b(a", "(a"])
def test_a_group_that_cannot_be_made_gives_one_line(group, photographs, call, capfd):
    assert call(f"evaluate --dataset {photographs} --dry-run --group", group) == 2
    err = capfd.readouterr().err
    assert err.startswith("Error: ")
    assert "--group" in err
    assert err.count("\n") == 1
    assert "\x1b" not in err


def test_a_group_of_arrays_gives_one_line(tmp_path, call, capfd):
    np.savez(tmp_path / "a.npz", x=np.zeros((8, 8, 8, 1), np.uint8), y=np.arange(8) % 2)
    assert call(f"evaluate --dataset {tmp_path / 'a.npz'} --dry-run --group", GROUP) == 2
    err = capfd.readouterr().err
    assert err.startswith("Error: ")
    assert f"--group {GROUP}: goes with a folder of images" in err
    assert err.count("\n") == 1


def test_what_is_in_both_splits_is_tested_once_by_cross_validation(parts):
    fill(parts / "train" / "ok", 20, seed=1)
    fill(parts / "train" / "scratched", 5, seed=2)
    fill(parts / "test" / "ok", 4, seed=1)
    fill(parts / "test" / "scratched", 3, seed=3)
    shutil.rmtree(parts / "ok")
    shutil.rmtree(parts / "scratched")
    dataset = data.load(parts)
    assert dataset.test_counts == [4, 3]
    assert len(items(dataset, "are test images too")) == 4
    for whole in (dataset.pooled(), dataset.cache().pooled()):
        assert whole.class_counts == [20, 8]
        images, labels = collect(whole.train)
        assert len({image.tobytes() for image in images}) == 28
        np.testing.assert_array_equal(labels, whole.train_labels)
        scratched = [dataset.names[index] for index in whole.indices[labels == 1]]
        assert sorted(Path(name).parts[-3] for name in scratched) == ["test"] * 3 + ["train"] * 5


def test_a_test_split_of_copies_adds_nothing(parts):
    shutil.copytree(parts, parts.parent / "both" / "train")
    shutil.copytree(parts, parts.parent / "both" / "test")
    assert data.load(parts.parent / "both").pooled().class_counts == [20, 5]


def test_copies_in_both_splits_of_arrays_are_known(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (30, 8, 8, 1)).astype(np.uint8)
    arrays = {"x_train": images[:20], "x_test": images[15:], "y_train": np.arange(20) % 2}
    np.savez(tmp_path / "a.npz", **arrays, y_test=np.arange(15) % 2)
    assert data.load(tmp_path / "a.npz").pooled().class_counts == [15, 15]
    twice = np.concatenate([images[:20], images[:20]])
    np.savez(tmp_path / "b.npz", x=twice, y=np.arange(40) % 2)
    whole = data.load(tmp_path / "b.npz").pooled()
    assert whole.class_counts == [10, 10]
    assert len({image.tobytes() for image in collect(whole.train)[0]}) == 20


def test_floats_and_whole_numbers_are_not_brought_to_one_range(tmp_path):
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    for number in range(6):
        floats = random.random((9, 9)).astype(np.float32)
        Image.fromarray(floats).save(tmp_path / "a" / f"{number}.tif")
    for number in range(7):
        whole = random.integers(0, 65535, (9, 9)).astype(np.uint16)
        Image.fromarray(whole).save(tmp_path / "b" / f"{number}.png")
    fill(tmp_path / "a", 6, size=(9, 9))
    dataset = data.load(tmp_path, test_split=0.3)
    assert len(items(dataset, "unreadable")) == 6
    reason = "pixels from 0 to 1, those of most others from 0 to 65535"
    assert all(reason in item for item in items(dataset, "unreadable"))
    assert np.add(dataset.class_counts, dataset.test_counts).tolist() == [6, 7]


def test_floats_of_the_range_of_whole_numbers_are_read_with_them(tmp_path):
    random = np.random.default_rng(0)
    for name, kind, ending in (("a", np.float32, "tif"), ("b", np.uint16, "png")):
        (tmp_path / name).mkdir()
        for number in range(6):
            pixels = random.integers(0, 65535, (9, 9)).astype(kind)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.{ending}")
    dataset = data.load(tmp_path, test_split=0.3)
    assert np.add(dataset.class_counts, dataset.test_counts).tolist() == [6, 6]


def test_a_single_image_is_refused(tmp_path):
    fill(tmp_path / "ok", 1)
    with pytest.raises(InputError, match="one image alone"):
        data.load(tmp_path)
