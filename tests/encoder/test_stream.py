"""What comes out is a stream that an independent decoder reads strictly: every frame there once, in order."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from harness.encoder.encoder import Encoder
from harness.encoder.model import Bitrate, Colour, EncoderConfig, PixelFormat, Profile, Quality, Surface
from harness.errors import InvalidConfiguration, SurfaceUnusable, WrongState
from tests.encoder.pictures import decode, number_in, picture, plane, psnr, to_rgb

WIDTH, HEIGHT = 320, 180
SIZES = [(320, 180), (640, 360), (168, 96), (319, 181), (320, 180)]


def surface(number: int, width: int = WIDTH, height: int = HEIGHT) -> Surface:
    pixels = picture(number, width, height)
    return Surface(width, height, width * 4, PixelFormat.XRGB8888, pixels.tobytes())


def nal_types(data: bytes) -> list[int]:
    """Of a byte stream, found without the encoder's help."""
    starts = [i + 3 for i in range(len(data) - 3) if data[i : i + 3] == b"\0\0\1"]
    return [data[start] & 31 for start in starts]


@pytest.mark.parametrize("rate", [Bitrate(3_000_000), Quality(20)])
@pytest.mark.parametrize("profile", Profile)
def test_every_frame_is_there_once_and_in_order(rate, profile):
    with Encoder(EncoderConfig(WIDTH, HEIGHT, rate, gop=25, profile=profile)) as encoder:
        units = [encoder.encode(surface(number), pts=number * 7) for number in range(120)]
        stats = encoder.stats()
    assert [unit.pts for unit in units] == [number * 7 for number in range(120)]
    assert [number_in(frame) for frame in decode([unit.data for unit in units])] == list(range(120))
    assert (stats.frames, stats.copied_bytes) == (120, 0)
    assert stats.stream_bytes == sum(len(unit.data) for unit in units)


def test_an_access_unit_is_one_whole_frame_at_once():
    with Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder:
        units = [encoder.encode(surface(number)) for number in range(4)]
    for n, unit in enumerate(units):
        assert [number_in(frame) for frame in decode([u.data for u in units[: n + 1]])] == list(range(n + 1))
        assert b"".join(unit.nal_units) == unit.data
        assert [u[u.index(b"\1") + 1] & 31 for u in unit.nal_units] == nal_types(unit.data)


def test_a_keyframe_has_its_parameter_sets_and_can_be_started_from():
    with Encoder(EncoderConfig(WIDTH, HEIGHT, gop=10)) as encoder:
        units = [encoder.encode(surface(number)) for number in range(35)]
    assert [n for n, unit in enumerate(units) if unit.is_keyframe] == [0, 10, 20, 30]
    for n, unit in enumerate(units):
        types = nal_types(unit.data)
        assert (5 in types) is unit.is_keyframe
        assert ({7, 8} <= set(types)) is unit.is_keyframe
        if unit.is_keyframe:
            tail = decode([u.data for u in units[n:]])
            assert [number_in(frame) for frame in tail] == list(range(n, 35))


def test_keyframes_come_where_they_are_asked_for():
    asked = {5, 6, 30, 47}
    with Encoder(EncoderConfig(WIDTH, HEIGHT, gop=0)) as encoder:
        units = []
        for number in range(60):
            if number in asked:
                encoder.force_keyframe()
            units.append(encoder.encode(surface(number)))
    assert {n for n, unit in enumerate(units) if unit.is_keyframe} == asked | {0}


def test_a_keyframe_that_was_asked_for_outlives_a_surface_that_was_refused():
    with Encoder(EncoderConfig(WIDTH, HEIGHT, gop=0)) as encoder:
        encoder.encode(surface(0))
        encoder.force_keyframe()
        with pytest.raises(SurfaceUnusable):
            encoder.encode(Surface(WIDTH, HEIGHT, 8, PixelFormat.XRGB8888, b""))
        assert encoder.encode(surface(1)).is_keyframe
        assert not encoder.encode(surface(2)).is_keyframe


def test_the_size_changes_in_mid_stream():
    numbers, units = [], []
    with Encoder(EncoderConfig(WIDTH, HEIGHT, gop=0)) as encoder:
        for n, (width, height) in enumerate(SIZES):
            for k in range(5):
                numbers.append(n * 5 + k)
                units.append(encoder.encode(surface(numbers[-1], width, height)))
    assert [n for n, unit in enumerate(units) if unit.is_keyframe] == [0, 5, 10, 15, 20]
    frames = decode([unit.data for unit in units])
    assert [number_in(frame) for frame in frames] == numbers
    even = [(width + width % 2, height + height % 2) for width, height in SIZES for _ in range(5)]
    assert [(frame.width, frame.height) for frame in frames] == even
    assert [(unit.width, unit.height) for unit in units] == even


def test_an_odd_size_repeats_its_last_column_and_row():
    with Encoder(EncoderConfig(165, 97, Quality(1))) as encoder:
        unit = encoder.encode(surface(0, 165, 97))
        assert encoder.stats().copied_bytes == 97 + 166
    [frame] = decode(unit.data)
    luma = plane(frame, 0).astype(int)
    assert np.abs(luma[:, 165] - luma[:, 164]).max() <= 6
    assert np.abs(luma[97] - luma[96]).max() <= 6


@pytest.mark.parametrize("colour", [Colour.BT601_LIMITED, Colour.BT601_FULL])
@pytest.mark.parametrize("pixel_format", [PixelFormat.XRGB8888, PixelFormat.ARGB8888, PixelFormat.XBGR8888,
                                          PixelFormat.ABGR8888])  # fmt: skip
def test_the_colours_are_those_of_the_surface_as_the_stream_states_them(colour, pixel_format):
    source = picture(77, WIDTH, HEIGHT)
    swapped = pixel_format in (PixelFormat.XBGR8888, PixelFormat.ABGR8888)
    data = source[..., [2, 1, 0, 3]].tobytes() if swapped else source.tobytes()
    with Encoder(EncoderConfig(WIDTH, HEIGHT, Quality(8), colour=colour)) as encoder:
        unit = encoder.encode(Surface(WIDTH, HEIGHT, WIDTH * 4, pixel_format, data))
    [frame] = decode(unit.data)
    assert frame.color_range == (2 if colour is Colour.BT601_FULL else 1)
    assert (int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc)) == (6, 1, 13)
    body = slice(8, None)  # below the frame number, whose edges chroma at half size blurs
    assert psnr(to_rgb(frame)[body], source[body, :, 2::-1]) > 38


@pytest.mark.parametrize(
    "rgb", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 64, 32)]
)
def test_a_surface_of_one_colour_comes_back_as_that_colour(rgb):
    pixels = np.empty((48, 64, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = rgb[::-1], 0
    with Encoder(EncoderConfig(64, 48, Quality(1))) as encoder:
        unit = encoder.encode(Surface(64, 48, 256, PixelFormat.XRGB8888, pixels.tobytes()))
    [frame] = decode(unit.data)
    assert np.abs(to_rgb(frame) - np.array(rgb)).max() <= 4


@pytest.mark.parametrize("colour", Colour)
def test_nv12_is_encoded_as_it_is_and_the_stream_states_what_it_was_told(colour):
    rows = np.arange(HEIGHT * 3 // 2)[:, None]
    planes = ((rows + np.arange(WIDTH + 32)[None, :]) % 200 + 20).astype(np.uint8)
    with Encoder(EncoderConfig(WIDTH, HEIGHT, Quality(4), colour=colour)) as encoder:
        unit = encoder.encode(Surface(WIDTH, HEIGHT, WIDTH + 32, PixelFormat.NV12, planes.tobytes()))
        assert encoder.stats().copied_bytes == 0
    [frame] = decode(unit.data)
    full, bt709 = colour in (2, 4), colour in (3, 4)
    assert (frame.color_range, int(frame.colorspace)) == (2 if full else 1, 1 if bt709 else 6)
    assert psnr(plane(frame, 0), planes[:HEIGHT, :WIDTH]) > 40
    chroma = planes[HEIGHT:, :WIDTH]
    assert psnr(plane(frame, 1), chroma[:, 0::2]) > 36
    assert psnr(plane(frame, 2), chroma[:, 1::2]) > 36


def test_rgb_and_nv12_may_take_turns():
    planes = bytes(WIDTH * HEIGHT * 3 // 2)
    with Encoder(EncoderConfig(WIDTH, HEIGHT, gop=0)) as encoder:
        units = [
            encoder.encode(
                Surface(WIDTH, HEIGHT, WIDTH, PixelFormat.NV12, planes)
                if number % 3 == 2
                else surface(number)
            )
            for number in range(12)
        ]
    shown = [number_in(frame) for frame in decode([unit.data for unit in units])]
    assert shown == [0 if number % 3 == 2 else number for number in range(12)]


def test_a_higher_bitrate_takes_more_bits():
    noise = np.random.default_rng(1)

    def bits(encoder: Encoder) -> int:
        frames = (noise.integers(0, 256, WIDTH * HEIGHT * 4, np.uint8).tobytes() for _ in range(60))
        return sum(
            len(encoder.encode(Surface(WIDTH, HEIGHT, WIDTH * 4, PixelFormat.XRGB8888, data)).data)
            for data in frames
        ) * 8  # fmt: skip

    config = EncoderConfig(WIDTH, HEIGHT, Bitrate(2_000_000), fps=Fraction(30), gop=0)
    with Encoder(config) as encoder:
        low = bits(encoder)
        encoder.set_bitrate(Bitrate(8_000_000))
        high = bits(encoder)
    assert 0.5 < low / 4_000_000 < 1.5  # 60 frames are two seconds
    assert 0.5 < high / 16_000_000 < 1.5


@pytest.mark.parametrize("config", [
    EncoderConfig(0, 48), EncoderConfig(64, -1), EncoderConfig(1 << 32, 48), EncoderConfig(16384, 16384),
    EncoderConfig(64, 48, Bitrate(0)), EncoderConfig(64, 48, Bitrate(1 << 40)), EncoderConfig(64, 48, Quality(0)),
    EncoderConfig(64, 48, Quality(float("nan"))), EncoderConfig(64, 48, fps=Fraction(0)),
    EncoderConfig(64, 48, fps=Fraction(10**7, 1)), EncoderConfig(64, 48, gop=-1), EncoderConfig(64, 48, threads=99),
    EncoderConfig(64, 48, profile=55), EncoderConfig(64, 48, colour=9), EncoderConfig(64, 48, backend=9),
], ids=str)  # fmt: skip
def test_a_stream_that_is_not_possible_is_refused_in_a_sentence(config):
    with pytest.raises(InvalidConfiguration), Encoder(config):
        pass


def test_what_the_stream_cannot_do_is_refused_and_the_stream_goes_on():
    with Encoder(EncoderConfig(WIDTH, HEIGHT, Quality(20), colour=Colour.BT709_LIMITED)) as encoder:
        with pytest.raises(SurfaceUnusable, match=r"BT\.601"):
            encoder.encode(surface(0))
        with pytest.raises(InvalidConfiguration, match="constant quality"):
            encoder.set_bitrate(Bitrate(1_000_000))
        planes = bytes(WIDTH * HEIGHT * 3 // 2)
        assert encoder.encode(Surface(WIDTH, HEIGHT, WIDTH, PixelFormat.NV12, planes)).is_keyframe


def test_outside_of_with_there_is_no_encoder():
    encoder = Encoder(EncoderConfig(WIDTH, HEIGHT))
    with pytest.raises(WrongState):
        encoder.encode(surface(0))
    with encoder:
        encoder.encode(surface(0))
    encoder.close()  # twice is fine
    for act in (lambda: encoder.encode(surface(1)), encoder.force_keyframe, encoder.stats):
        with pytest.raises(WrongState):
            act()
