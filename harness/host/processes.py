"""Processes that belong to the harness: none of them outlives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

PIPE = -1
"""For ``stdin``, ``stdout``, ``stderr`` of :func:`spawn`: a pipe, found as the process's attribute."""
STDOUT = -2
"""For ``stderr`` of :func:`spawn`: where stdout goes."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How and when a process ended: ``status`` is its exit code, or minus the signal that ended it."""

    status: int
    at_ns: int
    """``time.monotonic_ns()`` when the end was seen."""


class OwnedProcess:
    """A process that dies with the harness. Made by :func:`spawn`."""

    pid: int
    argv: tuple[str, ...]
    purpose: str
    spawned_ns: int
    """``time.monotonic_ns()`` just before the process was asked for."""
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    stderr: IO[bytes] | None

    @property
    def exited(self) -> Exit | None:
        """How it ended; None while it runs."""
        raise NotImplementedError

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        raise NotImplementedError

    def wait(self, timeout_s: float | None = None) -> int:
        """Its exit status, once it has one; raises TimeoutError."""
        raise NotImplementedError

    def on_exit(self, callback: Callable[[Exit], None]) -> None:
        """Call ``callback`` once, from another thread, when it ends (at once when it has ended already)."""
        raise NotImplementedError

    def terminate(self) -> None:
        """SIGTERM to its process group; nothing when it has ended."""
        raise NotImplementedError

    def kill(self) -> None:
        """SIGKILL to its process group; nothing when it has ended."""
        raise NotImplementedError


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

    ``None`` for a standard stream is the null device; a file descriptor or file is passed on; PIPE makes a pipe.
    ``pass_fds`` are open in the child under the same numbers. Raises ToolMissing when argv[0] cannot be run.
    """
    raise NotImplementedError


def end_all(grace_s: float = 1.0) -> None:
    """End every owned process: SIGTERM, then SIGKILL after ``grace_s``; returns when they are gone."""
    raise NotImplementedError


def install_endings() -> None:
    """Make SIGTERM and SIGHUP of the harness unwind its context managers, as Ctrl-C does.

    Called by the command line and the pytest plugin from the main thread.
    """
    raise NotImplementedError
