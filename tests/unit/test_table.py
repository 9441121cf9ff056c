"""A list of labels beside a folder of images."""

import numpy as np
import pytest
from PIL import Image

from kerasaug import data
from kerasaug.errors import InputError

LABELS = {f"{number:02}": "scratched" if number % 4 == 0 else "ok" for number in range(12)}


@pytest.fixture
def folder(tmp_path):
    """Twelve images 00.png to 11.png, half of them in another folder; every fourth `scratched`."""
    random = np.random.default_rng(0)
    root = tmp_path / "images"
    (root / "more").mkdir(parents=True)
    for number in range(12):
        pixels = random.integers(0, 255, (9, 9)).astype(np.uint8)
        Image.fromarray(pixels).save(root / ("more" if number > 5 else "") / f"{number:02}.png")
    return root


def table(folder, header, line, delimiter=",", names=LABELS):
    """Writes a line for every image; returns the file."""
    path = folder.parent / "labels.csv"
    lines = [
        header,
        *(line.format(name=name, label=LABELS.get(name), n=int(name)) for name in names),
    ]
    path.write_text("\n".join(lines).replace(",", delimiter) + "\n", encoding="utf-8")
    return path


def notes(dataset):
    return " | ".join(f"{note.text}: {', '.join(note.items)}" for note in dataset.notes)


def right(dataset):
    assert dataset.class_names == ("ok", "scratched")
    assert np.add(dataset.class_counts, dataset.test_counts).tolist() == [9, 3]
    labels = np.concatenate([dataset.train_labels, dataset.test_labels])
    indices = np.concatenate([dataset.indices, dataset.test_indices])
    for index, label in zip(indices, labels, strict=True):
        name = dataset.names[index].removeprefix("more/").removesuffix(".png")
        assert LABELS[name] == dataset.class_names[label]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("file,label", "{name}.png,{label}"),
        ("label,filename", "{label},/home/them/images/{name}.png"),
        ("image_id,dx", "{name},{label}"),
        ("Image,Class,age", "{name},{label},{n}"),
        ("id_code,diagnosis", "./{name}.png, {label}"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_are_found_by_their_names(header, line, delimiter, folder):
    dataset = data.load(folder, labels=table(folder, header, line, delimiter))
    right(dataset)
    assert "12 lines of labels.csv: file from " in notes(dataset)
    assert ("columns that are not read: age" in notes(dataset)) == ("age" in header.split(","))


def test_columns_may_be_named(folder):
    path = table(folder, "a,b,label", "{name},{label},x")
    right(data.load(folder, labels=path, columns={"file": "a", "label": "b"}))


def test_columns_of_0_and_1_are_labels(folder):
    path = table(folder, "image,ok,scratched", "{name},{n},{n}")
    lines = path.read_text().splitlines()
    path.write_text(
        "\n".join([lines[0], *(f"{n},{1.0 - (n % 4 == 0)},{int(n % 4 == 0)}" for n in range(10))])
    )
    path.write_text(path.read_text().replace("\n", "\n0"))
    dataset = data.load(folder, labels=path)
    assert dataset.class_names == ("ok", "scratched")
    assert "labels from the columns of 0 and 1: ok, scratched" in notes(dataset)


def test_splits_and_groups_of_the_table_count(folder):
    path = table(folder, "file,label,split,patient_id", "{name},{label},train,p{n}")
    text = path.read_text()
    for name in ("08", "09", "10", "11"):
        text = text.replace(f"{name},{LABELS[name]},train", f"{name},{LABELS[name]},valid")
    path.write_text(text.replace(",p1\n", ",p0\n"))
    dataset = data.load(folder, labels=path)
    assert dataset.class_counts == [6, 2]
    assert dataset.test_counts == [3, 1]
    assert "the split validation is read as test" in notes(dataset)
    assert "11 groups, the largest of 2 images" in notes(dataset)
    zero, one, two = (dataset.names.index(name) for name in ("00.png", "01.png", "02.png"))
    assert dataset.groups[zero] == dataset.groups[one] != dataset.groups[two]


def test_what_is_missing_is_told(folder):
    path = table(folder, "file,label", "{name},{label}", names=[*LABELS, "99"])
    path.write_text(path.read_text().replace("99,None", "99,ok").replace("03,ok", "03,"))
    dataset = data.load(folder, labels=path)
    assert "1 file listed but not there: 99" in notes(dataset)
    assert "1 file without a label left out: 03" in notes(dataset)
    assert sum(dataset.class_counts) + sum(dataset.test_counts) == 11


@pytest.mark.parametrize(
    ("header", "line", "words"),
    [
        ("number,label", "{name},{label}", "which column is the file? Say `columns` file=NAME"),
        ("file,colour", "{name},{label}", "which column is the label? Say `columns` label=NAME"),
        ("file,target,dx", "{name},{label},x", "the columns target and dx may all be the label"),
        ("file,label", "{name},{label},x", "must have a line of names and lines of as many"),
        ("file,label", "x{name},{label}", "none of its files is in "),
        ("file,label,split", "{name},{label},{n}", "the split '0' must be train, validation or"),
        ("file,label,split", "{name},{label},test", "there is no split train, but test"),
        ("file,label", "00,{label}", "00 has two values of label, 'scratched' and 'ok'"),
    ],
)
def test_a_table_that_is_not_clear_is_refused(header, line, words, folder):
    with pytest.raises(InputError) as refusal:
        data.load(folder, labels=table(folder, header, line))
    assert words in str(refusal.value)


def test_what_is_no_table_is_refused(folder):
    path = folder.parent / "labels.csv"
    for content in (b"", b"\xff\xfe\x00", b"file,label\n", b'file,label\n"00'):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"labels\.csv"):
            data.load(folder, labels=path)


def test_a_file_elsewhere_is_no_other_of_its_name(folder):
    """As of images that were never downloaded."""
    path = table(folder, "file,label", "{name}.png,{label}")
    path.write_text(path.read_text() + "test/00.png,ok\n")
    assert "1 file listed but not there: test/00.png" in notes(data.load(folder, labels=path))


def test_files_beside_images_make_no_difference(folder):
    for name in LABELS:
        (folder / f"{name}.txt").write_text("0 0.5 0.5 1 1")
        (folder / f"{name}.png.json").write_text("{}")
    right(data.load(folder, labels=table(folder, "file,label", "{name},{label}")))
    right(data.load(folder, labels=table(folder, "file,label", "{name}.png,{label}")))


def test_a_group_that_is_missing_in_the_first_line_counts(folder):
    path = table(folder, "file,label,patient", "{name},{label},p")
    lines = path.read_text().replace("00,scratched,p", "00,scratched,").splitlines()
    path.write_text("\n".join(lines))
    dataset = data.load(folder, labels=path, complete=False)
    assert "2 groups, the largest of 11 images" in notes(dataset)


def test_a_split_under_another_name_is_asked_about(folder):
    path = table(folder, "file,label,Dataset_type", "{name},{label},TRAIN")
    with pytest.raises(InputError, match=r"say `columns` split=Dataset_type, or remove it"):
        data.load(folder, labels=path)
    assert data.load(folder, labels=path, columns={"split": "Dataset_type"}).num_classes == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"columns": {"labels": "dx"}}, "`columns` must be of file, label, split, group"),
        ({"pattern": "*.png"}, "`pattern` *.png: does not go together with `labels`"),
    ],
)
def test_arguments_that_do_nothing_are_refused(arguments, words, folder):
    path = table(folder, "file,label", "{name},{label}")
    with pytest.raises(InputError) as refusal:
        data.load(folder, labels=path, **arguments)
    assert words in str(refusal.value)


def test_a_table_in_the_place_of_its_folder_is_refused(folder):
    with pytest.raises(InputError, match="a table goes with its folder of images, as `labels`"):
        data.load(table(folder, "file,label", "{name},{label}"))


def test_a_name_that_two_files_have_is_refused(folder):
    Image.new("L", (9, 9)).save(folder / "more" / "00.png")
    with pytest.raises(InputError, match=r"00 may be .*; list it by its path"):
        data.load(folder, labels=table(folder, "file,label", "{name},{label}"))


def test_names_that_differ_in_case_are_refused(folder):
    path = table(folder, "file,label", "{name},{label}")
    path.write_text(path.read_text().replace("01,ok", "01,OK"))
    with pytest.raises(InputError, match="differ only in case"):
        data.load(folder, labels=path)


def test_a_split_under_another_name_is_told_from_others_by_its_values(folder):
    sets = {name: ("test" if n % 3 == 0 else "train") for n, name in enumerate(LABELS)}
    lines = [f"{name}.png,{LABELS[name]},{sets[name] if name != '07' else ''}" for name in LABELS]
    path = folder.parent / "labels.csv"
    path.write_text("\n".join(["file,label,set", *lines]))
    with pytest.raises(InputError, match="the column set looks like the split"):
        data.load(folder, labels=path)
    dataset = data.load(folder, labels=path, columns={"split": "set"})
    assert (sum(dataset.class_counts), sum(dataset.test_counts)) == (7, 4)
    assert "1 file without a split left out: 07.png" in notes(dataset)


def test_a_path_is_not_taken_for_a_name(folder):
    (folder / "more" / "00.png").write_bytes((folder / "more" / "11.png").read_bytes())
    path = table(folder, "file,label", "{name}.png,{label}", names=list(LABELS)[:6])
    dataset = data.load(folder, labels=path)
    assert sorted(dataset.names) == [f"{n:02}.png" for n in range(6)]


def test_a_column_of_one_value_makes_no_groups(folder):
    dataset = data.load(folder, labels=table(folder, "file,label,case", "{name},{label},1"))
    assert dataset.groups is None
    assert "one value alone" in notes(dataset)
    right(dataset)
