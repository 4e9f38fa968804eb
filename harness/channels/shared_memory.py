"""A byte stream in memory that both ends map, such as an ivshmem device's: two rings and their counters.

The layout is in ``native/transport/shared.h``. There is no doorbell: who waits looks again and again. The other end is
not believed: a counter that cannot be ends the stream.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from harness.errors import ChannelClosed

if TYPE_CHECKING:
    from collections.abc import Callable

MAGIC = 0x54534256
_TO_PEER, _FROM_PEER = 16, 48
"""A ring's counter of bytes written; that of bytes read is _READ words further."""
_READ = 16
_RINGS_AT = 4096
_LEAST = 4096
_WRAP = 1 << 32
_LOOKS = 64
"""Between two questions whether the peer still lives."""


class SharedMemoryStream:
    """The host's end, made before the other one looks. One thread sends and receives; ``sendall``, ``recv`` and
    ``settimeout`` are a socket's.

    ``ended``: whether the peer is gone, which memory does not tell.
    """

    def __init__(self, memory: memoryview, ended: Callable[[], bool]) -> None:
        """Lay ``memory`` out; raises ChannelClosed for one that is too small."""
        room = (len(memory) - _RINGS_AT) // 2
        if room < _LEAST:
            raise ChannelClosed(f"a shared memory of {len(memory)} bytes has no room for a stream")
        self._size = 1 << room.bit_length() - 1
        self._words = memory[:_RINGS_AT].cast("I")
        self._to_peer = memory[_RINGS_AT : _RINGS_AT + self._size]
        self._from_peer = memory[_RINGS_AT + self._size : _RINGS_AT + 2 * self._size]
        self._ended = ended
        self._timeout_s = math.inf
        self._closed = False
        self._words[0] = 0
        for counter in (_TO_PEER, _FROM_PEER):
            self._words[counter] = self._words[counter + _READ] = 0
        self._words[1] = self._size
        self._words[0] = MAGIC

    def settimeout(self, timeout_s: float) -> None:
        """How long to wait for the other end, each time."""
        self._timeout_s = timeout_s

    def sendall(self, data: bytes) -> None:
        """Raises TimeoutError, ChannelClosed."""
        source = memoryview(data)
        while source:
            at = self._words[_TO_PEER]
            sent = self._piece(at, self._await(_TO_PEER, self._size), len(source))
            begin = at % self._size
            self._to_peer[begin : begin + sent] = source[:sent]
            self._words[_TO_PEER] = (at + sent) % _WRAP
            source = source[sent:]

    def recv(self, most: int) -> bytes:
        """At least one byte and at most ``most``; raises TimeoutError, ChannelClosed."""
        at = self._words[_FROM_PEER + _READ]
        got = self._piece(at, self._await(_FROM_PEER, 0), most)
        begin = at % self._size
        data = bytes(self._from_peer[begin : begin + got])
        self._words[_FROM_PEER + _READ] = (at + got) % _WRAP
        return data

    def close(self) -> None:
        """Nothing is sent or received any more."""
        self._closed = True

    def _await(self, ring: int, room: int) -> int:
        """How many bytes can be read, or, with ``room``, be written: at least one."""
        words, deadline = self._words, time.monotonic() + self._timeout_s
        while True:
            for _ in range(_LOOKS):
                waiting = (words[ring] - words[ring + _READ]) % _WRAP
                if waiting > self._size:
                    raise ChannelClosed(
                        f"the other end counts {waiting} bytes in a shared memory's ring of {self._size}"
                    )
                free_or_waiting = room - waiting if room else waiting
                if free_or_waiting:
                    return free_or_waiting
                time.sleep(0)  # other threads, and on a busy host the guest, get their turn
            if self._closed or self._ended():
                raise ChannelClosed("the other end of a shared memory is gone")
            if time.monotonic() >= deadline:
                raise TimeoutError

    def _piece(self, at: int, some: int, wanted: int) -> int:
        """Bytes in one piece from a counter on."""
        return min(some, wanted, self._size - at % self._size)
