import numpy as np
import tensorflow as tf

from kerasaug.images import to_float, to_uint8


def test_conversion_is_exact_both_ways():
    pixels = np.arange(256, dtype=np.uint8)
    floats = to_float(pixels)
    assert floats.dtype == tf.float32
    assert float(floats[0]) == -1.0
    assert float(floats[-1]) == 1.0
    np.testing.assert_array_equal(to_uint8(floats), pixels)


def test_values_out_of_range_are_clipped():
    np.testing.assert_array_equal(to_uint8(tf.constant([-3.0, 3.0])), [0, 255])
