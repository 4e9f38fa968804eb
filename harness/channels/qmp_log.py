"""A record of a QMP conversation, bounded, for whoever has to find out what happened."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOG_LIMIT = 8 * 1024 * 1024
"""Bytes; a flood of events must not fill the disk."""
LINE_KEPT = 4096
"""Bytes of each line: ``query-qmp-schema`` says nothing that is worth 300 KiB of log."""


class QmpLog:
    """Lines of ``<monotonic seconds> > sent`` and ``< received``.

    A full disk ends the log early and is never an error here: the machine must not be lost for its log. Raises
    OSError when the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._lock = threading.Lock()
        self._left = LOG_LIMIT

    def sent(self, data: bytes) -> None:
        self._write(b">", data, time.monotonic_ns())

    def received(self, data: bytes, at_ns: int) -> None:
        self._write(b"<", data, at_ns)

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _write(self, direction: bytes, data: bytes, at_ns: int) -> None:
        more = b" ..." if len(data) > LINE_KEPT else b""
        line = b"%.6f %s %s%s\n" % (at_ns / 1e9, direction, data[:LINE_KEPT], more)
        with self._lock:
            if self._left > 0 and not self._file.closed:
                try:
                    self._left -= len(line)
                    self._file.write(line)
                except OSError:
                    self._left = 0
