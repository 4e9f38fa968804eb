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
}
"""Where the id with its hyphens as spaces would not do."""


def phase_of(metric: str) -> str | None:
    """The boot phase that a metric is, with or without a prefix ("cold/guest-ready"); None for any other."""
    phase = metric.rpartition("/")[2]
    return phase if phase in PHASES else None


def in_words(metric: str) -> str:
    """``guest-ready`` → "guest ready", ``cold/first-command`` → "first command (cold)"."""
    phase = phase_of(metric)
    if phase and phase != metric:
        return f"{in_words(phase)} ({metric.removesuffix(phase).rstrip('/')})"
    return _WORDS.get(metric, metric.replace("-", " "))
