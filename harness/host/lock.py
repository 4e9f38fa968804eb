"""One measuring harness per host, whoever its user is: two at once would measure each other."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from harness.errors import HostBusy, LockUnusable
from harness.host.paths import lock_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_NAME = "visorbench-measuring.lock"
_SIGNED_AT = 1
"""Where the holder's name begins: the first byte is what Windows locks, and lets nobody else read."""
_LONGEST_SIGNATURE = 4096
_EVERYBODY = 0o666
_SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""No link is followed, no pipe's other end waited for, no line end rewritten: each where the platform has it."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is measuring."""

    pid: int
    command: str
    since: float
    """Seconds since the epoch."""
    user: str = ""

    def __str__(self) -> str:
        started = time.strftime("%H:%M:%S", time.localtime(self.since))
        of = f" of {self.user}" if self.user else ""
        return f"pid {self.pid}{of} ({self.command}), measuring since {started}"


@contextmanager
def measuring_lock(
    wait_s: float = 0, on_wait: Callable[[Holder | None], None] = lambda _holder: None
) -> Iterator[None]:
    """Hold the host-wide measuring lock; within one thread it may be nested.

    When another harness holds it, ``on_wait`` is told once by whom, and then it is waited for at most
    ``wait_s``. Raises HostBusy (facts: holder), LockUnusable (facts: path). The kernel releases the lock when
    its holder dies, however that happens.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - keeps light commands fast

    path = lock_dir() / _NAME
    _provide(path)
    lock = FileLock(path, mode=_EVERYBODY, is_singleton=True)
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
    except OSError as error:  # between the look at the file and its lock, somebody has replaced it
        raise _unusable(path, error.strerror or str(error)) from error
    try:
        _sign(path)
        yield
    finally:
        if lock.lock_counter == 1:
            _write(path, b"")
        lock.release()


def _provide(path: Path) -> None:
    """Have a lock file there that every user can lock; raises LockUnusable.

    It is made by whoever comes first, and never with O_CREAT once it is there: Linux refuses that for another
    user's file in a world-writable folder (fs.protected_regular, proc_sys_fs(5)).
    """
    try:
        with suppress(FileExistsError):
            made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFELY, _EVERYBODY)
            try:
                if hasattr(os, "fchmod"):
                    os.fchmod(made, _EVERYBODY)  # whatever the umask of the first user is
            finally:
                os.close(made)
        os.close(_open(path))
    except OSError as error:
        if not os.path.lexists(path):
            raise LockUnusable(
                f"cannot make {path}, which says whether somebody measures on this host: {error.strerror}",
                fix=f"have every user of this host write in {path.parent}, or set VISORBENCH_LOCK_DIR", path=path,
            ) from error  # fmt: skip
        raise _unusable(path, error.strerror or str(error)) from error


def _open(path: Path) -> int:
    """The lock file and nothing else that lies in its place, such as a link into another user's files."""
    try:
        file = os.open(path, os.O_RDWR | _SAFELY)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError("it is a link") from error
        raise
    found = os.fstat(file)
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
        return file
    os.close(file)
    raise OSError("it is not a file of its own")


def _sign(path: Path) -> None:
    """Say in the lock file who holds it: beside it, one user could not replace what another has written."""
    import getpass  # noqa: PLC0415 - only for those who measure

    user = ""
    with suppress(OSError, KeyError):  # no name for this uid, as in some containers
        user = getpass.getuser()
    me = Holder(os.getpid(), " ".join(sys.argv)[:200], time.time(), user)
    _write(path, json.dumps(asdict(me)).encode())


def _write(path: Path, signature: bytes) -> None:
    with suppress(OSError):  # a full disk takes the name from the message, not the lock
        file = _open(path)
        try:
            os.ftruncate(file, _SIGNED_AT)
            os.lseek(file, _SIGNED_AT, os.SEEK_SET)
            os.write(file, signature)
        finally:
            os.close(file)


def _holder(path: Path) -> Holder | None:
    with suppress(OSError, ValueError, TypeError):
        file = _open(path)
        try:
            os.lseek(file, _SIGNED_AT, os.SEEK_SET)
            return Holder(**json.loads(os.read(file, _LONGEST_SIGNATURE)))
        finally:
            os.close(file)
    return None


def _unusable(path: Path, why: str) -> LockUnusable:
    return LockUnusable(
        f"{path}, which says whether somebody measures on this host, cannot be used: {why}",
        fix="remove it while nobody measures; it is made again, for every user",
        path=path,
    )
