"""The process that does a vfkit's work: Virtualization.framework runs each guest in an XPC service of its own.

Activity Monitor shows it as "Virtual Machine Service for vfkit". It is launchd's child, not vfkit's, so that it is in
no process tree and no process group of ours; it is known by its name and by having been born while our vfkit started.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.host.registry import note_process

if TYPE_CHECKING:
    from pathlib import Path

    from psutil import Process

NAME = "com.apple.Virtualization.VirtualMachine"
_BORN_S = 1.0
"""How long the worker of a vfkit that answers may take to be there."""
_LOOK_S = 0.02
GRACE_S = 3.0
"""launchd ends the worker of a vfkit that is gone within this, unless it hangs."""
_KILL_TIMEOUT_S = 10.0


def workers() -> frozenset[int]:
    """Every worker on this host that this user may see."""
    import psutil  # noqa: PLC0415 - light commands do not need it

    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == NAME:
                found.add(process.pid)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Worker:
    """The worker of one machine, entered in the registry of owned processes: `visorbench reap` finds it too."""

    pid: int
    entry: Path | None

    @classmethod
    def find(cls, before: frozenset[int], purpose: str) -> Worker | None:
        """The one that was not there ``before``.

        None when none comes, and when several did: one of them is another program's, whose guest must not be ended.
        """
        deadline = time.monotonic() + _BORN_S
        while not (born := workers() - before):
            if time.monotonic() >= deadline:
                return None
            time.sleep(_LOOK_S)
        if len(born) > 1:
            return None
        (pid,) = born
        return cls(pid, note_process(pid, [NAME], f"{purpose}: worker"))

    def end(self) -> None:
        """Its vfkit is gone: wait until it is too, by force if need be. Nothing the second time."""
        import psutil  # noqa: PLC0415 - as above

        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if process.name() == NAME and not _ends(process, GRACE_S):
                process.kill()
                _ends(process, _KILL_TIMEOUT_S)
        if self.entry:
            self.entry.unlink(missing_ok=True)


def _ends(process: Process, timeout_s: float) -> bool:
    """Whether it is gone in time, or only waits for its parent to look: it is no child of ours, to be awaited."""
    deadline = time.monotonic() + timeout_s
    while process.is_running() and process.status() != "zombie":
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_S)
    return True
