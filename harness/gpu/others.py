"""Workloads of others: what glmark2, vkmark and kmscube print, parsed strictly.

glmark2 and vkmark share their form. They give whole frames a second, and a frame time with three decimals, of which
the rate is computed here. kmscube counts frames over a time of its own.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import MeasurementError

if TYPE_CHECKING:
    from collections.abc import Mapping

_BENCH = re.compile(
    r"\[([a-z0-9-]+)\] ([\w:.=,<> -]{0,200}): FPS: (\d{1,7}) FrameTime: (\d{1,7}\.\d{3}) ms", re.ASCII
)
_SCORE = re.compile(r" *(glmark2|vkmark) Score: (\d{1,7}) *", re.ASCII)
_NAMED = re.compile(r" *(?:GL_RENDERER|Device Name): +(\S.{0,200})", re.ASCII)
_CUBE = re.compile(r"Rendered (\d{1,9}) frames in (\d{1,9}\.\d{6}) sec \((\d{1,9}\.\d{6}) fps\)", re.ASCII)
_CUBE_NAMED = re.compile(r' *renderer: "(.{1,200})"', re.ASCII)
_RULE = re.compile(r"={20,}")
SCORE_TOLERANCE = 0.05
"""Of the mean of the rates that are printed: glmark2 computes its score's at other moments, on a busy host 2 % away."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one of them came to."""

    program: str
    renderer: str
    fps: Mapping[str, float]
    """By benchmark."""


def parse_mark(program: str, text: str) -> Said:
    """The report of glmark2 or vkmark: a renderer, benchmarks, and a score that is their mean.

    Raises MeasurementError for anything else.
    """
    named = [found[1] for line in text.splitlines() if (found := _NAMED.fullmatch(line))]
    benches = [found for line in text.splitlines() if (found := _BENCH.fullmatch(line))]
    scores = [found for line in text.splitlines() if (found := _SCORE.fullmatch(line))]
    if len(named) != 1 or len(scores) != 1 or scores[0][1] != program:
        raise MeasurementError(f"{program} gave no report: {_last(text)}")
    if not benches or text.count("[") != len(benches) or len({bench[1] for bench in benches}) != len(benches):
        raise MeasurementError(f"a benchmark of {program} did not run, or not once: {_last(text)}")
    fps = {bench[1]: _rate(program, bench) for bench in benches}
    mean = sum(int(bench[3]) for bench in benches) / len(benches)
    if abs(int(scores[0][2]) - mean) > max(1, SCORE_TOLERANCE * mean):
        raise MeasurementError(
            f"{program} scores {scores[0][2]}, and its benchmarks have a mean of {mean:.1f}"
        )
    return Said(program, named[0].strip(), fps)


def parse_kmscube(text: str) -> Said:
    """The last count of kmscube, which is of all frames; raises MeasurementError."""
    named = [found[1] for line in text.splitlines() if (found := _CUBE_NAMED.fullmatch(line))]
    counts = [found for line in text.splitlines() if (found := _CUBE.fullmatch(line))]
    if len(named) != 1 or not counts or "interrupted" in text:
        raise MeasurementError(f"kmscube gave no report: {_last(text)}")
    frames, seconds, fps = int(counts[-1][1]), float(counts[-1][2]), float(counts[-1][3])
    if not frames or not seconds or not math.isclose(frames / seconds, fps, rel_tol=1e-3):
        raise MeasurementError(f"kmscube's figures do not fit each other: {counts[-1][0]}")
    return Said("kmscube", named[0], {"cube": frames / seconds})


def _rate(program: str, bench: re.Match[str]) -> float:
    name, fps, frame_ms = bench[1], int(bench[3]), float(bench[4])
    if not frame_ms or abs(1000 / frame_ms - fps) > max(2, 0.02 * fps):
        raise MeasurementError(
            f"{program}: {name} at {fps} frames a second cannot take {frame_ms} ms a frame"
        )
    return 1000 / frame_ms


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _RULE.fullmatch(line)]
    return repr(lines[-1][:200]) if lines else "it said nothing"
