"""What a console said, byte for byte, in a file that cannot fill the disk: its head and its tail."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEAD_BYTES = 4 << 20
TAIL_BYTES = 1 << 20


class ConsoleLog:
    """The head is written as it comes; what comes later is held, its last TAIL_BYTES, and written on closing.

    A note between the two says how much is missing. A full disk ends the file early and is never an error
    here: a measurement must not fail for its log. Raises OSError when the file cannot be opened.
    """

    def __init__(self, path: Path, head_bytes: int = HEAD_BYTES, tail_bytes: int = TAIL_BYTES) -> None:
        self.path = path
        self._file = path.open("wb", buffering=0)
        self._room = head_bytes
        self._tail_bytes = tail_bytes
        self._tail = bytearray()
        self._dropped = 0

    def write(self, data: bytes) -> None:
        """Take what arrived."""
        head, rest = data[: self._room], data[self._room :]
        if head:
            self._room -= len(head)
            self._put(head)
        if rest:
            self._tail += rest
            if len(self._tail) > 2 * self._tail_bytes:
                self._trim()

    def close(self) -> None:
        """Write the tail and close; nothing the second time."""
        if self._file.closed:
            return
        self._trim()
        if self._dropped:
            self._put(b"\n[visorbench: truncated, %d bytes left out here]\n" % self._dropped)
        self._put(self._tail)
        self._file.close()

    def _trim(self) -> None:
        over = max(0, len(self._tail) - self._tail_bytes)
        self._dropped += over
        del self._tail[:over]

    def _put(self, data: bytes | bytearray) -> None:
        try:
            self._file.write(data)
        except OSError:
            self._room = 0
