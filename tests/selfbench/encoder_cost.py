"""A frame through the encoder ÷ a plain loop of libyuv and x264 on the same frames, in processor time."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from harness.encoder.encoder import Encoder
from harness.encoder.model import EncoderConfig, PixelFormat, Quality, Surface
from tests.encoder.pictures import picture
from tests.selfbench.plain_loop import PlainLoop
from tests.selfbench.result import Result

LIMIT = 1.05
WIDTH, HEIGHT, THREADS, CRF = 1280, 720, 1, 23
BUFFERS, ROUNDS, FRAMES = 3, 15, 30
GROWTH_FRAMES = 100_000
GROWTH_LIMIT_KIB = 4096


def run() -> Result:
    """The median over ROUNDS interleaved pairs, the order of each turned round.

    With it, what memory and descriptors do over GROWTH_FRAMES small frames.
    """
    pixels = [picture(number, WIDTH, HEIGHT).tobytes() for number in range(BUFFERS)]
    config = EncoderConfig(WIDTH, HEIGHT, Quality(CRF), fps=Fraction(60), gop=240, threads=THREADS)
    ratios, frame_ms = [], []
    with tempfile.TemporaryDirectory() as folder, Encoder(config) as encoder:
        plain = PlainLoop(Path(folder), WIDTH, HEIGHT, threads=THREADS, crf=CRF)
        descriptors = [_shared(data) for data in pixels]
        for pair in range(ROUNDS):
            ours = theirs = 0
            for side in (0, 1) if pair % 2 else (1, 0):
                begin = time.process_time_ns()
                for frame in range(FRAMES):
                    if side:
                        fd = descriptors[frame % BUFFERS]
                        encoder.encode(Surface(WIDTH, HEIGHT, WIDTH * 4, PixelFormat.XRGB8888, fd))
                    else:
                        plain.encode(pixels[frame % BUFFERS])
                spent = time.process_time_ns() - begin
                ours, theirs = (spent, theirs) if side else (ours, spent)
            ratios.append(ours / theirs)
            frame_ms.append(ours / FRAMES / 1e6)
        plain.close()
        copied = encoder.stats().copied_bytes
        for fd in descriptors:
            os.close(fd)
    growth_kib, more_descriptors = _growth()
    detail = {
        "size": f"{WIDTH}x{HEIGHT}", "frames": ROUNDS * FRAMES, "frame_ms": round(statistics.median(frame_ms), 3),
        "ratios": [round(ratio, 3) for ratio in sorted(ratios)], "copied_bytes": copied,
        "growth_frames": GROWTH_FRAMES, "growth_kib": growth_kib, "more_descriptors": more_descriptors,
    }  # fmt: skip
    holds = copied == 0 and growth_kib <= GROWTH_LIMIT_KIB and more_descriptors == 0
    return Result("encoder_cost", statistics.median(ratios), "ratio", LIMIT, detail, holds)


def _growth() -> tuple[int, int]:
    """KiB and descriptors more after GROWTH_FRAMES frames than after a tenth of them, sizes changing all the while."""
    sizes = [(64, 48), (48, 64), (63, 47)]
    surfaces = [_shared(np.zeros((height, width, 4), np.uint8).tobytes()) for width, height in sizes]
    before = (0, 0)
    with Encoder(EncoderConfig(*sizes[0], Quality(CRF), threads=1)) as encoder:
        for frame in range(GROWTH_FRAMES):
            if frame == GROWTH_FRAMES // 10:
                before = _held()
            which = frame // 1000 % len(sizes)
            width, height = sizes[which]
            fresh = os.dup(surfaces[which])
            encoder.encode(Surface(width, height, width * 4, PixelFormat.XRGB8888, fresh), frame)
            os.close(fresh)
        after = _held()
    for fd in surfaces:
        os.close(fd)
    return after[0] - before[0], after[1] - before[1]


def _held() -> tuple[int, int]:
    """This process's resident KiB and open descriptors."""
    status = Path("/proc/self/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(resident.split()[1]), len(list(Path("/proc/self/fd").iterdir()))


def _shared(data: bytes) -> int:
    fd = os.memfd_create("surface")
    os.pwrite(fd, data, 0)
    return fd
