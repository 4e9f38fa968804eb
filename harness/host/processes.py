"""Processes that belong to the harness: none of them outlives it, however it ends.

:func:`spawn` asks a small process of the harness's own, the watchdog (:mod:`harness.host.watchdog`), to start
the program. The watchdog is the parent, and so the place where everything comes together: ``kill -9`` of the
harness leaves it alive to end its children; ``kill -9`` of the watchdog lets the kernel end them
(PR_SET_PDEATHSIG); a thread of the harness that ends takes nothing with it; and a start costs one round trip
and a fork of a small process (about a millisecond), while forking the harness itself, with its threads and
100 MiB, would be slow and, with a ``preexec_fn``, unsound.

Every process has its own process group, which ends with it. What has left the group (a daemon) ends with the
harness at the latest. Each is also entered in :mod:`harness.host.registry` for ``visorbench ps`` and
``reap``.

How the harness itself ends: normally, by an exception or Ctrl-C: context managers, then an ``atexit`` of the
link to the watchdog. SIGTERM and SIGHUP: the same, once :func:`install_endings` was called, which the command
line and the pytest plugin do. In every other way: the watchdog notices and ends everything within a second or
so.

Windows has none of this and needs less: there every process is born in a job object that the kernel ends with the
harness (:mod:`harness.host.job_link`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from harness.host import registry

if sys.platform == "win32":
    from harness.host.job_link import link
else:
    from harness.host.watchdog_link import link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

    from harness.host.ownership import Owner

PIPE = subprocess.PIPE
"""For ``stdin``, ``stdout``, ``stderr`` of :func:`spawn`: a pipe, found as the process's attribute."""
STDOUT = subprocess.STDOUT
"""For ``stderr`` of :func:`spawn`: where stdout goes."""
SIGKILL = getattr(signal, "SIGKILL", 9)
"""Windows has no signals; there the number alone says how a process is ended, and was."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How and when a process ended: ``status`` is its exit code, or minus the signal that ended it."""

    status: int
    at_ns: int
    """``time.monotonic_ns()`` when the watchdog was told of the end."""


class OwnedProcess:
    """A process that dies with the harness. Made by :func:`spawn`."""

    def __init__(self, argv: Sequence[str], purpose: str, owner: Owner) -> None:
        self.argv = tuple(argv)
        self.purpose = purpose
        self.pid = 0
        self.spawned_ns = 0
        """``time.monotonic_ns()`` just before the process was asked for."""
        self.stdin: IO[bytes] | None = None
        self.stdout: IO[bytes] | None = None
        self.stderr: IO[bytes] | None = None
        self._owner = owner
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._exit: Exit | None = None
        self._callbacks: list[Callable[[Exit], None]] = []
        self._entry: Path | None = None
        self._abandoned = False

    @property
    def exited(self) -> Exit | None:
        """How and when it ended; None while it runs."""
        return self._exit

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        return self._exit.status if self._exit else None

    def wait(self, timeout_s: float | None = None) -> int:
        """Its exit status, once it has one; raises TimeoutError."""
        if not self._ended.wait(timeout_s) or self._exit is None:
            raise TimeoutError(f"{self.purpose} (pid {self.pid}) still runs after {timeout_s} s")
        return self._exit.status

    def on_exit(self, callback: Callable[[Exit], None]) -> None:
        """Call ``callback`` once when it ends, from the thread that hears of it; at once when it has ended.

        The callback must be quick, and must not spawn.
        """
        with self._lock:
            if self._exit is None:
                self._callbacks.append(callback)
                return
        callback(self._exit)

    def signal(self, number: int) -> None:
        """Send a signal to its process group; nothing when it has ended (never to a reused pid)."""
        if self._exit is None:
            self._owner.signal(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM to its process group; nothing when it has ended."""
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to its process group; nothing when it has ended."""
        self.signal(SIGKILL)

    def end(self, grace_s: float = 1.0) -> int:
        """SIGTERM, SIGKILL when that does not end it within ``grace_s``; its exit status."""
        self.terminate()
        try:
            return self.wait(grace_s)
        except TimeoutError:
            self.kill()
            return self.wait(10)

    def started(self, pid: int) -> None:
        """The watchdog's word that it runs."""
        self.pid = pid
        if self._abandoned:
            self.kill()

    def abandon(self) -> None:
        """Nobody wants it any more: end it now, or as soon as it has started, and close its pipes."""
        self._abandoned = True
        self.kill()
        for pipe in (self.stdin, self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()

    def ended(self, status: int, at_ns: int) -> None:
        """The watchdog's word that it has ended."""
        with self._lock:
            self._exit = Exit(status, at_ns)
            callbacks, self._callbacks = self._callbacks, []
        self._ended.set()
        self._forget()
        for callback in callbacks:
            try:
                callback(self._exit)
            except Exception:  # noqa: BLE001 - one bad callback must not deafen the harness
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def register(self) -> None:
        """Enter it in the registry of owned processes. Raises DiskFull, CacheReadOnly."""
        self._entry = registry.note_process(self.pid, self.argv, self.purpose)
        if self._exit is not None:  # it ended while its entry was written
            self._forget()

    def _forget(self) -> None:
        if self._entry is not None:
            registry.remove(self._entry)


def spawn(
    argv: Sequence[str | Path],
    *,
    purpose: str,
    stdin: int | IO[bytes] | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    pass_fds: Sequence[int] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> OwnedProcess:
    """Start a process that cannot outlive the harness.

    ``None`` for a standard stream is the null device; a descriptor or file is passed on; PIPE makes a pipe.
    ``pass_fds`` are open in the child under the same numbers (on Windows there are none). Raises ToolMissing when
    argv[0] cannot be run, OSError for other refusals of the kernel, DiskFull or CacheReadOnly when it cannot be
    registered.
    """
    words = [os.fspath(word) for word in argv]
    owner = link()
    process = OwnedProcess(words, purpose, owner)
    with ExitStack() as ours:
        fds = _standard_streams(process, ours, stdin, stdout, stderr) | {fd: fd for fd in pass_fds}
        process.spawned_ns = time.monotonic_ns()
        try:
            owner.spawn(
                process, words, dict(os.environ if env is None else env), os.fspath(cwd or Path.cwd()), fds
            )
            process.register()
        except BaseException:  # Ctrl-C included
            process.abandon()
            raise
    return process


_ONE_SIGNAL_S = 1.0
"""What comes within it is one: coreutils' timeout signals its child, and then the group that the child is in."""


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: unwinds the harness exactly as Ctrl-C does."""


def install_endings() -> None:
    """Make SIGTERM and SIGHUP unwind the harness's context managers; one that comes later ends it at once.

    For the main thread of a command line or test run. A signal that is ignored (nohup) or handled already is
    left.
    """
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):  # Windows has no SIGHUP, and alone has SIGBREAK
        number = getattr(signal, name, signal.SIGTERM)
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminate)


def signal_name(number: int) -> str:
    """What a user knows the signal by."""
    return "SIGKILL" if number == SIGKILL else signal.Signals(number).name


def _terminate(number: int, _frame: FrameType | None) -> None:
    first_s = time.monotonic()

    def again(number: int, _frame: FrameType | None) -> None:
        if time.monotonic() - first_s > _ONE_SIGNAL_S:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    signal.signal(number, again)
    raise Terminated(signal.Signals(number).name)


def _standard_streams(
    process: OwnedProcess,
    ours: ExitStack,
    stdin: int | IO[bytes] | None,
    stdout: int | IO[bytes] | None,
    stderr: int | IO[bytes] | None,
) -> dict[int, int]:
    """Number in the child → descriptor here; what was opened for the child alone closes with ``ours``."""
    fds: dict[int, int] = {}
    for number, name, stream in ((0, "stdin", stdin), (1, "stdout", stdout), (2, "stderr", stderr)):
        if stream is None:
            fds[number] = os.open(os.devnull, os.O_RDWR)
            ours.callback(os.close, fds[number])
        elif stream == PIPE:
            read, write = os.pipe()
            fds[number], kept = (read, write) if number == 0 else (write, read)
            ours.callback(os.close, fds[number])
            setattr(process, name, os.fdopen(kept, "wb" if number == 0 else "rb"))
        elif stream == STDOUT:
            fds[number] = fds[1]
        else:
            fds[number] = stream if isinstance(stream, int) else stream.fileno()
    return fds
