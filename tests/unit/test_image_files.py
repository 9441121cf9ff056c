import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasaug.data.readers import image_files
from kerasaug.data.readers.pixel_ranges import PixelRange


def save(tmp_path, image, name="image.png", **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


def test_a_grey_image_has_one_channel(tmp_path):
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    picture = image_files.read(save(tmp_path, Image.fromarray(pixels)))
    np.testing.assert_array_equal(picture.pixels, pixels[:, :, None])
    assert (picture.mode, picture.animated) == ("L", False)


@pytest.mark.parametrize("name", ["image.png", "image.bmp", "image.webp", "image.gif"])
def test_a_colour_image_has_three_channels(tmp_path, name):
    image = Image.new("RGB", (10, 8), (250, 20, 30))
    options = {"lossless": True} if name.endswith("webp") else {}
    picture = image_files.read(save(tmp_path, image, name, **options))
    np.testing.assert_array_equal(picture.pixels, np.full((8, 10, 3), (250, 20, 30), np.uint8))


def test_a_jpeg_is_nearly_its_image(tmp_path):
    picture = image_files.read(
        save(tmp_path, Image.new("RGB", (16, 16), (250, 20, 30)), "image.jpg")
    )
    assert np.abs(picture.pixels.astype(int) - (250, 20, 30)).max() < 8


def test_the_content_and_not_the_name_tells_the_format(tmp_path):
    image = Image.new("L", (8, 8), 7)
    image.save(tmp_path / "image.png", format="BMP")
    assert (image_files.read(tmp_path / "image.png").pixels == 7).all()


def test_transparent_pixels_are_white(tmp_path):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:4, :, 3] = 255
    shown = image_files.read(save(tmp_path, Image.fromarray(pixels))).pixels
    assert (shown[:4] == 0).all()
    assert (shown[4:] == 255).all()
    grey = image_files.read(save(tmp_path, Image.fromarray(pixels[:, :, 2:], "LA"))).pixels
    np.testing.assert_array_equal(grey, shown[:, :, :1])


def test_sixteen_bits_become_eight(tmp_path):
    deep = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    shown = image_files.read(save(tmp_path, Image.fromarray(deep))).pixels
    np.testing.assert_array_equal(shown[:, :, 0], np.rint(deep / 257).astype(np.uint8))


@pytest.mark.parametrize("transparent", [False, True])
def test_sixteen_bits_of_colour_become_eight(tmp_path, transparent):
    deep = np.linspace(0, 4095, 8 * 9 * 3).astype(np.uint16).reshape(8, 9, 3)
    opaque = np.full((8, 9, 1), 65535, np.uint16)
    content = np.concatenate([deep, opaque], axis=2) if transparent else deep
    (tmp_path / "deep.png").write_bytes(tf.io.encode_png(content).numpy())
    picture = image_files.read(tmp_path / "deep.png", PixelRange(0, 4095))
    np.testing.assert_array_equal(picture.pixels, np.rint(deep / (4095 / 255)).astype(np.uint8))
    assert picture.extremes.tolist() == [0, 4095]


def test_a_palette_of_greys_is_grey(tmp_path):
    image = Image.new("L", (8, 8), 90).convert("P")
    assert image_files.read(save(tmp_path, image)).pixels.shape == (8, 8, 1)


def test_the_first_image_of_an_animation_is_taken(tmp_path):
    first, second = (Image.new("L", (8, 8), value) for value in (10, 200))
    path = save(tmp_path, first, "image.gif", save_all=True, append_images=[second])
    picture = image_files.read(path)
    assert picture.animated
    assert (picture.pixels == 10).all()


def test_exif_turns_an_image_upright(tmp_path):
    image = Image.new("L", (16, 8))
    exif = image.getexif()
    exif[0x0112] = 6
    assert image_files.read(save(tmp_path, image, exif=exif)).pixels.shape == (16, 8, 1)


def test_an_unreadable_image_says_why(tmp_path):
    text, cut, empty = tmp_path / "text.png", tmp_path / "cut.png", tmp_path / "empty.png"
    text.write_text("hello")
    noise = np.random.default_rng(0).integers(0, 255, (32, 32)).astype(np.uint8)
    cut.write_bytes(save(tmp_path, Image.fromarray(noise)).read_bytes()[:200])
    empty.touch()
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    small = save(tmp_path, Image.new("L", (1, 1)), "small.png")
    for path, reason in (
        (text, "not an image"),
        (cut, "damaged"),
        (empty, "not an image"),
        (loop, "Too many levels"),
        (small, "1x1"),
        (tmp_path / "missing.png", "No such file"),
    ):
        with pytest.raises(image_files.UnreadableImage, match=reason):
            image_files.read(path)


def test_a_huge_image_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "MOST_PIXELS", 100)
    with pytest.raises(image_files.UnreadableImage, match="more than 100 pixels"):
        image_files.read(save(tmp_path, Image.new("L", (11, 10))))


@pytest.mark.parametrize("options", ["text", "zipped text", "profile"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_png_may_hold_much_text(tmp_path, options, deep):
    pixels = np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    content = tf.io.encode_png(pixels.astype(np.uint16) * 257 if deep else pixels).numpy()
    much = bytes(3_000_000) + b"x"

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    part = {
        "text": chunk(b"tEXt", b"a\0" + b"x" * 80_000_000 if deep else b"a\0" + b"x" * 3_000_000),
        "zipped text": chunk(b"zTXt", b"a\0\0" + zlib.compress(much)),
        "profile": chunk(b"iCCP", b"a\0\0" + zlib.compress(much)),
    }[options]
    (tmp_path / "a.png").write_bytes(content[:33] + part + content[33:])
    picture = image_files.read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, pixels)
    (tmp_path / "a.png").write_bytes((content[:33] + part + content[33:])[:-200])
    with pytest.raises(image_files.UnreadableImage, match="damaged"):
        image_files.read(tmp_path / "a.png")


def test_padding_repeats_the_border():
    pixels = np.full((8, 16, 1), 50, np.uint8)
    pixels[0], pixels[-1] = 0, 200
    padded = image_files.fit(pixels, (16, 16, 1), "pad")
    assert (padded[:5] == 0).all()
    assert (padded[-4:] == 200).all()


def test_cropping_cuts_both_sides_alike():
    pixels = np.zeros((8, 16, 1), np.uint8)
    pixels[:, 4:12] = 255
    assert (image_files.fit(pixels, (8, 8, 1), "crop") == 255).all()


@pytest.mark.parametrize("aspect", image_files.ASPECTS)
@pytest.mark.parametrize("shape", [(9, 31, 1), (64, 17, 1), (8, 8, 1)])
def test_any_image_comes_to_any_shape(shape, aspect):
    for side in ((8, 8), (37, 11), (5, 300)):
        fitted = image_files.fit(np.full((*side, 1), 77, np.uint8), shape, aspect)
        assert fitted.shape == shape
        assert (fitted == 77).all()


def test_a_grey_image_among_coloured_ones_has_three_equal_channels():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    np.testing.assert_array_equal(
        image_files.fit(pixels, (8, 8, 3), "pad"), pixels.repeat(3, axis=2)
    )


def test_a_pipeline_reads_what_read_and_fit_do(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    path = save(tmp_path, Image.fromarray(noise), "ü.png")
    stream = tf.data.Dataset.from_tensors(str(path))
    stream = stream.map(lambda name: image_files.read_tensor(name, (10, 10, 3), "crop"))
    expected = image_files.fit(noise, (10, 10, 3), "crop")
    np.testing.assert_array_equal(next(stream.as_numpy_iterator()), expected)
