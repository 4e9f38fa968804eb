"""Processor time for a frame of QEMU's that is read where it is (ScanoutMap) ÷ for one that comes in messages."""

from __future__ import annotations

import statistics

from harness.host.paths import private_directory
from harness.machines.pattern import options
from harness.measure.order import turns
from harness.plugin.display_contest import WAYS, Taken, take
from tests.selfbench.drawn import drawing_guest
from tests.selfbench.result import Result

LIMIT = 1 / 4
SIZE = (1920, 1080)
PAIRS, SECONDS, FPS = 9, 2, 20
"""Paced, so that QEMU leaves out no frame that it has no time to send."""
MAPPED, DATA = WAYS[1:3]


def run() -> Result:
    """The ratio of the medians over PAIRS interleaved pairs, of what it takes to have a frame in hand."""
    taken: dict[str, list[Taken]] = {MAPPED.name: [], DATA.name: []}
    with drawing_guest(SIZE) as guest, private_directory() as folder:
        for pair in range(PAIRS):
            for way in turns((MAPPED, DATA), pair):
                taken[way.name].append(take(guest, way, folder, options(seconds=SECONDS, fps=FPS)))
    mapped, data = (statistics.median(map(_cpu_s, taken[way.name])) for way in (MAPPED, DATA))
    detail = {
        "size": f"{SIZE[0]}x{SIZE[1]}", "fps": FPS, "pairs": PAIRS, "gain": round(data / mapped, 2),
        "cpu_ms": {name: [round(_cpu_s(each) * 1e3, 3) for each in of] for name, of in taken.items()},
        "bytes_copied_per_frame": {name: max(_copied(each) for each in of) for name, of in taken.items()},
        "whole_host_cpu_ms": {name: round(statistics.median(each.cpu_s / each.report.frames * 1e3 for each in of), 2)
                              for name, of in taken.items()},
    }  # fmt: skip
    return Result("zero_copy_gain", mapped / data, "ratio", LIMIT, detail)


def _cpu_s(taken: Taken) -> float:
    """Of the thread that takes frames, for each. The whole host's, drawing included, is in the detail."""
    assert taken.seen
    return taken.seen.cpu_s / len(taken.seen.numbers)


def _copied(taken: Taken) -> float:
    assert taken.seen
    return max(taken.seen.bytes_copied)
