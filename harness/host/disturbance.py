"""How much of this host's CPU somebody else had: the noise of a span of time, as one number.

Two looks at the kernel's own counters and at the harness's processes, some milliseconds each, and nothing in between:
whatever is measured between them is not touched. The counters are those of ``/proc/stat`` (proc_stat(5)) and of
getrusage(2), or what psutil has in their place.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Reading:
    """One look: seconds of CPU time since the host started, of all its cores together."""

    at_s: float
    """Monotonic."""
    busy_s: float
    """Used by anybody, the harness included."""
    stolen_s: float
    """Wanted by this host, and given to others by the hypervisor below it; 0 where that is not told."""
    ours_s: float
    """Used by this process and its descendants, ended or alive."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Shares of the CPU time that the host had between two readings, 0 to 1."""

    others: float
    """Used by processes that are not the harness's."""
    stolen: float
    """Kept by the hypervisor that this host is a guest of."""

    @property
    def score(self) -> float:
        """The host's noise: the share of its CPU time that the harness could not have had."""
        return min(1.0, self.others + self.stolen)


def read() -> Reading:
    """Look now."""
    times = psutil.cpu_times()
    stolen = getattr(times, "steal", 0.0)
    # "guest" is part of "user" (proc_stat(5)), so it is not added.
    used = ("user", "nice", "system", "irq", "softirq")
    return Reading(
        at_s=time.monotonic(),
        busy_s=sum(getattr(times, name, 0.0) for name in used),
        stolen_s=stolen,
        ours_s=_ours_s(),
    )


def between(before: Reading, after: Reading) -> Disturbance:
    """What happened from one reading to the next; all zero for two at the same time."""
    had_s = (after.at_s - before.at_s) * (psutil.cpu_count() or 1)
    if had_s <= 0:
        return Disturbance(0.0, 0.0)
    # The kernel counts ticks: what we used can be a tick more than what it says anybody used.
    others_s = max(0.0, after.busy_s - before.busy_s - (after.ours_s - before.ours_s))
    stolen_s = max(0.0, after.stolen_s - before.stolen_s)
    return Disturbance(min(1.0, others_s / had_s), min(1.0, stolen_s / had_s))


NOISY = 0.1
"""A score above this moves medians by more than the few percent that people compare."""


def advice(found: Disturbance) -> str:
    """What a noisy host was disturbed by, and what to do; empty for a quiet one."""
    if found.score <= NOISY:
        return ""
    if found.stolen > found.others:
        return (
            f"The hypervisor below this host kept {found.stolen:.0%} of its CPU time while it was measured. "
            "Measure on bare metal or on a dedicated instance."
        )
    return (
        f"Other programs had {found.others:.0%} of this host's CPU time while it was measured. "
        "Close them, and measure again."
    )


def watch(seconds: float) -> Disturbance:
    """The disturbance of the next ``seconds``, in which this thread sleeps."""
    before = read()
    time.sleep(seconds)
    return between(before, read())


def _ours_s() -> float:
    mine = os.times()
    total = mine.user + mine.system + mine.children_user + mine.children_system
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.Error:  # it ended between the two calls
            continue
        # What it waited for: pids that were reaped by a child count as that child's, not as ours.
        total += times.user + times.system + times.children_user + times.children_system
    return total
