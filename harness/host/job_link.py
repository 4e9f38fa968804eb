"""Windows: the owner of the harness's processes, each in a job object that the kernel ends with the harness.

What the watchdog does on Unix, the kernel does here: the harness has the only handle of each job, and its death,
however it comes, closes it. One thread for each process waits for its end and stamps it.
"""

from __future__ import annotations

import atexit
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.host import job_object
from harness.host.ownership import Current, cannot_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.host.ownership import Child

assert sys.platform == "win32"

GRACE_S = 1.0
"""Between Ctrl-Break and the end of the job when everything ends: a VMM flushes its disk caches on Ctrl-Break."""
_REAP_S = 1.0
_KILL = 9
_CONTROL_C_EXIT = 0xC000_013A
"""How a program ends on Ctrl-Break that does not handle it (STATUS_CONTROL_C_EXIT)."""
_BY_SIGNAL = 128
"""Above it, the exit codes that stand for a signal of ours, as a shell has them."""


@dataclass(slots=True)
class _Owned:
    child: Child
    process: job_object.JobProcess
    asked: int = 0
    """The last signal that it was sent."""
    watcher: threading.Thread | None = None


class JobLink:
    """Every process of this harness; ``lost`` once :meth:`end` was called."""

    def __init__(self) -> None:
        self.lost = False
        self._lock = threading.Lock()
        self._owned: dict[int, _Owned] = {}
        atexit.register(self.end)

    def spawn(
        self, child: Child, argv: Sequence[str], env: dict[str, str], cwd: str, fds: dict[int, int]
    ) -> None:
        """As :meth:`Owner.spawn <harness.host.ownership.Owner.spawn>`; there are only the standard streams."""
        if set(fds) != {0, 1, 2}:
            raise ValueError("on Windows a process inherits its standard streams and no other descriptor")
        try:
            owned = _Owned(child, job_object.JobProcess(argv, env, cwd, (fds[0], fds[1], fds[2])))
        except OSError as error:
            raise cannot_run(argv[0], error.errno or 0, error.strerror or "") from error
        with self._lock:
            self._owned[owned.process.pid] = owned
        child.started(owned.process.pid)
        owned.watcher = threading.Thread(
            target=self._watch, args=(owned,), name=f"visorbench-{owned.process.pid}", daemon=True
        )
        owned.watcher.start()

    def signal(self, pid: int, number: int) -> None:
        """SIGTERM is Ctrl-Break where the child shares our console; everything else ends the job."""
        with self._lock:
            owned = self._owned.get(pid)
            if owned is None:
                return
            owned.asked = number
            if number == signal.SIGTERM and owned.process.press_ctrl_break():
                return
            owned.process.terminate(_BY_SIGNAL + number)

    def end(self) -> None:
        """End every child, Ctrl-Break first."""
        self.lost = True
        for number, wait_s in ((signal.SIGTERM, GRACE_S), (_KILL, _REAP_S)):
            with self._lock:
                living = dict(self._owned)
            for pid in living:
                self.signal(pid, number)
            deadline = time.monotonic() + wait_s
            for owned in living.values():
                if owned.watcher not in (None, threading.current_thread()):
                    owned.watcher.join(max(0.0, deadline - time.monotonic()))
        atexit.unregister(self.end)

    def _watch(self, owned: _Owned) -> None:
        code = owned.process.wait()
        at_ns = time.monotonic_ns()
        with self._lock:
            del self._owned[owned.process.pid]
            owned.process.close()  # what it has started ends with it
            asked = owned.asked
        signalled = asked and code in (_BY_SIGNAL + asked, _CONTROL_C_EXIT)
        owned.child.ended(-asked if signalled else code, at_ns)


link = Current(JobLink)
"""The owner of this very process's children."""
