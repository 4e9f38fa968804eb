"""Which process a pid means: a pid alone may belong to somebody else a moment later."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Identity:
    """A process for good: its pid and when it was born, in words that only :func:`born` makes.

    Linux: boot id, pid namespace, and the start time in clock ticks since boot (proc_pid_stat(5), field 22),
    which no change of the wall clock moves. Elsewhere: the start time that psutil reports.
    """

    pid: int
    born: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The process that has this pid now; None when there is none (a zombie is none)."""
        when = born(pid)
        return cls(pid, when) if when else None

    @property
    def gone(self) -> bool:
        """Whether this very process has ended. One in another pid namespace cannot be judged: not gone."""
        if born(self.pid) == self.born:
            return False
        here, there = (born(os.getpid()) or "").split("/"), self.born.split("/")
        elsewhere = len(there) == 3 and here[:1] == there[:1] and here[1:2] != there[1:2]
        return not elsewhere


def born(pid: int) -> str | None:
    """When this process started, as an opaque word; None when it does not exist or has ended."""
    return _born_linux(pid) if sys.platform == "linux" else born_elsewhere(pid)


def born_elsewhere(pid: int) -> str | None:
    """As :func:`born`, by psutil."""
    import psutil  # noqa: PLC0415 - keeps light commands fast

    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return f"{process.create_time():.6f}"
    return None


def _born_linux(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        return None
    fields = stat.rpartition(b")")[2].split()  # from field 3 on: the name may hold spaces and brackets
    return None if fields[0] in (b"Z", b"X") else f"{boot}/{namespace}/{int(fields[19])}"
