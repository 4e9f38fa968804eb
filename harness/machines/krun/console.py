"""A krunkit's console, which it writes to a path: here a FIFO, so that every line is stamped when it arrives.

A file would have to be looked at over and over. The FIFO has a writer of ours as well, or a reader that is there before
krunkit would see its end; it goes when krunkit has ended, and the console then ends as any other.
"""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.channels.console import Console

if TYPE_CHECKING:
    from pathlib import Path

    from harness.machines.rest.control import RestControl


@dataclass(slots=True)
class FifoConsole:
    """As :class:`harness.machines.rest.vmm.ConsoleWay`."""

    path: Path
    log: Path
    _reader: int = field(default=-1, init=False)
    _writer: int = field(default=-1, init=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False)

    def prepare(self) -> None:
        """Make it; raises OSError."""
        if sys.platform == "win32":
            raise AssertionError("krunkit exists on macOS only")
        os.mkfifo(self.path, 0o600)
        self._reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self._writer = os.open(self.path, os.O_WRONLY)

    def open(self, control: RestControl) -> Console:  # noqa: ARG002 - it is where we have put it
        """What has been said already is in it."""
        with self._turn:
            reader, self._reader = self._reader, -1
        return Console(reader, log=self.log)

    def end(self) -> None:
        """Whoever wrote to it has ended; idempotent, whichever threads say so."""
        with self._turn:
            ours = (self._reader, self._writer)
            self._reader = self._writer = -1
        for fd in ours:
            if fd >= 0:
                os.close(fd)
