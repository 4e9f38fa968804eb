"""A guest's console: every line stamped when it arrives, memory bounded, nothing blocked by a flood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from harness.channels.stamp import Stamp


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end and control sequences, and when it arrived."""

    text: str
    stamp: Stamp


class Console:
    """A reader thread over a socket, pty or pipe; it starts at once and ends at end of file or :meth:`close`."""

    def __init__(self, source: int | socket.socket, *, log: Path | None = None) -> None:
        raise NotImplementedError

    @property
    def first_byte(self) -> Stamp | None: ...
    def wait_first_byte(self, timeout_s: float) -> Stamp:
        """Raises NotSeen, ChannelClosed."""
        raise NotImplementedError

    @property
    def closed(self) -> bool: ...
    @property
    def panic(self) -> Line | None:
        """The line with which the guest's kernel panicked."""
        raise NotImplementedError

    def on_panic(self, callback: Callable[[Line], None]) -> None: ...
    def on_line(self, callback: Callable[[Line], None]) -> Callable[[], None]:
        """Call from the reader thread for every line; returns the function that ends it."""
        raise NotImplementedError

    def mark(self) -> int:
        """Where the console is now, for ``since``."""
        raise NotImplementedError

    def wait_for(self, pattern: str | re.Pattern[str], timeout_s: float, *, since: int = 0) -> Line:
        """The first line since the mark in which ``pattern`` is found, an unfinished one (a prompt) included.

        Raises NotSeen, ChannelClosed, and GuestPanicked when the guest's kernel panics meanwhile.
        """
        raise NotImplementedError

    def tail(self, lines: int = 20) -> list[str]: ...
    def write(self, data: bytes, timeout_s: float = 5) -> None:
        """Raises GuestSilent when the guest does not read, ChannelClosed."""
        raise NotImplementedError

    def close(self) -> None: ...
