"""Pictures from a guest: PPM in, pixels out."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.errors import MeasurementError
from harness.gpu.picture import Picture, parse_ppm


@st.composite
def pictures(draw):
    width, height = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    return Picture(width, height, draw(st.binary(min_size=width * height * 3, max_size=width * height * 3)))


@given(pictures())
def test_what_pillow_writes_is_what_is_read_and_back(picture):
    buffer = io.BytesIO()
    Image.frombytes("RGB", (picture.width, picture.height), picture.rgb).save(buffer, format="PPM")
    assert parse_ppm(buffer.getvalue()) == picture
    image = Image.frombytes("RGBA", (picture.width, picture.height), picture.rgba)
    assert image.convert("RGB").tobytes() == picture.rgb
    assert image.getextrema()[3] == (255, 255)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no PPM"),
        (b"P5\n1 1\n255\n0", "no PPM"),
        (b"P6\n1 1\n65535\n000000", "no PPM"),
        (b"P6\n99999 1\n255\n", "no PPM"),
        (b"P6\n0 1\n255\n", "no PPM"),
        (b"P6\n2 1\n255\n00000", "2x1 pixels has 6 bytes, not 5"),
        (b"P6\n2 1\n255\n0000000", "2x1 pixels has 6 bytes, not 7"),
    ],
)
def test_a_file_that_is_no_picture_is_refused(data, said):
    with pytest.raises(MeasurementError, match=said):
        parse_ppm(data)
