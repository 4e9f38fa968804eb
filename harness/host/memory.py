"""The host's memory, as it is now: what programs may still have, and whether its kernel has had to end some."""

from __future__ import annotations

import re
from pathlib import Path

_OOM_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def oom_kills(vmstat: Path = Path("/proc/vmstat")) -> int:
    """How many processes the kernel has ended for want of memory since it booted, those of a control group that was
    full included; 0 where the system does not tell. Linux 4.13: ``oom_kill`` of /proc/vmstat."""
    try:
        told = _OOM_KILLS.search(vmstat.read_text())
    except OSError:
        return 0
    return int(told[1]) if told else 0


def available_bytes() -> int:
    """What programs may still have without the host beginning to swap."""
    import psutil  # noqa: PLC0415 - light commands do not need it

    return int(psutil.virtual_memory().available)


def total_bytes() -> int:
    """All of it."""
    import psutil  # noqa: PLC0415 - light commands do not need it

    return int(psutil.virtual_memory().total)
