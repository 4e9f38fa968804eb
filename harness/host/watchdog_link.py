"""The harness's end of the watchdog: start it once, ask it to spawn and signal, hear what has ended."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import VisorbenchError
from harness.host import watchdog_wire
from harness.host.ownership import Current, cannot_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.host.ownership import Child

assert sys.platform != "win32"  # there harness.host.job_link does what this does

ENDING_S = 3.0
"""How long the end of everything may take; the watchdog itself needs its grace and a moment."""


_RUN = "import sys; sys.path.append(sys.argv[1]); from harness.host.watchdog import main; main()"
_ROOT = Path(__file__).parents[2]


_AWAY: dict[str, Any] = {"process_group": 0} if sys.platform == "linux" else {"start_new_session": True}
"""Out of reach of the terminal's Ctrl-C. On Linux in the session of the harness: the scheduler gives every session of
its own its share of the processor (autogroup, sched(7)), and a thread of one waits for a guest of another, however soon
it would run (:mod:`harness.host.prompt_thread`). There the watchdog lets go of the terminal itself."""


class _Request:
    def __init__(self, child: Child) -> None:
        self.child = child
        self.answered = threading.Event()
        self.errno: int | None = None


class WatchdogLink:
    """One watchdog. When it dies, its children die with it, and the link is ``lost``."""

    def __init__(self, harness: int) -> None:
        self.harness = harness
        self.lost = False
        self._ids = itertools.count()
        self._requests: dict[int, _Request] = {}
        self._children: dict[int, Child] = {}
        self._sending = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _RUN, _ROOT, str(theirs.fileno()), str(harness)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()], cwd="/", **_AWAY,
            )  # fmt: skip
        hello, _ = watchdog_wire.receive(self._socket)
        if hello is None or "ready" not in hello:
            raise VisorbenchError(
                "the watchdog of owned processes did not start", fix="report this", said=hello
            )
        self._reader = threading.Thread(target=self._read, name="visorbench-watchdog", daemon=True)
        self._reader.start()
        atexit.register(self.end)

    def spawn(
        self, child: Child, argv: Sequence[str], env: dict[str, str], cwd: str, fds: dict[int, int]
    ) -> None:
        """Start a program; ``fds``: number in the child → descriptor here. Raises ToolMissing, OSError."""
        if threading.current_thread() is self._reader:
            raise RuntimeError(
                "a callback of on_exit() must not spawn: it runs in the thread that has to answer"
            )
        request = _Request(child)
        number = next(self._ids)
        self._requests[number] = request
        if self.lost:  # looked at after the request was noted, so that the reader's last act cannot miss it
            raise _died_meanwhile()
        message = {"do": "spawn", "id": number, "argv": list(argv), "env": env, "cwd": cwd, "fds": list(fds)}
        self._send(message, list(fds.values()))
        request.answered.wait()
        if request.errno == 0:
            raise _died_meanwhile()
        if request.errno is not None:
            raise cannot_run(argv[0], request.errno)

    def signal(self, pid: int, number: int) -> None:
        """Signal a child's process group, unless it has ended."""
        with contextlib.suppress(VisorbenchError):
            self._send({"do": "signal", "pid": pid, "signal": number})

    def end(self) -> None:
        """End every child, SIGTERM first and SIGKILL a second later, and the watchdog; at most ENDING_S."""
        if self.harness != os.getpid():
            return  # a fork of the harness owns nothing
        self.lost = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):  # it ends without us as well
            self._process.wait(ENDING_S)
        if threading.current_thread() is not self._reader:
            self._reader.join(1)
        atexit.unregister(self.end)

    def _send(self, message: dict[str, Any], fds: list[int] | None = None) -> None:
        with self._sending:
            try:
                watchdog_wire.send(self._socket, message, fds)
            except OSError as error:
                raise VisorbenchError("the watchdog of owned processes is gone") from error

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while (message := watchdog_wire.receive(self._socket)[0]) is not None:
                self._hear(message)
        died, self.lost = not self.lost, True
        if died:  # its descriptors close a moment before its children are told
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
        now = time.monotonic_ns()
        with self._sending:  # nobody is half-way through a message
            self._socket.close()
        for request in list(self._requests.values()):
            request.errno = request.errno or 0
            request.answered.set()
        for pid in list(self._children):
            if died and sys.platform != "linux":  # there the kernel has killed them
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            self._children.pop(pid).ended(-signal.SIGKILL, now)

    def _hear(self, message: dict[str, Any]) -> None:
        if "id" in message:
            request = self._requests.pop(message["id"])
            if "pid" in message:
                self._children[message["pid"]] = request.child
                request.child.started(message["pid"])
            request.errno = message.get("errno")
            request.answered.set()
        elif "exit" in message:
            self._children.pop(message["exit"]).ended(message["status"], message["at_ns"])
        elif "failed" in message:
            sys.stderr.write(f"visorbench: the watchdog failed:\n{message['failed']}")


def _died_meanwhile() -> VisorbenchError:
    return VisorbenchError("the watchdog of owned processes died while it started a program")


link = Current(lambda: WatchdogLink(os.getpid()))
"""The watchdog of this very process, started when there is none: about 20 ms."""
