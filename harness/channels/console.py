"""A guest's console: every line stamped when it arrives, memory bounded, nothing blocked by a flood."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING

from harness.channels.awaiting import await_first_byte, await_line
from harness.channels.console_log import ConsoleLog
from harness.channels.lines import LineReader
from harness.errors import ChannelClosed, GuestPanicked, GuestSilent

if TYPE_CHECKING:
    import re
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from harness.channels.pattern import Line
    from harness.channels.reader_thread import ReaderThread
    from harness.channels.stamp import Stamp

PANIC = "Kernel panic - not syncing"
"""Linux: panic() in kernel/panic.c."""


class Console:
    """Over a socket, pty or pipe, which is read from now on until its end of file or :meth:`close`.

    The console owns ``source`` from now on; ``thread`` reads it, or one of its own. ``log`` gets every byte as it came,
    the middle of a flood left out. Text in lines has no control sequences; what is not UTF-8 is U+FFFD.
    """

    def __init__(
        self,
        source: int | socket.socket,
        *,
        log: Path | None = None,
        name: str = "console",
        thread: ReaderThread | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._log = ConsoleLog(log) if log is not None else None
        self._reader = LineReader(
            source, name=name, fatal=PANIC, on_bytes=self._log.write if self._log else None, thread=thread
        )

    @property
    def first_byte(self) -> Stamp | None:
        """When the guest's first byte came, from firmware, boot loader or kernel."""
        return self._reader.first_byte

    def wait_first_byte(self, timeout_s: float) -> Stamp:
        """When the first byte came; raises NotSeen, ChannelClosed."""
        return await_first_byte(self._reader, self.name, timeout_s)

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._reader.closed_at is not None

    @property
    def panic(self) -> Line | None:
        """The line with which the guest's kernel panicked, the latest if it did so again."""
        return self._reader.fatal[1] if self._reader.fatal else None

    def on_panic(self, callback: Callable[[Line], None]) -> None:
        """Call from the reader's thread when the guest's kernel panics; at once when it has."""
        self._reader.on_fatal(callback)

    def on_line(self, callback: Callable[[Line], None], *, replay: bool = False) -> Callable[[], None]:
        """Call from the reader's thread for every line; the returned function ends it.

        The callback must be quick. Of a flood it gets the first and the last lines of what came at once, and
        one that says how many were not shown. ``replay``: it gets the lines first that came before, as far as
        they are remembered; all in order, none twice.
        """
        return self._reader.on_line(callback, replay=replay)

    def settle(self, timeout_s: float) -> bool:
        """Wait until every line that has been read was given to who listens; False when time ran out."""
        return self._reader.settle(timeout_s)

    def mark(self) -> int:
        """Where the console is now, for ``since``."""
        return self._reader.mark()

    def cut(self, timeout_s: float = 1) -> int:
        """Where the console is now, for ``since``; a prompt or half a line that is there is no beginning of
        what comes."""
        return self._reader.cut(timeout_s)

    def wait_for(self, pattern: str | re.Pattern[str], timeout_s: float, *, since: int = 0) -> Line:
        """The first line since the mark in which ``pattern`` is found, an unfinished one (a prompt) included.

        The last 256 KiB are remembered. Raises NotSeen, ChannelClosed, and GuestPanicked when the guest's
        kernel has panicked since the mark or does so meanwhile (facts: console, log).
        """
        found = await_line(self._reader, self.name, pattern, timeout_s, since)
        if found is None:
            panic = self.panic
            raise GuestPanicked(
                f"the guest's kernel panicked: {panic.text if panic else PANIC}",
                fix=f"read {self.log}" if self.log else "read the console",
                console=self.tail(), log=self.log,
            )  # fmt: skip
        return found

    def tail(self, lines: int = 20) -> list[str]:
        """The last lines, an unfinished one included."""
        return self._reader.tail(lines)

    def write(self, data: bytes, timeout_s: float = 5) -> None:
        """Type on the console; raises GuestSilent when the guest does not read, ChannelClosed."""
        deadline = time.monotonic() + timeout_s
        left = memoryview(data)
        while left:
            if self.closed:
                raise ChannelClosed(f"the {self.name} is closed", tail=self.tail())
            try:
                left = left[self._reader.source.write(left) :]
            except BlockingIOError:
                if not select.select([], [self._reader.source], [], max(0, deadline - time.monotonic()))[1]:
                    raise GuestSilent(
                        f"the guest does not read its {self.name}: {len(left)} bytes not taken in {timeout_s} s"
                    ) from None
            except OSError as error:
                raise ChannelClosed(
                    f"the {self.name} is closed: {error.strerror}", tail=self.tail()
                ) from error

    def close(self) -> None:
        """Stop reading, complete the log; nothing the second time."""
        self._reader.close()
        if self._log:
            self._log.close()
