"""What the harness holds at a moment; what it still holds when every machine is gone is a leak."""

from __future__ import annotations

import ctypes
import gc
import time
from dataclasses import asdict, dataclass, replace

import psutil

from harness.host.registry import directories, owned

STEADY_S = 1


@dataclass(frozen=True, slots=True)
class Census:
    """Counts, besides ``memory_bytes`` and ``at_s`` (of time.monotonic())."""

    at_s: float
    descriptors: int
    """Open files, sockets and the like; handles on Windows."""
    threads: int
    memory_bytes: int
    """Resident and its own; with glibc without what has been freed and is kept for later."""
    processes: int
    """That this harness owns."""
    directories: int
    """Private ones that this harness made for machines."""

    def counts(self) -> dict[str, int]:
        """What must be the same before and after."""
        return {name: value for name, value in asdict(self).items() if name not in ("at_s", "memory_bytes")}

    def more_than(self, before: Census) -> dict[str, tuple[int, int]]:
        """Of what there is more than before: name → before, now."""
        counts = self.counts()
        return {
            name: (count, counts[name]) for name, count in before.counts().items() if counts[name] > count
        }


def take() -> Census:
    """Now."""
    me = psutil.Process()
    with me.oneshot():
        now = Census(
            at_s=time.monotonic(),
            descriptors=getattr(me, "num_handles" if psutil.WINDOWS else "num_fds")(),
            threads=me.num_threads(),
            memory_bytes=0,
            processes=len([entry for entry in owned() if entry.owner.pid == me.pid]),
            directories=len([each for each in directories() if each.owner.pid == me.pid]),
        )
    _give_back_memory()  # after the counts: a forgotten descriptor of a cycle that is collected now has leaked
    return replace(now, memory_bytes=me.memory_full_info().uss)


def steady(patience_s: float) -> Census:
    """Once nothing has ended or begun for STEADY_S, or after ``patience_s``."""
    deadline = time.monotonic() + patience_s
    now = take()
    while time.monotonic() < deadline:
        time.sleep(STEADY_S)
        before, now = now, take()
        if now.counts() == before.counts():
            break
    return now


def settled(before: Census, patience_s: float) -> Census:
    """Once there is no more than before, or after ``patience_s``: what ends in threads takes a moment."""
    deadline = time.monotonic() + patience_s
    while (now := take()).more_than(before) and time.monotonic() < deadline:
        time.sleep(0.2)
    return now


def _give_back_memory() -> None:
    """What has been freed goes back to the system, with glibc (malloc_trim(3)).

    Each of a process's threads may allocate from an arena of its own, and its free pages are spread over them all. They
    grow for an hour of machines in four threads, by some 10 MB, while what is allocated does not: no leak, yet as
    large as one that matters.
    """
    gc.collect()
    trim = None if psutil.WINDOWS else getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(ctypes.c_size_t(0))
