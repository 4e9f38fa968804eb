"""What a channel of bytes is read from and written to: a socket everywhere; on Unix a pipe or a pty as well."""

from __future__ import annotations

import os
import socket
import sys
from typing import Protocol


class HasFileno(Protocol):
    """What a selector waits for."""

    def fileno(self) -> int: ...


class Source(HasFileno, Protocol):
    """Something that never blocks."""

    def read(self, count: int) -> bytes:
        """What is there, nothing at the end; raises BlockingIOError, OSError."""
        ...

    def write(self, data: bytes | memoryview) -> int:
        """How much was taken; raises BlockingIOError, OSError."""
        ...

    def close(self) -> None: ...


def owned(given: int | socket.socket) -> Source:
    """The source behind a descriptor or socket, which is the source's from now on. Descriptors: on Unix only."""
    return _Connection(given) if isinstance(given, socket.socket) else _Descriptor(given)


class _Connection:
    def __init__(self, given: socket.socket) -> None:
        self._socket = socket.socket(given.family, given.type, given.proto, given.detach())
        self._socket.setblocking(False)  # noqa: FBT003 - socket has no keywords
        self.fileno = self._socket.fileno
        self.read = self._socket.recv
        self.write = self._socket.send
        self.close = self._socket.close


class _Descriptor:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        if sys.platform != "win32":
            os.set_blocking(fd, False)
        else:
            raise ValueError("on Windows a channel is a socket: selectors take nothing else there")

    def fileno(self) -> int:
        return self._fd

    def read(self, count: int) -> bytes:
        return os.read(self._fd, count)

    def write(self, data: bytes | memoryview) -> int:
        return os.write(self._fd, data)

    def close(self) -> None:
        os.close(self._fd)
