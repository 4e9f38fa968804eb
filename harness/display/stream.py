"""A socket read in exact amounts, every wait bounded."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

from harness.errors import DisplayLost, NoFrame

_CHUNK = 65536


class Stream:
    """Owns ``sock``; ``name`` is how errors call the peer. Buffered, so that small reads cost no system call each."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        self._sock = sock
        self._name = name
        self._buffer = bytearray(_CHUNK)
        self._begin = self._end = 0

    def read(self, count: int, deadline: float) -> bytes:
        """``count`` bytes; raises NoFrame at the deadline (of time.monotonic()), DisplayLost."""
        data = bytearray(count)
        self.read_into(memoryview(data), deadline)
        return bytes(data)

    def read_into(self, memory: memoryview, deadline: float) -> None:
        """Fill ``memory``, large ones straight from the socket."""
        held = min(len(memory), self._end - self._begin)
        memory[:held] = memoryview(self._buffer)[self._begin : self._begin + held]
        self._begin += held
        while held < len(memory):
            if len(memory) - held >= _CHUNK:
                held += self._receive(memory[held:], deadline)
                continue
            self._begin, self._end = 0, self._receive(memoryview(self._buffer), deadline)
            taken = min(len(memory) - held, self._end)
            memory[held : held + taken] = memoryview(self._buffer)[:taken]
            held += taken
            self._begin = taken

    def skip(self, count: int, deadline: float) -> None:
        """Read and forget; a peer that announces gigabytes costs no memory."""
        while count:
            count -= len(self.read(min(count, _CHUNK), deadline))

    def send(self, data: bytes | memoryview) -> None:
        """Send all; raises DisplayLost."""
        try:
            self._sock.settimeout(10)
            self._sock.sendall(data)
        except OSError as error:
            raise DisplayLost(f"{self._name} broke off ({error.strerror or error})") from None

    def close(self) -> None:
        """Close the socket; a thread that reads gets DisplayLost."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _receive(self, memory: memoryview, deadline: float) -> int:
        try:
            self._sock.settimeout(max(0.000_001, deadline - time.monotonic()))
            count = self._sock.recv_into(memory)
        except TimeoutError:
            raise NoFrame(f"{self._name} said nothing in time") from None
        except OSError as error:
            raise DisplayLost(f"{self._name} broke off ({error.strerror or error})") from None
        if count == 0:
            raise DisplayLost(f"{self._name} closed the connection")
        return count
