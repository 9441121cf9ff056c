"""What data may be like; free of TensorFlow, so that commands can say so at once."""

SMALLEST_SIDE, LARGEST_SIDE = 8, 256
"""Pixels of an image's height and width."""
MOST_CLASSES = 1000
COLUMNS = ("file", "label", "split", "group")
"""Of a table that describes the files of a folder."""
