"""Unix sockets and the descriptors that travel over them, refused by name on hosts that have none (Windows)."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

from harness.errors import HostLacks

if TYPE_CHECKING:
    from collections.abc import Sequence


def unix_socket() -> socket.socket:
    """A stream socket of the family AF_UNIX; raises HostLacks."""
    if sys.platform == "win32":
        raise _lacking("a Unix socket")
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)


def send_fds(sock: socket.socket, data: bytes, fds: Sequence[int]) -> int:
    """Send some of ``data`` and all of ``fds`` (SCM_RIGHTS); how many bytes went. Raises HostLacks, OSError."""
    if sys.platform == "win32":
        raise _lacking("a file descriptor")
    return socket.send_fds(sock, [data], fds)


def receive_fds(sock: socket.socket, most_bytes: int, most_fds: int, flags: int) -> tuple[bytes, list[int]]:
    """What came, and the descriptors that came with it, which the caller closes. Raises HostLacks, OSError."""
    if sys.platform == "win32":
        raise _lacking("a file descriptor")
    data, fds, _, _ = socket.recv_fds(sock, most_bytes, most_fds, flags)
    return data, fds


def unread_bytes(fd: int) -> int:
    """How much of what was sent over a unix socket its peer has not read; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    else:  # noqa: RET505 - mypy knows then that the modules are there
        import fcntl  # noqa: PLC0415
        import termios  # noqa: PLC0415

        waiting = fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(waiting, sys.byteorder)


def _lacking(what: str) -> HostLacks:
    return HostLacks(
        f"this needs {what} between two processes, which Windows does not give",
        fix="run it on Linux or macOS",
    )
