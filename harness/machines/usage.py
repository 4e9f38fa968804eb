"""What a machine costs its host: processor time and memory of every process that runs it, helpers included."""

from __future__ import annotations

import re
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psutil import Process

_PROC = Path("/proc")
_CPUCLOCK_SCHED = 2
_MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) [-rwxps]{4} ", re.MULTILINE)
_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)
_WAKE_UPS = re.compile(r"^voluntary_ctxt_switches:\s+(\d+)$", re.MULTILINE)


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
            cpu_s += _cpu_s(process)
            told = process.memory_full_info()
            memory_bytes += int(getattr(told, "pss", told.rss))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return Usage(cpu_s, memory_bytes)


def _cpu_s(process: Process) -> float:
    """Of all its threads, and of its children that have ended.

    Linux: to the nanosecond by the process's clock (clock_getcpuclockid(3), of which this is the kernel's number),
    where /proc/PID/stat has hundredths of a second: an idle program's whole second. Children are in those.
    """
    user_s, system_s, *children_s = process.cpu_times()[:4]
    if sys.platform == "linux":
        with suppress(OSError):
            return time.clock_gettime(~process.pid << 3 | _CPUCLOCK_SCHED) + sum(children_s)
    return user_s + system_s + sum(children_s)


def guest_memory_bytes(pids: Iterable[int], size_bytes: int) -> int | None:
    """How much of a guest's memory of ``size_bytes`` its host holds; None where the system does not tell.

    Linux: the PSS of the mappings of exactly that size, ``Pss`` in /proc/PID/smaps. A VMM maps its guest's memory in
    one piece, between guard pages; a process without such a mapping holds none of it.
    """
    held: int | None = None
    for pid in pids:
        with suppress(OSError):
            for begin, end, pss_bytes in _mappings((_PROC / str(pid) / "smaps").read_text()):
                if end - begin == size_bytes:
                    held = (held or 0) + pss_bytes
    return held


def wake_ups(pids: Iterable[int]) -> int | None:
    """How often the processes' threads have gone to sleep, and so were woken; None where the system does not tell.

    Linux: ``voluntary_ctxt_switches`` in /proc/PID/task/TID/status. Threads that have ended count no more.
    """
    if not _PROC.is_dir():
        return None
    total = 0
    for pid in pids:
        for status in (_PROC / str(pid) / "task").glob("*/status"):
            with suppress(OSError):
                total += sum(map(int, _WAKE_UPS.findall(status.read_text())))
    return total


def _mappings(smaps: str) -> list[tuple[int, int, int]]:
    """Begin, end and PSS in bytes of each."""
    ranges = _MAPPING.findall(smaps)
    sizes = _PSS.findall(smaps)
    return [
        (int(begin, 16), int(end, 16), int(kib) << 10)
        for (begin, end), kib in zip(ranges, sizes, strict=True)
    ]
