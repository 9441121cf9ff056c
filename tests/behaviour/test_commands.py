"""The commands, end to end: what they write, and how they answer a user's mistake."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
import tensorflow as tf

from kerasaug.cli import common, evaluate, generate, train_gan
from kerasaug.errors import InputError
from kerasaug.quality.fidelity import NAMES
from kerasaug.training.config import GENERATOR_PRESETS, GeneratorConfig
from kerasaug.training.run import train_generator

ROOT = Path(__file__).parents[2]
FIVES, DIGITS = ROOT / "saved_models" / "fives", ROOT / "tests" / "digits"
COMMANDS = {"evaluate": evaluate.evaluate, "generate": generate.generate}
COMMANDS["train-gan"] = train_gan.train_gan
MINE = ROOT / "examples" / "my_classifier.py"
MISTAKES = {
    "evaluate --arms=": "--arms: there is no arm ''; its first word must be one of none, ",
    "train-gan --keep 5=0": "--keep 5=0: a count to keep must be from 1 to 5421",
    "train-gan --keep 12=3": "--keep 12=3: there is no class '12'",
    "train-gan --keep 5=6000": "--keep 5=6000: a count to keep must be",
    "train-gan --keep 5=0%": "--keep 5=0%: a share to keep must be above 0%",
    "train-gan --keep 5=150%": "--keep 5=150%: a share to keep must be",
    "train-gan --keep five": "--keep five: must be CLASS=COUNT",
    "train-gan --keep 5=many": "--keep 5=many: 'many' is neither",
    "train-gan --keep 5=1 --keep 5=2": "class 5 is named twice",
    "train-gan --keep none --keep 5=2": "--keep none: does not go together",
    "train-gan --keep 5=54 --keep 05=10": "--keep 05=10: there is no class '05'",
    f"train-gan --dataset {DIGITS} --keep five=2 --keep 0=2": "class five is named twice",
    "train-gan --dataset mnist:9.9.9": "--dataset mnist:9.9.9: there is no data set",
    "train-gan --dataset caltech101": "holds images of different sizes",
    "train-gan --dataset nosuch": "--dataset nosuch: there is no data set 'nosuch'",
    "train-gan --dataset imdb_reviews": "does not hold images with one class label each",
    "train-gan --model wgn": "'wgn' is not one of",
    "train-gan --model wgan --keep 5=9 --keep 3=9": "--model wgan: wgan makes one class, but 2",
    "evaluate --arms none,wgan --keep 5=9 --keep 3=9": "--arms: wgan makes one class, but 2",
    "train-gan --preset huge": "'huge' is not one of",
    "train-gan --steps 0": "'--steps': 0 is not in the range",
    "train-gan --batch-size many": "'--batch-size': 'many' is not a valid integer",
    "train-gan --seed -1": "'--seed': -1 is not in the range",
    # Click's versions differ in what stands between the two.
    "train-gan --setps 3": ("No such option", "--setps"),
    "train-gan surplus": "unexpected extra argument (surplus)",
    "evaluate --seeds 0": "'--seeds': 0 is not in the range",
    "evaluate --arms none,oversmaple": "--arms: there is no arm 'oversmaple'",
    "evaluate --arms none,none": "--arms: arm 'none' is named twice",
    "evaluate --arms none:5": "--arms: arm 'none:5': 'none' takes no count",
    "evaluate --arms none,": "--arms: there is no arm ''",
    "evaluate --arms none,wgan:class-balanced": "'wgan' makes one class; before ':class-balanced'",
    "evaluate --arms none,vae:varied": (
        "arm 'vae:varied': 'vae' has no encoder that is told the classes; ",
        "before ':latent-perturbation' must stand one of conditional-vae-wgan, conditional-vae\n",
    ),
    "evaluate --jobs 0": "'--jobs': 0 is not in the range",
    "evaluate --jobs 2 --scheduler tcp://x:1": "--jobs 2: does not go together with --scheduler",
    "evaluate --arms smote --keep 5=1": "arm smote: class 5 has one image left",
    "evaluate --keep 5=0": "--keep 5=0: a count to keep must be",
    "train-gan --image-size 7": "--image-size 7: sides must be from 8 to 256",
    "train-gan --image-size 64by64": "--image-size 64by64: must be SIDE or HEIGHTxWIDTH",
    "train-gan --aspect stretch": "'--aspect': 'stretch' is not one of 'pad', 'crop'",
    "train-gan --rare 5 --rare eleven": "--rare 5, eleven: there is no class 'eleven'",
    "train-gan --test-split 0.5": "--dataset mnist: the data have a test split",
    "evaluate --test-split 1": "'--test-split': 1.0 is not in the range",
    "evaluate --dataset ./nowhere": "--dataset ./nowhere: there is no ",
    "evaluate --dataset nowhere.npz": "--dataset nowhere.npz: there is no ",
    f"evaluate --dataset {ROOT / 'setup.cfg'}": "is neither a folder nor a file .npz",
    f"evaluate --dataset {ROOT / 'benchmarks'}": "holds no images in class folders",
    f"train-gan --dataset {DIGITS} --keep 5=54": "--keep 5=54: there is no class '5'",
    "generate": "Missing argument 'MODEL'",
    f"generate {FIVES} --label 5": "Missing option '--output'",
    f"generate {FIVES} --output new": "either --label CLASS or --balance FOLDER must be given",
    f"generate {FIVES} --label 5 --balance x --output new": "either --label CLASS or --balance",
    f"generate {FIVES} --label 5 --to 9 --output new": "--to 9: goes together with --balance",
    f"generate {FIVES} --label 5 --originals copy --output new": "--originals copy: goes together",
    f"generate {FIVES} --balance {DIGITS} --count 9 --output new": "--count 9: goes together with",
    "evaluate --describe --output new": "--output new: does not go together with --describe",
    f"generate {FIVES} --label five --output new": "--label five: there is no class 'five'",
    f"generate {FIVES} --label 5 --count 0 --output new": "'--count': 0 is not in the range",
    f"generate {DIGITS} --label 5 --output new": "is not empty and holds no training",
    "generate nowhere --label 5 --output new": "MODEL nowhere: there is no such folder",
    f"generate {FIVES} --balance nowhere --output new": "--balance nowhere: there is no such",
    f"generate {FIVES} --balance {DIGITS} --output new": "the generator knows no class 'five'",
    f"generate {FIVES} --label 5 --output {ROOT / 'setup.cfg'}": "setup.cfg is a file; it must be",
    "evaluate --arms none,wgan:5 --generator nowhere": "--generator nowhere: there is no finished",
    "evaluate --protocol folds": "'--protocol': 'folds' is not one of 'auto', 'holdout', 'cross-",
    "evaluate --folds 3": "--folds 3: goes with --protocol cross-validation",
    "evaluate --arms vae+half": "'+half' goes with the imbalanced real images alone",
    "evaluate --folds 1": "'--folds': 1 is not in the range",
    "evaluate --protocol cross-validation --folds 70001": "--folds must be from 2 to 7",
    "evaluate --protocol cross-validation --test-split 0.3": "--test-split 0.3: does not go togeth",
    f"evaluate --protocol cross-validation --generator {FIVES}": "does not go together with --pro",
    "evaluate --classifier resnet": "--classifier resnet: must be small-cnn, module:function, path",
    "evaluate --classifier no.py:build": "--classifier no.py:build: there is no file no.py",
    "evaluate --classifier no:build": "--classifier no:build: there is no module no, here or among",
    "evaluate --classifier no.keras": "--classifier no.keras: there is no file no.keras",
    f"evaluate --classifier {MINE}": "must be small-cnn, module:function, path",
    f"evaluate --classifier {MINE}:compile": "there is no function compile in",
    "evaluate --classifier keras.applications:Mobilenet": "there is no Mobilenet in keras.applica",
    "evaluate --group (.)": "--group (.): goes with a folder of images",
    "evaluate --labels nowhere.csv": "--labels nowhere.csv: there is no such file",
    f"train-gan --labels {ROOT / 'setup.cfg'}": "setup.cfg: goes with a folder of images",
    f"evaluate --dataset {DIGITS} --labels {ROOT / 'setup.cfg'}": "setup.cfg must have a line of n",
    f"evaluate --dataset {DIGITS} --column label=dx": "--column label=dx: goes with --labels",
    "evaluate --column dx": "--column dx: must be KIND=NAME; KIND is one of file, label, ",
    "evaluate --column label=a --column label=b": "--column label=b: label is named twice",
    f"evaluate --dataset {DIGITS} --group five": "--group five: must have parentheses around",
    f"evaluate --dataset {DIGITS} --group (": "--group (: is not a regular expression",
    f"train-gan --dataset {DIGITS} --group (x9)": "--group (x9): matches no file, such as five/",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_gives_one_line_and_leaves_nothing(line, call, monkeypatch, capfd, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert call(line) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("Error: ")
    expected = MISTAKES[line]
    for words in expected if isinstance(expected, tuple) else [expected]:
        assert words in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_error_in_the_users_function_is_shown_as_theirs(call, monkeypatch, capfd, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "def build(image_shape, num_classes):\n    return undefined\n"
    )
    assert call("evaluate --output new --classifier mine.py:build --dataset", DIGITS) == 2
    out, err = capfd.readouterr()
    assert out == ""
    first, *trace, last = err.splitlines()
    assert first == "Traceback (most recent call last):"
    assert f'  File "{tmp_path}/mine.py", line 2, in build' in trace
    assert last == (
        f"Error: --classifier {tmp_path}/mine.py:build: build raised NameError: "
        "name 'undefined' is not defined"
    )
    assert "kerasaug/" not in err
    assert not (tmp_path / "new").exists()


TRAINING = ("train-gan", "evaluate")


@pytest.mark.parametrize("command", TRAINING)
@pytest.mark.parametrize("below", ["", "/deeper"])
def test_an_output_that_is_a_file_is_refused(command, below, call, capfd, tmp_path):
    (tmp_path / "file").write_text("mine")
    assert call(command, "--output", f"{tmp_path}/file{below}") == 2
    err = capfd.readouterr().err
    assert "is a file; it must be a folder" in err
    assert err.startswith("Error: --output ")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("command", TRAINING)
def test_a_folder_of_something_else_is_refused(command, call, capfd, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    assert call(command, "--output", tmp_path) == 2
    assert "is not empty" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_command_writes_a_library_argument_as_its_flag(call, capfd, tmp_path, tiny):
    """Such as what to do about a finished training."""
    folder = shutil.copytree(FIVES, tmp_path / "fives")
    config = GeneratorConfig(model="wgan", dataset="tiny", **GENERATOR_PRESETS["smoke"]._asdict())
    with pytest.raises(InputError, match="`fresh` trains it anew, or give another `output`"):
        train_generator(config, tiny, folder)
    assert call("train-gan --output", folder) == 2
    err = capfd.readouterr().err
    assert "--fresh trains it anew, or give another --output" in err
    assert "`" not in err
    # The argument has another name than its flag.
    assert call("evaluate --arms none,wgan --keep 5=9 --generator", folder) == 2
    assert capfd.readouterr().err.startswith(f"Error: --generator {folder}: ")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train-gan", "--seed, `count`, `jobs` and `alpha`"),
        ("evaluate", "`seed`, `count`, --jobs and `alpha`"),
        ("generate", "--seed, --count, `jobs` and `alpha`"),
    ],
)
def test_a_name_in_backticks_that_is_no_option_of_the_command_stays(name, expected):
    assert common._with_flags("`seed`, `count`, `jobs` and `alpha`", COMMANDS[name]) == expected


def test_a_mistake_from_a_shell_is_one_line_too(script, tmp_path):
    # It is found when the data are loaded, long after TensorFlow.
    done = script("train-gan", "--dataset", DIGITS, "--keep", "five=0", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: --keep five=0")
    assert done.stderr.count("\n") == 1


def test_without_network_or_data_one_line_names_the_ways_out(call, monkeypatch, capfd, tmp_path):
    from kerasaug.data.readers import tfds

    def unreachable(*_):
        raise OSError

    monkeypatch.setattr(tfds.socket, "getaddrinfo", unreachable)
    monkeypatch.setattr(tfds.urllib.request, "getproxies", dict)
    monkeypatch.chdir(tmp_path)
    assert call("train-gan --dataset kmnist") == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert all(words in err for words in ("looked for in", "network", "TFDS_DATA_DIR", "mnist"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["train-gan", "evaluate", "generate"])
def test_help_is_shown_without_tensorflow_and_has_defaults_and_examples(name):
    code = (
        f"import sys; sys.argv = ['{name}', '--help']; sys.path.insert(0, '{ROOT}')\n"
        f"from kerasaug.cli.{name.replace('-', '_')} import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Examples (" in done.stdout
    default = "[default: (symlink)]" if name == "generate" else "[default: mnist]"
    assert default in " ".join(done.stdout.split())


HEADINGS = {
    "evaluate": ["Data", "Comparison", "Training", "Machine", "Output"],
    "generate": ["Images", "Output"],
    "train-gan": ["Data", "Training", "Machine", "Output"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_every_option_under_a_heading(name):
    command = COMMANDS[name]
    with click.Context(command, info_name=name, terminal_width=100) as context:
        text, params = command.get_help(context), command.get_params(context)
    parts = re.split(r"^(\w+):$", text.split("\n\n  Arms are ")[0], flags=re.MULTILINE)
    rows = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(rows) == HEADINGS[name]
    shown = {
        flag: heading
        for heading, text in rows.items()
        for row in re.findall(r"^  (-.+)", text, flags=re.MULTILINE)
        for flag in re.findall(r"--[a-z-]+", row.split("  ")[0])
    }
    options = [param for param in params if isinstance(param, click.Option)]
    flags = [flag for option in options for flag in (*option.opts, *option.secondary_opts)]
    assert sorted(shown) == sorted(flags)
    for option in options:
        if option.opts != ["--help"]:
            assert shown[option.opts[0]] == option.heading
    assert shown["--help"] == "Output"


def test_a_dry_run_prints_the_resolved_run_and_writes_nothing(call, monkeypatch, capfd, tmp_path):
    monkeypatch.chdir(tmp_path)
    for command in TRAINING:
        assert call(f"{command} --dry-run") == 0
        out = capfd.readouterr().out
        assert "54" in out
        assert "mnist" in out
    line = f"generate {FIVES} --label 5 --count 7 --output new --dry-run"
    assert call(line) == 0
    assert "5: 7 to generate" in capfd.readouterr().out
    assert not list(tmp_path.iterdir())


def test_generate_notes_images_that_were_never_measured(call, capfd, tmp_path):
    folder = tmp_path / "fives"
    shutil.copytree(FIVES, folder)
    line = "generate {} --label 5 --output new --dry-run"
    assert call(line.format(folder)) == 0
    assert "Note" not in capfd.readouterr().out
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**run, "fidelity": None}))
    assert call(line.format(folder)) == 0
    assert "Note: the quality of its images of 5 was never measured" in capfd.readouterr().out


@pytest.mark.thorough
def test_train_gan_leaves_a_saved_model_that_makes_images(script, call, capfd, tmp_path):
    """The main task of the package, from a shell, on the real MNIST."""
    folder = tmp_path / "g"
    arguments = ["--model", "wgan", "--keep", "5=54", "--preset", "smoke", "--steps", "4"]
    arguments += ["--output", folder]
    done = script("train-gan", *arguments)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\d+%  0:\d\d:\d\d.* left  wgan  critic_loss", done.stderr)
    sample = tf.saved_model.load(str(folder / "generator")).signatures["serving_default"]

    def draw(seed):
        return sample(labels=tf.fill((7,), 5), seed=tf.constant([seed, 0]))["images"].numpy()

    assert draw(0).shape == (7, 28, 28, 1)
    assert draw(0).dtype == np.uint8
    np.testing.assert_array_equal(draw(0), draw(0))
    assert not np.array_equal(draw(0), draw(1))
    run = json.loads((folder / "run.json").read_text())
    assert run["makes"] == "5"
    assert run["fidelity"]["classes"]["5"]["generated"].keys() <= NAMES.keys()
    assert all(NAMES[name] in done.stdout for name in train_gan.SHOWN)
    assert len(run["dataset"]["kept_indices"]["5"]) == 54
    assert call("train-gan", *arguments) == 2
    assert "holds a finished training; --fresh trains it anew" in capfd.readouterr().err
    assert call("evaluate --dry-run --generator", folder) == 0
    out = capfd.readouterr().out
    assert "balanced+auto, balanced+auto+half, wgan\n" in out


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(call, monkeypatch, capfd, tmp_path):
    from kerasaug.training import run

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "train_generator", interrupted)
    assert call("train-gan --preset smoke --output", tmp_path / "g") == 130
    assert "the same command goes on" in capfd.readouterr().err


def test_cross_validation_keeps_of_all_images(call, tmp_path, capfd):
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (60, 8, 8)).astype(np.uint8)
    labels = np.arange(60) % 2
    arrays = {"x_train": images[:40], "y_train": labels[:40]}
    np.savez(tmp_path / "a.npz", **arrays, x_test=images[40:], y_test=labels[40:])
    line = f"evaluate --dry-run --dataset {tmp_path / 'a.npz'} --keep 1=25 --protocol"
    assert call(f"{line} cross-validation") == 0
    assert re.search("class counts +0=30, 1=25", capfd.readouterr().out)
    assert call(f"{line} holdout") == 2
    assert "--keep 1=25: a count to keep must be from 1 to 20" in capfd.readouterr().err
