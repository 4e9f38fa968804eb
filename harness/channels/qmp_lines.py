"""QMP's framing: one JSON object per line, and no line without a bound.

The specification ("QEMU Machine Protocol Specification", docs/interop/qmp-spec.rst in QEMU's sources)
frames messages by the JSON grammar alone, but QEMU has always ended each with CR LF, and qemu.qmp and
libvirt both rely on it.
"""

from __future__ import annotations

LINE_LIMIT = 10 * 1024 * 1024
"""Bytes; the limit of libvirt and of qemu.qmp.

The largest answer of QEMU, ``query-qmp-schema``, has 0.3 MiB.
"""


class LineTooLongError(ValueError):
    """The peer sends a line that exceeds the limit, so it does not speak QMP."""


class QmpLines:
    """Cuts a byte stream into lines, in time linear in the bytes and in memory bounded by ``limit``."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._held: list[bytes] = []
        self._size = 0

    @property
    def held(self) -> int:
        """Bytes of the line that has not ended yet."""
        return self._size

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that ``chunk`` completes, without their end; blank ones are dropped.

        Raises LineTooLongError; what the stream says after that has no meaning.
        """
        *ended, rest = chunk.split(b"\n")
        lines = []
        for line in ended:
            whole = self._finish(line) if self._held else line
            if len(whole) > self._limit:
                raise LineTooLongError(f"a line of {len(whole)} bytes")
            if whole := whole.rstrip():
                lines.append(whole)
        if rest:
            self._held.append(rest)
            self._size += len(rest)
            if self._size > self._limit:
                raise LineTooLongError(f"{self._size} bytes without the end of a line")
        return lines

    def _finish(self, line: bytes) -> bytes:
        self._held.append(line)
        whole = b"".join(self._held)
        self._held = []
        self._size = 0
        return whole
