"""Who is whose parent, and in whose process group: from /proc, or from ps where there is none.

Imports only what the watchdog has loaded anyway.
"""

from __future__ import annotations

import contextlib
import os
import sys


def living_processes() -> dict[int, tuple[int, int]]:
    """Pid → (parent, process group) of every living process."""
    return _read_proc() if sys.platform == "linux" else read_ps()


def _read_proc() -> dict[int, tuple[int, int]]:
    table = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib is slow to import
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123
                state, parent, group = stat.read().rpartition(b")")[2].split()[:3]
                if state not in (b"Z", b"X"):
                    table[int(name)] = (int(parent), int(group))
    return table


def read_ps() -> dict[int, tuple[int, int]]:
    """The process table where there is no /proc."""
    import subprocess  # noqa: PLC0415 - only there, and only at the end

    with subprocess.Popen(["/bin/ps", "-axo", "pid=,ppid=,pgid=,stat="], stdout=subprocess.PIPE) as ps:
        table = parse_ps(ps.communicate()[0].decode())
        table.pop(ps.pid, None)
    return table


def parse_ps(listing: str) -> dict[int, tuple[int, int]]:
    """Read ``ps -axo pid=,ppid=,pgid=,stat=`` as macOS prints it; a zombie is no longer living."""
    rows = (line.split() for line in listing.splitlines())
    return {int(r[0]): (int(r[1]), int(r[2])) for r in rows if len(r) == 4 and not r[3].startswith("Z")}
