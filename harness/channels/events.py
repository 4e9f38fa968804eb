"""Events from a guest on a virtio-serial port: one line each, its first word the event's name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.channels.awaiting import await_line
from harness.channels.lines import LineReader

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from harness.channels.pattern import Line
    from harness.channels.reader_thread import ReaderThread


class EventPort:
    """The harness's end of a virtio-serial port; owns ``source`` from now on.

    Every line is stamped on arrival, as the console's; by ``thread``, or one of its own.
    """

    def __init__(
        self, source: int | socket.socket, *, name: str = "event port", thread: ReaderThread | None = None
    ) -> None:
        self.name = name
        self._reader = LineReader(source, name=name, thread=thread)

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._reader.closed_at is not None

    def mark(self) -> int:
        """Where the port is now, for ``since``."""
        return self._reader.mark()

    def on_event(self, callback: Callable[[Line], None]) -> Callable[[], None]:
        """Call from the reader's thread for every event; the returned function ends it."""
        return self._reader.on_line(callback)

    def wait_for(self, name: str, timeout_s: float, *, since: int = 0) -> Line:
        """The first event of this name since the mark; raises NotSeen, ChannelClosed."""
        line = await_line(self._reader, self.name, rf"^{re.escape(name)}(?:\s|$)", timeout_s, since)
        if line is None:
            raise AssertionError("an event port has no fatal pattern")
        return line

    def close(self) -> None:
        """Stop reading; nothing the second time."""
        self._reader.close()
