"""From a frame's arrival to its NAL units ÷ libyuv and x264 alone on the same frames, beside the same drawing guest."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from harness.display.decoded import check
from harness.display.pattern_picture import drawn
from harness.errors import FramesWrong
from harness.host.apart import Apart
from harness.hxfr.stream import Wanted
from harness.machines.encoder_host import EncoderHost
from harness.machines.pattern import options
from harness.measure.order import turns
from harness.plugin.encode_ways import ZERO_COPY, Desk
from tests.selfbench.drawn import drawing_guest
from tests.selfbench.plain_loop import PlainLoop
from tests.selfbench.result import Result

if TYPE_CHECKING:
    from harness.plugin.display_contest import DrawingGuest
    from harness.plugin.encode_ways import Coded

LIMIT = 1.15
SIZE, FPS = (1280, 720), 60
PAIRS, FRAMES = 9, 120
FPS_LEAST = 0.99 * FPS
DRAW = options(frames=FRAMES, fps=FPS)
ON_HOST = ("map", "convert", "wait", "encode")


def run() -> Result:
    """The ratio of the medians over PAIRS interleaved pairs; no frame may be lost or torn at 60 a second."""
    ours_s: list[float] = []
    plain_s: list[float] = []
    rates: list[float] = []
    wrong: list[str] = []
    pixels = [drawn(number, *SIZE).tobytes() for number in range(FRAMES)]
    with (
        drawing_guest(SIZE, vsock=True) as guest,
        TemporaryDirectory() as name,
        Apart(EncoderHost, "encoder") as host,
    ):
        folder, threads = Path(name), os.cpu_count() or 1
        desk = Desk(guest, host, folder)
        plain = PlainLoop(folder, *SIZE, threads=threads, gop=Wanted().gop, bitrate=Wanted().bitrate)
        for pair in range(PAIRS):
            for side in turns(("ours", "plain"), pair):
                if side == "plain":
                    plain_s += _plain(guest, plain, pixels)
                    continue
                coded = ZERO_COPY.code(desk, DRAW)
                ours_s += _arrival_to_nal(coded)
                rates.append(coded.report.fps)
                try:
                    check(coded.stream.read_bytes(), range(FRAMES), compared=0)
                except FramesWrong as error:
                    wrong.append(error.message)
        plain.close()
    detail = {
        "size": f"{SIZE[0]}x{SIZE[1]}", "frames": PAIRS * FRAMES, "ours_ms": _spread_ms(ours_s),
        "plain_ms": _spread_ms(plain_s), "guest_fps": [round(rate, 2) for rate in sorted(rates)],
        "lost_or_torn": wrong,
    }  # fmt: skip
    holds = not wrong and statistics.median(rates) >= FPS_LEAST
    ratio = statistics.median(ours_s) / statistics.median(plain_s)
    return Result("encode_overhead", ratio, "ratio", LIMIT, detail, holds)


def _arrival_to_nal(coded: Coded) -> list[float]:
    stages = [stage.seconds for stage in coded.stages if stage.name in ON_HOST]
    return [sum(parts) for parts in zip(*stages, strict=True)]


def _plain(guest: DrawingGuest, plain: PlainLoop, pixels: list[bytes]) -> list[float]:
    """Seconds for each frame, at the guest's pace, while it draws and nobody looks."""
    spent = []
    drawing = guest.pattern.start(*DRAW)
    due = time.monotonic()
    for frame in pixels:
        time.sleep(max(0.0, due - time.monotonic()))
        begun = time.perf_counter()
        plain.encode(frame)
        spent.append(time.perf_counter() - begun)
        due += 1 / FPS
    drawing.report()
    return spent


def _spread_ms(seconds: list[float]) -> list[float]:
    """Minimum, median, 95th percentile and maximum."""
    ordered = sorted(seconds)
    at = (0, len(ordered) // 2, len(ordered) * 95 // 100, -1)
    return [round(ordered[i] * 1e3, 3) for i in at]
