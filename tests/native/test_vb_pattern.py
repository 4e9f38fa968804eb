"""The pattern without a display: pages in a file of this host, and frames that an HXFR server encodes."""

from __future__ import annotations

import io
import json
import mmap
import subprocess
import sys

import pytest

from harness.display.frame import BYTES_A_PIXEL, PixelFormat, Surface
from harness.display.pattern import numbers
from harness.encoder import build
from harness.errors import HostLacks
from harness.guests.toolchain import host_target
from harness.guests.workloads import workload
from harness.host.paths import private_directory
from harness.hxfr.server import HxfrServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a program for Linux")
WIDTH, HEIGHT, PAGES = 320, 96, 3
SIZE = f"--size={WIDTH}x{HEIGHT}"


@pytest.fixture(scope="module")
def program():
    return workload("pattern", host_target())


class Pages:
    """The reader of a running pattern: takes every page that is shown, and gives it back."""

    def __init__(self, program, file, *options: str) -> None:
        self.file = file
        self.process = subprocess.Popen(
            [program, f"--memory={file}", SIZE, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.numbers: list[object] = []
        self.events: list[dict[str, object]] = []

    def read(self) -> int:
        for event in map(json.loads, self.process.stdout):
            if event["event"] == "shown":
                self.numbers.append(numbers(self._surface(event["page"])))
                self.process.stdin.write("x")
                self.process.stdin.flush()
            else:
                self.events.append(event)
        self.process.stdin.close()
        return self.process.wait()

    def _surface(self, page: int) -> Surface:
        size = WIDTH * HEIGHT * BYTES_A_PIXEL
        with self.file.open("rb") as file:
            memory = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return Surface.of(
            memory[page * size : (page + 1) * size],
            WIDTH,
            HEIGHT,
            WIDTH * BYTES_A_PIXEL,
            PixelFormat.XRGB8888,
        )


def test_every_page_is_whole_when_it_is_shown(program, tmp_path):
    pages = Pages(program, tmp_path / "pages", "--frames=40", "--first=100", "--times")
    assert pages.read() == 0
    assert [(each.top, each.bottom) for each in pages.numbers] == [(n, n) for n in range(100, 140)]
    series = {event["name"]: event["values"] for event in pages.events if event["event"] == "series"}
    assert list(series) == ["begun_ns", "drawn_ns", "flip_ns", "flipped_ns"]
    ordered = [when for times in zip(*series.values(), strict=True) for when in times]
    assert ordered == sorted(ordered)
    assert pages.events[-1]["frames"] == 40


def test_what_comes_back_is_every_frame_once_and_in_order(program, tmp_path):
    try:
        build.library()
    except HostLacks as lack:
        pytest.skip(f"no encoder: {lack}")
    av = pytest.importorskip("av")
    record = tmp_path / "stream.h264"
    with private_directory() as folder, HxfrServer() as server:
        server.listen_unix(folder / "hxfr")
        options = ["--frames=70", f"--encode=unix:{folder / 'hxfr'}", "--by=pixels", f"--record={record}"]
        pages = Pages(program, tmp_path / "pages", *options)
        assert pages.read() == 0
    series = {event["name"]: event["values"] for event in pages.events if event["event"] == "series"}
    assert len(series["answered_ns"]) == 70
    assert sum(series["bytes"]) == record.stat().st_size
    assert series["keyframe"] == [int(n % 60 == 0) for n in range(70)]
    assert all(a < b for a, b in zip(series["asked_ns"], series["answered_ns"], strict=True))
    with av.open(io.BytesIO(record.read_bytes()), format="h264", options={"err_detect": "explode"}) as stream:
        seen = [_numbers(picture.to_ndarray(format="bgra")) for picture in stream.decode(video=0)]
    assert [(each.top, each.bottom) for each in seen] == [(n, n) for n in range(70)]


def _numbers(pixels):
    surface = Surface.of(
        memoryview(pixels.tobytes()), WIDTH, HEIGHT, WIDTH * BYTES_A_PIXEL, PixelFormat.XRGB8888
    )
    return numbers(surface)


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--fps=0"], 2, "--fps: '0' is not a whole number from 1 to 1000"),
        (["--by=magic"], 2, "--by: 'magic' is not resource, pixels, subscription or pipe"),
        (["--memory=/nowhere/pages", SIZE], 1, "/nowhere/pages: No such file or directory"),
        (["--memory=pages"], 2, "--memory: 'pages' is not enough without --size"),
        (["--device=/dev/null/card"], 3, "this machine has no display device that can be opened"),
    ],
)
def test_mistakes_are_told(program, tmp_path, options, status, said):
    ended = subprocess.run([program, *options], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (ended.returncode, ended.stderr) == (status, f"vb-pattern: {said}\n")


def test_an_encoder_that_is_not_there_or_refuses_is_told(program, tmp_path):
    pages = Pages(program, tmp_path / "pages", f"--encode=unix:{tmp_path / 'nobody'}")
    assert pages.read() == 1
    assert "No such file or directory" in pages.process.stderr.read()
    with private_directory() as folder, HxfrServer() as server:
        server.listen_unix(folder / "hxfr")
        pages = Pages(program, tmp_path / "pages", "--frames=2", f"--encode=unix:{folder / 'hxfr'}")
        assert pages.read() == 4
    assert "there is no scanout" in pages.process.stderr.read()
