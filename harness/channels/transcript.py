"""What arrived on a channel, byte for byte, in a file that cannot fill the disk: its head and its tail."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEAD_BYTES = 4 << 20
TAIL_BYTES = 1 << 20


class Transcript:
    """The head is written as it comes; what comes later is held, its last TAIL_BYTES, and written on closing.

    A note between the two says how much is missing. A full disk ends the file early and is never an error
    here: a measurement must not fail for its log. Raises OSError when the file cannot be opened.
    """

    def __init__(self, path: Path, head_bytes: int = HEAD_BYTES, tail_bytes: int = TAIL_BYTES) -> None:
        self.path = path
        self._file = path.open("wb", buffering=0)
        self._room = head_bytes
        self._tail_bytes = tail_bytes
        self._tail: deque[bytes] = deque()
        self._held = 0
        self._dropped = 0

    def write(self, data: bytes) -> None:
        """Take what arrived."""
        head, rest = data[: self._room], data[self._room :]
        if head:
            self._room -= len(head)
            self._put(head)
        if rest:
            self._hold(rest)

    def close(self) -> None:
        """Write the tail and close; nothing the second time."""
        if self._file.closed:
            return
        tail = b"".join(self._tail)
        over = max(0, len(tail) - self._tail_bytes)
        if self._dropped + over:
            self._put(b"\n[visorbench: truncated, %d bytes left out here]\n" % (self._dropped + over))
        self._put(tail[over:])
        self._file.close()

    def _hold(self, data: bytes) -> None:
        self._tail.append(data)
        self._held += len(data)
        while self._held - len(self._tail[0]) >= self._tail_bytes:
            gone = len(self._tail.popleft())
            self._held -= gone
            self._dropped += gone

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError:
            self._room = 0
