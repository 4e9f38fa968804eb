"""One measuring harness per host: two at once would measure each other."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from harness.errors import HostBusy
from harness.host.paths import runtime_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is measuring."""

    pid: int
    command: str
    since: float
    """Seconds since the epoch."""

    def __str__(self) -> str:
        started = time.strftime("%H:%M:%S", time.localtime(self.since))
        return f"pid {self.pid} ({self.command}), measuring since {started}"


@contextmanager
def measuring_lock(
    wait_s: float = 0, on_wait: Callable[[Holder | None], None] = lambda _holder: None
) -> Iterator[None]:
    """Hold the host-wide measuring lock; within one thread it may be nested.

    When another harness holds it, ``on_wait`` is told once by whom, and then it is waited for at most
    ``wait_s``. Raises HostBusy (facts: holder). The kernel releases the lock when its holder dies, however
    that happens.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - keeps light commands fast

    path = runtime_dir() / "measuring.lock"
    lock = FileLock(path, mode=0o600, is_singleton=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait(_holder(path))
        try:
            lock.acquire(timeout=wait_s)
        except Timeout:
            holder = _holder(path)
            raise HostBusy(
                f"another harness is measuring on this host: {holder or 'its name is not known yet'}",
                fix="wait until it has ended, or end it", holder=holder,
            ) from None  # fmt: skip
    try:
        _sign(path)
        yield
    finally:
        lock.release()


def _sign(path: Path) -> None:
    """Say who holds it, beside the lock: its own file must never be replaced."""
    me = Holder(os.getpid(), " ".join(sys.argv)[:200], time.time())
    partial = path.with_suffix(f".{me.pid}")
    with suppress(OSError):  # a full disk takes the name from the message, not the lock
        partial.write_text(json.dumps(asdict(me)))
        partial.replace(path.with_suffix(".holder"))


def _holder(path: Path) -> Holder | None:
    with suppress(OSError, ValueError, TypeError):
        return Holder(**json.loads(path.with_suffix(".holder").read_text()))
    return None
