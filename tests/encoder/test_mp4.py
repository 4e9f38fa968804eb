"""MP4 recordings: read back by FFmpeg's libraries, and by Debian's ffmpeg where that is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import suppress
from fractions import Fraction
from functools import cache
from itertools import pairwise

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.encoder.encoder import Encoder
from harness.encoder.model import AccessUnit, Bitrate, EncoderConfig, PixelFormat, Surface
from harness.encoder.mp4 import TIMESCALE_HZ, Mp4Recording, Timeline
from harness.encoder.recording import recording
from harness.errors import DiskFull, InvalidConfiguration, InvalidMessage
from tests.encoder.pictures import number_in, picture

FRAME_NS = 40_000_000
KEYFRAME_EVERY = 10
FFMPEG = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")),
    reason="ffmpeg and ffprobe check recordings, and are not here: apt install ffmpeg",
)


@cache
def coded(count: int, width: int = 320, height: int = 96) -> tuple[AccessUnit, ...]:
    config = EncoderConfig(width, height, rate=Bitrate(2_000_000), fps=Fraction(25), gop=KEYFRAME_EVERY)
    with Encoder(config) as encoder:
        return tuple(
            encoder.encode(
                Surface(width, height, 4 * width, PixelFormat.XRGB8888, picture(number, width, height)),
                number,
            )
            for number in range(count)
        )


def record(path, *streams, first=0):
    """Every stream's units, each 40 ms after the one before, by one clock."""
    begun_ns = time.monotonic_ns()
    with Mp4Recording(path) as to:
        for at, unit in enumerate(unit for stream in streams for unit in stream[first:]):
            to.add(unit.nal_units, at * FRAME_NS, begun_ns + at * FRAME_NS, is_keyframe=unit.is_keyframe)
    return to.files


def played(path):
    """Numbers of the frames that can be decoded, and when each is shown, in seconds."""
    with av.open(str(path)) as container:
        shown = [
            (number_in(frame), float(frame.pts * frame.time_base)) for frame in container.decode(video=0)
        ]
    return [number for number, _ in shown], [at for _, at in shown]


def test_every_frame_is_there_in_its_time_and_with_its_colours(tmp_path):
    path = tmp_path / "ü, display.mp4"
    assert record(path, coded(35)) == ((path, 35),)
    numbers, times = played(path)
    assert numbers == list(range(35))
    assert times == pytest.approx([at * FRAME_NS / 1e9 for at in range(35)], abs=1 / TIMESCALE_HZ)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.codec_tag, context.width, context.height) == ("avc1", 320, 96)
        assert (int(context.colorspace), int(context.color_range)) == (6, 1)
    assert b"colrnclx" in path.read_bytes()


def test_another_size_goes_on_in_another_file(tmp_path):
    path = tmp_path / "display.mp4"
    files = record(path, coded(12), coded(5, 640, 128), coded(11))
    assert files == ((path, 12), (tmp_path / "display-2.mp4", 5), (tmp_path / "display-3.mp4", 11))
    assert [len(played(file)[0]) for file, _ in files] == [12, 5, 11]
    with av.open(str(files[1][0])) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (640, 128)


def test_it_begins_with_the_first_keyframe(tmp_path):
    record(tmp_path / "late.mp4", coded(35), first=3)
    assert played(tmp_path / "late.mp4")[0] == list(range(10, 35))


def test_nothing_is_written_of_nothing(tmp_path):
    assert record(tmp_path / "none.mp4", ()) == ()
    assert not (tmp_path / "none.mp4").exists()


def played_until_cut(path):
    """How many frames a player shows of a file whose end is missing; they are the first ones."""
    numbers = []
    with av.open(str(path)) as container, suppress(av.error.InvalidDataError):
        numbers.extend(number_in(frame) for frame in container.decode(video=0))
    assert numbers == list(range(len(numbers)))
    return len(numbers)


@pytest.mark.parametrize("part", [0.5, 0.7, 0.99])
def test_what_was_cut_off_is_playable_until_there(tmp_path, part):
    path = tmp_path / "cut.mp4"
    record(path, coded(100))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    assert played_until_cut(path) >= 100 * part - 2 * KEYFRAME_EVERY, "a fragment ends at a keyframe"


def test_a_disk_that_fills_up_is_named_and_what_it_holds_is_playable(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "full.mp4"
    units = coded(100)
    limit = sum(len(unit.data) for unit in units) // 2
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(DiskFull, match=r"full\.mp4"):
            record(path, units)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.stat().st_size == limit
    assert played_until_cut(path) >= KEYFRAME_EVERY


@pytest.mark.parametrize(
    "units",
    [
        (b"\0\0\0\1\x67",),
        (b"\0\0\0\1\x67\xff\xff\xff\xff", b"\0\0\0\1\x68\xff"),
        (b"\0\0\1\x67" + bytes(40),),
    ],
)
def test_a_keyframe_that_is_no_h264_is_said(tmp_path, units):
    with Mp4Recording(tmp_path / "x.mp4") as to, pytest.raises(InvalidMessage, match=r"no H\.264"):
        to.add(units, 0, 0, is_keyframe=True)
    assert list(tmp_path.iterdir()) == []


def test_a_name_says_what_is_recorded(tmp_path):
    with pytest.raises(InvalidConfiguration, match="does not say"):
        recording(tmp_path / "display.mkv")
    units = coded(20)
    with recording(tmp_path / "display.h264") as to:
        for unit in units:
            to.add(unit.nal_units, 0, 0, is_keyframe=unit.is_keyframe)
    assert to.files == [(tmp_path / "display.h264", 20)]
    assert (tmp_path / "display.h264").read_bytes() == b"".join(unit.data for unit in units)


times_ns = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.tuples(times_ns, st.integers(0, 10**12)), min_size=1, max_size=50))
def test_times_grow_whatever_the_server_says(said):
    arrivals = sorted(arrived for _, arrived in said)
    timeline = Timeline()
    ticks = [timeline.ticks(pts, arrived) for (pts, _), arrived in zip(said, arrivals, strict=True)]
    assert ticks[0] == 0
    assert all(a < b for a, b in pairwise(ticks))
    longest_s = (arrivals[-1] - arrivals[0]) / 1e9 + len(said)  # each may differ from its arrival by a second
    assert ticks[-1] <= (longest_s + 1) * TIMESCALE_HZ


@given(st.lists(st.tuples(st.integers(10**6, 10**10), st.integers(-400_000_000, 400_000_000)), max_size=50))
def test_a_frame_is_shown_at_its_own_time_however_late_it_arrived(steps):
    timeline, pts = Timeline(), 0
    assert timeline.ticks(5_000_000, 7_000_000_000) == 0
    for step_ns, late_ns in steps:
        pts += step_ns
        ticks = timeline.ticks(pts + 5_000_000, 7_000_000_000 + pts + late_ns)
        assert ticks == pts * TIMESCALE_HZ // 10**9


@FFMPEG
def test_debians_ffmpeg_takes_it_strictly(tmp_path):
    path = tmp_path / "display.mp4"
    record(path, coded(35))
    strict = ["ffmpeg", "-v", "error", "-xerror", "-err_detect", "explode", "-i", path, "-f", "null", "-"]
    done = subprocess.run(strict, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    asked = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-show_packets", "-of", "json", path]
    said = json.loads(subprocess.run(asked, capture_output=True, check=True, timeout=60).stdout)
    (stream,) = said["streams"]
    facts = {"codec_tag_string": "avc1", "is_avc": "true", "color_space": "smpte170m", "color_range": "tv",
             "color_primaries": "bt709", "time_base": "1/90000", "nb_read_frames": "35"}  # fmt: skip
    assert {name: stream[name] for name in facts} == facts
    assert [packet["pts"] for packet in said["packets"]] == [at * 3600 for at in range(35)]
