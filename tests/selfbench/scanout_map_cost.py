"""Frames of a guest that nobody looks at ÷ of the same guest whose every frame is read where it is (ScanoutMap)."""

from __future__ import annotations

import statistics

from harness.host.paths import private_directory
from harness.machines.pattern import options
from harness.measure.order import turns
from harness.plugin.display_contest import WAYS, take
from tests.selfbench.drawn import drawing_guest
from tests.selfbench.result import Result

LIMIT = 1 / 0.65
PACED_LIMIT = 1 / 0.98
PACE_FPS = 60
SIZE = (1280, 720)
PAIRS, SECONDS = 9, 2
ALONE, MAPPED = WAYS[:2]


def run() -> Result:
    """The ratio of the medians of PAIRS interleaved pairs, as fast as pages flip; paced at 60 it has a limit too."""
    fps: dict[tuple[int, str], list[float]] = {}
    copied = torn = 0
    with drawing_guest(SIZE) as guest, private_directory() as folder:
        for pair in range(PAIRS):
            for pace in (0, PACE_FPS):
                for way in turns((ALONE, MAPPED), pair):
                    taken = take(guest, way, folder, options(seconds=SECONDS, fps=pace))
                    fps.setdefault((pace, way.name), []).append(taken.report.fps)
                    if taken.seen:
                        copied += sum(taken.seen.bytes_copied)
                        torn += taken.seen.torn
    unpaced, paced = (
        statistics.median(fps[pace, ALONE.name]) / statistics.median(fps[pace, MAPPED.name])
        for pace in (0, PACE_FPS)
    )
    detail = {
        "size": f"{SIZE[0]}x{SIZE[1]}", "pairs": PAIRS, "paced_ratio": round(paced, 4),
        "fps": {f"{name}, {pace or 'unpaced'}": [round(min(rates), 1), round(statistics.median(rates), 1),
                round(max(rates), 1)] for (pace, name), rates in fps.items()},
        "copied_bytes": copied, "torn_frames": torn,
    }  # fmt: skip
    holds = paced <= PACED_LIMIT and copied == 0 and torn == 0
    return Result("scanout_map_cost", unpaced, "ratio", LIMIT, detail, holds)
