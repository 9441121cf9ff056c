"""One image file: decoded, and resized to the shape of a data set."""

import io
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from kerasaug.data.readers.pixel_ranges import PixelRange
from kerasaug.data.streams import call_numpy
from kerasaug.limits import SMALLEST_SIDE

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    *(".avif", ".jp2", ".j2k", ".pbm", ".pgm", ".ppm", ".pnm"),
)
"""Endings that promise an image. The content decides, whatever the ending."""
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "AVIF", "JPEG2000", "PPM")
"""Of Pillow's formats, those of pictures that are known by how they begin."""
BACKGROUND = 255
"""What shows through transparent pixels: white, as in a browser."""
MOST_PIXELS = 64_000_000
"""Of one file; more would take too much memory to decode."""
PNG_START, PNG_TEXTS = 8, (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
"""Bytes before the first part of a PNG file, and the kinds of parts that hold texts."""
ASPECTS = ("pad", "crop")
TIFF_BITS = 258
"""The tag of the bits of each channel."""
GREY_MODES = ("1", "L", "LA")
WHOLE = PixelRange(0, 65535)
"""What deep pixels are taken to fill where nothing else is known."""
MODE_NAMES = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with transparency",
    "I;16": "grey of 16 bits",
    "I;16B": "grey of 16 bits",
    "I": "grey of 32 bits",
    "F": "grey of floats",
    "CMYK": "colour to print",
    "P": "of a palette",
    "RGB": "colour",
    "RGBA": "colour with transparency",
}
"""In a user's words, the pixel formats that Pillow names."""


class UnreadableImage(ValueError):
    """Raised for a file without a usable image; the message is a short reason."""


class NotAnImage(UnreadableImage):
    """Raised for a file that begins like none of `FORMATS`."""


class Picture(NamedTuple):
    """A decoded image file.

    Attributes:
        pixels: uint8 array (height, width, 1 or 3).
        extremes: The lowest and the highest value of deep pixels, which have more than 8 bits, in a
            float or an integer array (2,); None of others.
        mode: The file's own pixel format, as Pillow names it.
        animated: Whether the file holds further images.
    """

    pixels: np.ndarray
    extremes: np.ndarray | None
    mode: str
    animated: bool


def read(path: str | Path, filled: PixelRange = WHOLE) -> Picture:
    """Decodes an image file.

    The image is turned upright by its Exif data, transparent pixels are shown on white, deep pixels
    are scaled to 8 bits, and of an animation the first image is taken.

    Args:
        path: A file of one of `FORMATS`, by content and not by name.
        filled: What deep pixels fill. A file does not tell: 12 bits are stored in 16.

    Returns:
        The image, with one channel if it is grey and three if it is not.

    Raises:
        NotAnImage: If it is no image.
        UnreadableImage: If it is damaged, too small or too large, or cannot be opened.
    """
    try:
        try:
            return _decode(path, filled)
        except ValueError as error:
            # Pillow refuses a PNG file with more than 1 MB of text or colour profile.
            if "MAX_TEXT" not in str(error):
                raise
            return _decode(_without_text(Path(path).read_bytes()), filled)
    except UnreadableImage:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImage(f"more than {MOST_PIXELS:,} pixels") from error
    except Image.UnidentifiedImageError as error:
        raise NotAnImage("not an image") from error
    # Pillow raises many kinds of errors for damaged files.
    except Exception as error:
        raise UnreadableImage(getattr(error, "strerror", None) or "damaged") from error


def fit(pixels: np.ndarray, shape: tuple[int, int, int], aspect: str) -> np.ndarray:
    """Resizes an image, which keeps its proportions.

    Args:
        pixels: uint8 array (height, width, 1 or 3).
        shape: `(height, width, channels)` of the result; grey images become colour images, not the
            other way round.
        aspect: `"pad"` shows the whole image and repeats its border around it; `"crop"` fills the
            shape and cuts off the rest, on both sides alike.

    Returns:
        uint8 array of that shape.
    """
    height, width, channels = shape
    if pixels.shape[:2] != (height, width):
        ratios = height / pixels.shape[0], width / pixels.shape[1]
        scale = min(ratios) if aspect == "pad" else max(ratios)
        scaled = [max(1, round(side * scale)) for side in pixels.shape[:2]]
        pixels = _resize(pixels, *scaled)
        margins = abs(scaled[0] - height), abs(scaled[1] - width)
        (top, bottom), (left, right) = ((margin // 2, margin - margin // 2) for margin in margins)
        if aspect == "pad":
            pixels = np.pad(pixels, ((top, bottom), (left, right), (0, 0)), mode="edge")
        else:
            pixels = pixels[top : top + height, left : left + width]
    return np.repeat(pixels, channels, axis=2) if pixels.shape[2] < channels else pixels


def read_tensor(
    path: tf.Tensor, shape: tuple[int, int, int], aspect: str, filled: PixelRange = WHOLE
) -> tf.Tensor:
    """Reads an image file, of a string scalar, in a `tf.data` pipeline; see `read` and `fit`."""

    def decode(name):
        return fit(read(os.fsdecode(name), filled).pixels, shape, aspect)

    return call_numpy(decode, path, shape=shape, dtype=tf.uint8)


def fit_tensor(image: tf.Tensor, shape: tuple[int, int, int], aspect: str) -> tf.Tensor:
    """Resizes an image, uint8 (height, width, channels), in such a pipeline; see `fit`."""
    return call_numpy(lambda pixels: fit(pixels, shape, aspect), image, shape=shape, dtype=tf.uint8)


def on_background(pixels: np.ndarray) -> np.ndarray:
    """Shows transparent pixels on white: uint8 (..., 2 or 4), opacity last, to (..., 1 or 3)."""
    colour: np.ndarray = pixels[..., :-1].astype(np.float32)
    opacity = pixels[..., -1:] / np.float32(255)
    return np.rint(colour * opacity + BACKGROUND * (1 - opacity)).astype(np.uint8)


def _decode(source: str | Path | bytes, filled: PixelRange) -> Picture:
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with Image.open(file, formats=FORMATS) as image:
        width, height = image.size
        if min(width, height) < SMALLEST_SIDE:
            raise UnreadableImage(f"{width}x{height}: sides must be {SMALLEST_SIDE} or more")
        if width * height > MOST_PIXELS:
            raise UnreadableImage(f"{width}x{height}: more than {MOST_PIXELS:,} pixels")
        animated = getattr(image, "n_frames", 1) > 1
        mode, deep = image.mode, _deep_pixels(image, source)
        if deep is None:
            return Picture(_pixels(ImageOps.exif_transpose(image)), None, mode, animated)
        return Picture(*_shallow(deep, filled), mode, animated)


def _without_text(content: bytes) -> bytes:
    """A PNG file without its texts and its colour profile."""
    parts, place = [content[:PNG_START]], PNG_START
    while place < len(content):
        # Length, kind, so many bytes, and a checksum.
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        if content[place + 4 : place + 8] not in PNG_TEXTS:
            parts.append(content[place:end])
        place = end
    return b"".join(parts)


def _deep_pixels(image: Image.Image, source: str | Path | bytes) -> np.ndarray | None:
    """Pixels (height, width, 1 to 4) of more than 8 bits; None if the file has none."""
    if image.mode[0] in "IF":
        return np.atleast_3d(np.asarray(ImageOps.exif_transpose(image)))
    if image.format == "TIFF" and max(image.tag_v2.get(TIFF_BITS, (8,))) > 8:
        raise UnreadableImage("a TIFF file of colours with more than 8 bits; save it as PNG")
    # Of colours, Pillow drops the lower 8 bits, which is all there is to see of a dark image.
    if image.format == "PNG" and str(image.tile[0].args).endswith(";16B"):
        image.load()
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
        return tf.io.decode_png(content, dtype=tf.uint16).numpy()
    return None


def _shallow(deep: np.ndarray, filled: PixelRange) -> tuple[np.ndarray, np.ndarray]:
    """Deep pixels of a range as those of `Picture`, and their extremes."""
    channels = deep.shape[2] - (deep.shape[2] in (2, 4))
    colours = deep[:, :, :channels]
    extremes = np.array([colours.min(), colours.max()])
    if not np.isfinite(extremes).all():
        raise UnreadableImage("NaN or infinity in it")
    pixels = filled.to_uint8(colours)
    if channels < deep.shape[2]:
        # Opacity fills all bits, whatever colours do.
        opacity = WHOLE.to_uint8(deep[:, :, channels:])
        pixels = on_background(np.concatenate([pixels, opacity], axis=2))
    return pixels, extremes


def _pixels(image: Image.Image) -> np.ndarray:
    transparent = image.has_transparency_data
    mode = "L" if image.mode in GREY_MODES else "RGB"
    pixels = np.atleast_3d(np.asarray(image.convert(mode + "A" if transparent else mode)))
    pixels = on_background(pixels) if transparent else pixels
    # A palette hides whether its colours are all grey.
    if image.mode == "P" and (pixels == pixels[:, :, :1]).all():
        pixels = pixels[:, :, :1]
    return pixels


def _resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized).reshape(height, width, pixels.shape[2])
