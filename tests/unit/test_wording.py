import pytest

from kerasaug.wording import LONGEST_LABEL, label, printable


@pytest.mark.parametrize(
    "name", ["Écran\u202f10", "日本\u3000語", "می\u200cخواهم", "👩\u200d🔬", "<script>", "a b"]
)
def test_names_of_all_languages_stay(name):
    assert printable(name) == name


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2028", r"\u2028"),
        ("\udcff", r"\udcff"),
    ],
)
def test_characters_that_move_or_turn_text_are_escaped(name, escaped):
    assert printable(name) == escaped


def test_a_long_name_is_shortened_for_a_picture():
    assert len(label("long " * 60)) == LONGEST_LABEL
    assert label("short") == "short"
