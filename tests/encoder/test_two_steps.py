"""Conversion and encoding apart: a surface is not needed any more once it was converted, and stages overlap."""

from __future__ import annotations

import threading

import pytest

from harness.encoder.converter import Converter
from harness.encoder.encoder import Encoder
from harness.encoder.model import Colour, EncoderConfig, PixelFormat, Quality, Surface
from harness.errors import InvalidConfiguration, SurfaceUnusable, WrongState
from tests.encoder.pictures import decode, number_in, picture

WIDTH, HEIGHT = 192, 64


def drawn(number: int, width: int = WIDTH, height: int = HEIGHT) -> bytearray:
    return bytearray(picture(number, width, height).tobytes())


def surface(memory, width: int = WIDTH, height: int = HEIGHT) -> Surface:
    return Surface(width, height, width * 4, PixelFormat.XRGB8888, memory)


def test_a_converted_surface_may_be_drawn_over():
    memory = drawn(0)
    with Converter() as converter, Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder:
        pictures = []
        for number in range(12):
            memory[:] = drawn(number)
            pictures.append(converter.convert(surface(memory)))
        memory[:] = bytes(len(memory))
        units = [encoder.encode_picture(each, pts=n) for n, each in enumerate(pictures)]
        stats = encoder.stats()
    assert [number_in(frame) for frame in decode([unit.data for unit in units])] == list(range(12))
    assert [unit.pts for unit in units] == list(range(12))
    assert not any(each.borrows for each in pictures)
    assert (stats.frames, stats.copied_bytes) == (12, 0)
    assert stats.convert_ns == sum(each.convert_ns for each in pictures) > 0
    assert [unit.convert_ns for unit in units] == [each.convert_ns for each in pictures]


def test_both_ways_make_the_same_stream():
    with Converter() as converter, Encoder(EncoderConfig(WIDTH, HEIGHT, Quality(20), threads=1)) as two:
        pictures = [converter.convert(surface(drawn(number))) for number in range(8)]
        apart = b"".join(two.encode_picture(each).data for each in pictures)
    with Encoder(EncoderConfig(WIDTH, HEIGHT, Quality(20), threads=1)) as one:
        together = b"".join(one.encode(surface(drawn(number))).data for number in range(8))
    assert apart == together


def test_a_picture_of_another_size_makes_a_keyframe_and_odd_ones_count_their_copies():
    sizes = [(192, 64), (192, 64), (193, 65), (192, 64)]
    with Converter() as converter, Encoder(EncoderConfig(*sizes[0], gop=0)) as encoder:
        units = []
        for number, size in enumerate(sizes):
            made = converter.convert(surface(drawn(number, *size), *size))
            assert (made.width, made.height) == size
            assert made.copied_bytes == (65 + 194 if size == (193, 65) else 0)
            units.append(encoder.encode_picture(made))
            converter.give_back(made)
        assert encoder.stats().copied_bytes == 65 + 194
    assert [unit.is_keyframe for unit in units] == [True, False, True, True]
    assert [number_in(frame) for frame in decode([unit.data for unit in units])] == [0, 1, 2, 3]


def test_what_x264_takes_as_it_is_is_borrowed_and_held():
    with Converter() as converter, Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder:
        made = converter.convert(
            Surface(WIDTH, HEIGHT, WIDTH, PixelFormat.NV12, bytes(WIDTH * HEIGHT * 3 // 2))
        )
        assert made.borrows
        assert encoder.encode_picture(made).is_keyframe
        converter.give_back(made)
        with pytest.raises(SurfaceUnusable, match="no picture"):
            encoder.encode_picture(made)


def test_pictures_are_made_while_others_are_encoded():
    with Converter() as converter, Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder:
        ready: list = []
        there = threading.Semaphore(0)

        def convert() -> None:
            for number in range(100):
                ready.append(converter.convert(surface(drawn(number))))
                there.release()

        converting = threading.Thread(target=convert)
        converting.start()
        units = []
        for _ in range(100):
            there.acquire()
            made = ready.pop(0)
            units.append(encoder.encode_picture(made))
            converter.give_back(made)
        converting.join()
    assert [number_in(frame) for frame in decode([unit.data for unit in units])] == list(range(100))


def test_a_picture_of_other_colours_is_refused_in_a_sentence():
    with Converter(colour=Colour.BT601_FULL) as converter, Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder:
        made = converter.convert(surface(drawn(0)))
        with pytest.raises(SurfaceUnusable, match="another backend or colour"):
            encoder.encode_picture(made)
    with pytest.raises(InvalidConfiguration, match="colour"), Converter(colour=9):
        pass


def test_a_surface_that_is_refused_leaves_the_converter_fine():
    with Converter() as converter, Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder:
        with pytest.raises(SurfaceUnusable, match="does not fit"):
            converter.convert(surface(b""))
        assert encoder.encode_picture(converter.convert(surface(drawn(3)))).is_keyframe


def test_a_picture_outlives_its_converter():
    with Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder:
        with Converter() as converter:
            made = converter.convert(surface(drawn(7)))
        assert [number_in(frame) for frame in decode(encoder.encode_picture(made).data)] == [7]
        converter.give_back(made)  # nothing is there to give it to
        with pytest.raises(WrongState):
            converter.convert(surface(drawn(8)))
