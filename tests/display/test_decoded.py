"""Pictures that are drawn here are the guest's own, and a stream that lacks, doubles or damages a frame is refused."""

from __future__ import annotations

import io
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from harness.display.decoded import check
from harness.display.frame import PixelFormat as Shown
from harness.display.frame import Surface as ShownSurface
from harness.display.pattern import numbers
from harness.display.pattern_picture import drawn
from harness.encoder import build
from harness.encoder.encoder import Encoder
from harness.encoder.model import EncoderConfig, PixelFormat, Quality, Surface
from harness.errors import FramesWrong, HostLacks
from harness.guests.toolchain import host_target
from harness.guests.workloads import workload

WIDTH, HEIGHT = 320, 96


@pytest.mark.skipif(sys.platform != "linux", reason="a program for Linux")
@pytest.mark.parametrize("size", [(320, 96), (1366, 768)])
def test_the_picture_is_what_the_program_draws(tmp_path, size):
    (width, height), file = size, tmp_path / "pages"
    first = 65530  # numbers of more than two bytes
    subprocess.run(
        [workload("pattern", host_target()), f"--memory={file}", f"--size={width}x{height}", f"--first={first}",
         "--frames=3"],
        input=b"xxx", stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    pages = np.fromfile(file, np.uint8).reshape(3, height, width, 4)
    for page, pixels in enumerate(pages):
        assert (pixels == drawn(first + page, width, height)).all()


def test_its_numbers_are_read_back():
    memory = memoryview(drawn(70000, WIDTH, HEIGHT).tobytes())
    said = numbers(ShownSurface.of(memory, WIDTH, HEIGHT, 4 * WIDTH, Shown.XRGB8888))
    assert (said.top, said.bottom) == (70000, 70000)


def torn(number):
    picture = drawn(number, WIDTH, HEIGHT)
    picture[HEIGHT // 2 :] = drawn(number - 1, WIDTH, HEIGHT)[HEIGHT // 2 :]
    return picture


@pytest.fixture(scope="module")
def coded():
    """Access units of frames 5 to 24, and one more of a torn frame."""
    pytest.importorskip("av")
    try:
        build.library()
    except HostLacks as lack:
        pytest.skip(f"no encoder: {lack}")
    pictures = [drawn(number, WIDTH, HEIGHT) for number in range(5, 25)] + [torn(25)]
    config = EncoderConfig(WIDTH, HEIGHT, Quality(20), fps=Fraction(60), gop=10, threads=1)
    with Encoder(config) as encoder:
        return [
            encoder.encode(
                Surface(WIDTH, HEIGHT, 4 * WIDTH, PixelFormat.XRGB8888, picture.tobytes()), at
            ).data
            for at, picture in enumerate(pictures)
        ]


def test_a_whole_stream_is_good(coded):
    found = check(b"".join(coded[:20]), range(5, 25), compared=3)
    assert found.frames == 20
    assert len(found.psnr_db) == len(found.ssim) == 3
    assert all(30 < each < 60 for each in found.psnr_db)
    assert all(0.9 < each < 1 for each in found.ssim)
    assert found.pair.number == 24
    decoded = np.frombuffer(found.pair.decoded, np.uint8).astype(int)
    assert np.abs(decoded - np.frombuffer(found.pair.source, np.uint8)).mean() < 12


def test_strips_say_what_the_whole_picture_says(coded):
    av = pytest.importorskip("av")
    found = check(b"".join(coded[:20]), range(5, 25), compared=1)
    with av.open(io.BytesIO(b"".join(coded[:20])), "r", format="h264") as container:
        frame = next(container.decode(video=0))
    ours = frame.to_ndarray(format="yuv420p")[:HEIGHT].astype(float)
    red, blue = (0.2126, 0.0722) if int(frame.colorspace) == 1 else (0.299, 0.114)
    theirs = 16 + drawn(5, WIDTH, HEIGHT)[..., :3] @ np.array([blue, 1 - red - blue, red]) * 219 / 255
    a, b, aa, bb, ab = (
        gaussian_filter(each, 1.5) for each in (ours, theirs, ours**2, theirs**2, ours * theirs)
    )
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similar = (2 * a * b + c1) * (2 * (ab - a * b) + c2) / ((a**2 + b**2 + c1) * (aa + bb - a**2 - b**2 + c2))
    assert found.ssim == (pytest.approx(similar.mean(), rel=1e-12),)
    assert found.psnr_db == (pytest.approx(10 * np.log10(255**2 / ((ours - theirs) ** 2).mean()), rel=1e-12),)


@pytest.mark.parametrize(
    ("units", "numbers", "said"),
    [
        (range(19), range(5, 25), "1 lost .the first is 24."),
        ([*range(20), 0], [*range(5, 25)], "20 frames the stream has 21: 0 lost, 1 twice, not in order"),
        (range(21), range(5, 26), "frame 20 of the stream is torn: 25 at its top, 24 at its bottom"),
        (range(20), range(4, 24), "1 lost .the first is 4."),
    ],
)
def test_what_is_missing_is_said(coded, units, numbers, said):
    with pytest.raises(FramesWrong, match=said):
        check(b"".join(coded[at] for at in units), numbers)


def test_damage_is_a_failure_and_no_stream_of_fewer_frames(coded):
    stream = bytearray(b"".join(coded[:20]))
    inside = len(b"".join(coded[:3])) - 40  # in the third frame's slice
    stream[inside : inside + 20] = bytes(20)
    with pytest.raises(FramesWrong):
        check(bytes(stream), range(5, 25))
    with pytest.raises(FramesWrong):
        check(b"no stream at all", range(5, 25))
