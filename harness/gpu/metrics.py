"""The metrics of a GPU workload, each with its unit and its definition in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from harness.gpu.report import GpuReport


LOW_1_PERCENT = "frame rate of the slowest hundredth of the frames: their number ÷ the sum of their times"


@dataclass(frozen=True, slots=True)
class GpuMetric:
    """One number of one report, in a base unit."""

    name: str
    value: float
    unit: str
    better: Literal["lower", "higher"]
    definition: str


def metrics(report: GpuReport) -> tuple[GpuMetric, ...]:
    """What a report comes to: frame rate and frame times always, bandwidths and arithmetic where the scene has any."""
    return (*_frame_metrics(report), *_work_metrics(report))


def _frame_metrics(report: GpuReport) -> tuple[GpuMetric, ...]:
    frames = report.frames
    pace = f"with {report.in_flight} in flight" if report.in_flight > 1 else "each waited for"
    return (
        GpuMetric("fps", frames.fps, "frames/s", "higher", f"frames ÷ time, {pace}, after the warm-up"),
        GpuMetric("frame-time", frames.median_s, "s", "lower",
                  "median time from the end of one frame to the end of the next"),
        GpuMetric("frame-time-p95", frames.percentile_s(95), "s", "lower", "95th percentile of the frame times"),
        GpuMetric("frame-time-p99", frames.percentile_s(99), "s", "lower", "99th percentile of the frame times"),
        GpuMetric("low-1-percent", frames.low_1_percent_fps, "frames/s", "higher", LOW_1_PERCENT),
        GpuMetric("first-frame", report.setup.first_frame_ns / 1e9, "s", "lower",
                  "from the program's start until the first frame was done, shaders compiled"),
    )  # fmt: skip


def _work_metrics(report: GpuReport) -> list[GpuMetric]:
    fps, work = report.frames.fps, report.work
    streams = {"upload": "uploaded", "readback": "read back"}
    found = []
    if report.scene in streams:
        frame_bytes = work.upload_bytes if report.scene == "upload" else work.readback_bytes
        found.append(GpuMetric(
            f"{report.scene}-bandwidth", fps * frame_bytes, "B/s", "higher",
            f"bytes {streams[report.scene]} by all frames ÷ their time, in which they are also drawn",
        ))  # fmt: skip
    if work.flop:
        found.append(GpuMetric(
            "arithmetic", fps * work.flop, "FLOP/s", "higher",
            "additions and multiplications of the matrix products, in single precision ÷ time",
        ))  # fmt: skip
    return found
