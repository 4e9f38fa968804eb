"""What owning a process comes to on every platform: who keeps the children of the harness, and what they call back."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from harness.errors import ToolMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NOT_A_PROGRAM = (2, 13, 8)
"""ENOENT, EACCES, ENOEXEC."""


class Child(Protocol):
    """What the owner calls when it hears of a child, from a thread of its own."""

    def started(self, pid: int) -> None: ...
    def ended(self, status: int, at_ns: int) -> None: ...


class Owner(Protocol):
    """Keeps children that cannot outlive the harness: the watchdog's link on Unix, job objects on Windows."""

    @property
    def lost(self) -> bool:
        """It starts nothing any more, and its children are gone or going."""
        ...

    def spawn(
        self, child: Child, argv: Sequence[str], env: dict[str, str], cwd: str, fds: dict[int, int]
    ) -> None:
        """Start a program; ``fds``: number in the child → descriptor here. Raises ToolMissing, OSError."""
        ...

    def signal(self, pid: int, number: int) -> None:
        """Signal a child and what it has started, unless it has ended."""
        ...

    def end(self) -> None:
        """End every child, SIGTERM first and SIGKILL a second later; the owner is lost then."""
        ...


OwnerT = TypeVar("OwnerT", bound=Owner)


class Current(Generic[OwnerT]):
    """The one owner of the one harness that this process is, made when there is none."""

    def __init__(self, make: Callable[[], OwnerT]) -> None:
        self._make = make
        self._lock = threading.RLock()  # re-entrant: a signal handler may end what this thread is starting
        self._found: tuple[int, OwnerT] | None = None

    def __call__(self) -> OwnerT:
        with self._lock:
            me = os.getpid()  # a fork owns nothing of its parent's
            if self._found is None or self._found[1].lost or self._found[0] != me:
                self._found = (me, self._make())
            return self._found[1]


def cannot_run(program: str, errno: int, why: str = "") -> Exception:
    """The error for a program that the operating system would not start."""
    why = why or os.strerror(errno)
    if errno in _NOT_A_PROGRAM:
        return ToolMissing(
            f"cannot run {program}: {why}",
            fix="install it, or name another one",
            program=program,
            errno=errno,
        )
    return OSError(errno, why, program)
