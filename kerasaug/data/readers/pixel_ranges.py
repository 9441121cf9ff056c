"""Which values of pixels that are not bytes stand for black and for white."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

ENDS = ((0, 1), (-1, 1), (0, 16), (0, 255), (0, 1023), (0, 4095), (0, 16383), (0, 65535))
"""Of which images are made: shares, scikit-learn's digits, and 8, 10, 12, 14 or 16 bits."""
ROUNDING = 1e-5
"""Of the largest value, that sums of floats miss the ends of a range by."""
OVERSHOOT, OVERSHOT_SHARE, FILLED = 0.3, 0.5, 0.7
"""Bicubic and Lanczos resizing make pixels up to 0.3 of a range beyond its ends: fewer than half of
all pixels, of images that fill 0.7 of it. Standardised images never pass for such."""


class PixelRange(NamedTuple):
    """What black and white are."""

    low: float
    high: float

    def __str__(self) -> str:
        """As a person writes it."""
        return f"{self.low:g} to {self.high:g}"

    def to_uint8(self, pixels: np.ndarray) -> np.ndarray:
        """Brings pixels, numbers of any shape, to 0 to 255; cuts those beyond the range."""
        scaled = (pixels.astype(np.float32) - self.low) * (255 / (self.high - self.low))
        return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)

    def from_uint8(self, pixels: np.ndarray) -> np.ndarray:
        """Brings uint8 pixels back to this range, as float64."""
        return pixels * ((self.high - self.low) / 255.0) + self.low

    def count_beyond(self, pixels: np.ndarray) -> int:
        """How many pixels lie further beyond the range than sums of floats do."""
        slack = _rounding(pixels.dtype, self.high)
        return int(np.sum((pixels < self.low - slack) | (pixels > self.high + slack)))


def find(images: Sequence[np.ndarray], most_beyond: float = OVERSHOT_SHARE) -> PixelRange | None:
    """The range that images fill: the narrowest of `ENDS` that holds them.

    Floats may be a rounding error out of it, or further if it looks as if they were resized.

    Args:
        images: Arrays of one type, of any shapes, not empty.
        most_beyond: Largest share of pixels that resizing may have brought out of the range.

    Returns:
        The range; None if none of them fits.
    """
    lowest = float(min(part.min() for part in images))
    highest = float(max(part.max() for part in images))
    is_float = images[0].dtype.kind == "f"
    count = sum(part.size for part in images)
    for filled in (PixelRange(*ends) for ends in ENDS):
        slack = _rounding(images[0].dtype, max(-lowest, highest))
        if filled.low - slack <= lowest and highest <= filled.high + slack:
            return filled
        overshoot = OVERSHOOT * filled.high
        may_overshoot = (
            is_float
            and filled.low == 0
            and -overshoot <= lowest
            and FILLED * filled.high <= highest <= filled.high + overshoot
        )
        if may_overshoot and sum(map(filled.count_beyond, images)) <= most_beyond * count:
            return filled
    return None


def _rounding(dtype: np.dtype, largest: float) -> float:
    """How far sums of values up to the largest may be wrong; whole numbers never are."""
    if dtype.kind != "f":
        return 0.0
    return largest * max(ROUNDING, 2 * float(np.finfo(dtype).eps))
