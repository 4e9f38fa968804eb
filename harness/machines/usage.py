"""What a machine costs its host: processor time and memory of every process that runs it, helpers included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Usage:
    """``cpu_s``: since the processes began, children that have ended included. ``memory_bytes``: now; what processes
    share is counted once where the system tells (Linux: PSS), else in each."""

    cpu_s: float
    memory_bytes: int


def usage(pids: Iterable[int]) -> Usage:
    """Of the processes that still are."""
    import psutil  # noqa: PLC0415 - light commands do not need it

    cpu_s, memory_bytes = 0.0, 0
    for pid in pids:
        try:
            process = psutil.Process(pid)
            cpu_s += sum(process.cpu_times()[:4])
            told = process.memory_full_info()
            memory_bytes += int(getattr(told, "pss", told.rss))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return Usage(cpu_s, memory_bytes)
