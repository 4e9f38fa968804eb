"""What people call the metrics: ids are for programs, the report speaks English."""

from __future__ import annotations

from harness.machines.model import Phase

PHASES = tuple(phase.value for phase in Phase)
"""The metrics of a boot, in the order in which they stop."""

_WORDS = {
    Phase.VMM_READY.value: "VMM ready",
    Phase.FIRST_CONSOLE.value: "first console output",
    Phase.INIT.value: "init started",
    Phase.SSH_BANNER.value: "SSH banner",
    "float": "floating point",
    "syscall": "system calls",
    "context-switch": "context switches",
    "process": "process creation",
    "resume-to-answer": "resume to first answer",
    "reset-to-ready": "reset to guest ready",
    "powerdown": "power down",
    "wake-ups": "wake-ups",
    "cpu-time": "CPU time",
    "cpu-per-second": "host CPU per second",
    "memory-beyond-guest": "memory beyond the guest's",
    "fps": "frame rate",
    "frame-time-p95": "frame time, p95",
    "frame-time-p99": "frame time, p99",
    "flip-to-last-nal": "flip to last NAL unit",
    "host-cpu-per-frame": "host CPU per frame",
    "bitrate": "bit rate",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "low-1-percent": "1 % low",
}
"""Where the id with its hyphens as spaces would not do."""


def phase_of(metric: str) -> str | None:
    """The boot phase that a metric is, with or without a prefix ("cold/guest-ready"); None for any other."""
    name = name_of(metric)
    return name if name in PHASES else None


def is_stage(metric: str) -> bool:
    """Whether it is a part of another metric's time (``1280x720/stage-encode``), which counts once."""
    return name_of(metric).startswith("stage-")


def name_of(metric: str) -> str:
    """What is measured, without what was run: ``triangle/frame-rate`` → ``frame-rate``."""
    return metric.rpartition("/")[2]


def group_of(metric: str) -> str:
    """What was run, without what is measured: ``triangle/frame-rate`` → ``triangle``; empty where nothing is named."""
    return metric.rpartition("/")[0]


def in_words(metric: str) -> str:
    """``guest-ready`` → "guest ready", ``cold/first-command`` → "first command (cold)"."""
    name, group = name_of(metric), group_of(metric)
    words = _WORDS.get(name, name.replace("-", " "))
    return f"{words} ({group_in_words(group)})" if group else words


def group_in_words(group: str) -> str:
    """``triangle/640x360`` → "triangle 640x360"."""
    return group.replace("-", " ").replace("/", " ")
