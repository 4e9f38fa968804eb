"""A thread that runs as soon as there is something for it to do, also where guests have every core.

On Linux a thread that wakes up waits until the one that runs has used up its time slice, some 3 ms, unless its own is
shorter (EEVDF's PREEMPT_SHORT) and it has not had more than its share. Since Linux 6.12 any thread may ask for a short
slice; a greater share needs a negative nice value, and that root or a limit that allows it (RLIMIT_NICE, limits.conf):
https://docs.kernel.org/scheduler/sched-eevdf.html, sched_setattr(2).
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

SLICE_NS = 100_000
"""The shortest that the kernel gives."""
NICE = -20

_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
"""Its number, by machine: glibc has the function since 2.41 only."""
_RESET_ON_FORK = 1
"""What such a thread starts is like any other."""
_SCHED_ATTR = struct.Struct("=IIQiIQQQ")
"""size, policy (0: SCHED_OTHER), flags, nice, priority, runtime, deadline, period."""


def run_promptly(thread: int = 0) -> None:
    """Let a thread that has little to do at a time run before others, as far as the host allows it: the calling one, or
    that of this number (threading.get_native_id()).

    Where it does not (another system, an older Linux, no privilege) nothing is lost but time.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return
    try:
        if os.sched_getscheduler(thread) != os.SCHED_OTHER:
            return
    except OSError:  # musl has none of this
        return
    for nice in range(NICE, os.getpriority(os.PRIO_PROCESS, thread) + 1):  # the first that is allowed
        wanted = _SCHED_ATTR.pack(_SCHED_ATTR.size, 0, _RESET_ON_FORK, nice, 0, SLICE_NS, 0, 0)
        if ctypes.CDLL(None).syscall(number, thread, wanted, 0) == 0:
            return
