"""The one mechanism under every channel of lines: what arrives is stamped by a thread that waits for it, kept as
far as there is room, and matched.

Memory is bounded: the last KEPT characters are held as blocks, each with the stamp of its arrival. Matching
is done by the thread that reads, so that a line is found even when a flood pushes it out an instant later.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from harness.channels.arrivals import arrivals
from harness.channels.pattern import Line, LinePattern
from harness.channels.reader_thread import ReaderThread
from harness.channels.source import owned
from harness.channels.splitter import LineSplitter, lines_of
from harness.channels.stamp import Stamp

if TYPE_CHECKING:
    import re
    import socket
    from collections.abc import Callable

KEPT = 256 << 10
"""Characters of the past that can still be searched and shown."""

_BLOCK_COST = 200
"""What holding a block costs beside its characters."""

_LAST_BYTES = 6 << 20
"""What has arrived already is still read at a close(), but a flood not for ever."""
SHOWN_LINES = 100
"""Of what arrives at once, listeners get this many of the first and of the last lines."""


class Watch:
    """A pattern that somebody waits for; ``found`` is set once."""

    def __init__(self, pattern: LinePattern, since: int) -> None:
        self.pattern = pattern
        self.since = since
        self.found: Line | None = None
        self.done = threading.Event()
        """Found, or the channel closed, or the fatal pattern came first."""


class _Listening:
    """Who hears lines until it leaves: from then on nothing, whatever is on its way."""

    def __init__(self, listener: Callable[[Line], None]) -> None:
        self.left = False
        self._listener = listener

    def __call__(self, line: Line) -> None:
        if not self.left:
            _call(self._listener, line)


class LineReader:
    """Reads a socket or descriptor until its end of file or :meth:`close`, which also closes it.

    ``on_bytes`` gets what arrives as it is; ``fatal`` is a pattern after which no other is waited for. ``thread`` reads
    other channels as well; without it there is one for this channel alone, which ends when the channel does.
    """

    def __init__(
        self,
        source: int | socket.socket,
        *,
        name: str,
        on_bytes: Callable[[bytes], None] | None = None,
        fatal: str | re.Pattern[str] | None = None,
        thread: ReaderThread | None = None,
    ) -> None:
        self.source = owned(source)
        self.first_byte: Stamp | None = None
        self.closed_at: Stamp | None = None
        self.fatal: tuple[int, Line] | None = None
        """Where and what the last line was that matched ``fatal``."""
        self.began = threading.Event()
        """The first byte came, or the channel closed without one."""
        self._on_bytes = on_bytes
        self._fatal_pattern = LinePattern(fatal) if fatal is not None else None
        self._splitter = LineSplitter()
        self._blocks: deque[tuple[int, int, str]] = deque()  # (where it begins, at_ns, block)
        self._held = 0
        self._end = 0
        self._last_ns = 0
        self._closing = False
        self._watches: list[Watch] = []
        self._listeners: list[_Listening] = []
        self._on_fatal: list[Callable[[Line], None]] = []
        self._lock = threading.Lock()
        self._thread = thread or ReaderThread(name)
        self._shared = thread is not None
        self._arrivals = arrivals(self.source)
        self._thread.add(self._arrivals, self._on_readable)

    def mark(self) -> int:
        """Where the channel is now; a line that has begun and not ended counts as after it."""
        with self._lock:
            return self._end

    def cut(self, timeout_s: float) -> int:
        """Where the channel is now, what has come and not ended being a line of its own before it.

        A peer that begins anew leaves a prompt or half a line behind, which is no beginning of what it says next.
        """

        def end_the_line() -> None:
            if self.closed_at is None:
                self._take(self._splitter.finish(), self._last_ns)

        if self._thread.here:
            end_the_line()
        else:
            self._once_read(end_the_line, timeout_s)
        return self.mark()

    def watch(self, pattern: str | re.Pattern[str], since: int) -> Watch:
        """Look for a pattern in what is held since the mark, and in everything that comes."""
        watch = Watch(LinePattern(pattern), since)
        with self._lock:
            for start, at_ns, block in self._blocks:
                if start + len(block) > since and self._look(watch, block[max(0, since - start) :], at_ns):
                    return watch
            self._look(watch, self._splitter.partial, self._last_ns)
            if self.closed_at or (self.fatal and self.fatal[0] >= since):
                watch.done.set()
            if not watch.done.is_set():
                self._watches.append(watch)
        return watch

    def unwatch(self, watch: Watch) -> None:
        """Stop looking."""
        with self._lock:
            if watch in self._watches:
                self._watches.remove(watch)

    def on_line(self, listener: Callable[[Line], None], *, replay: bool = False) -> Callable[[], None]:
        """Call from the reader's thread for every line, in a flood for some; the returned function ends it.

        ``replay``: for those first that came before and are still held; all in order, none twice.
        """
        listening = _Listening(listener)
        if replay:
            self._have_done(lambda: self._replay(listening))
        else:
            self._listeners.append(listening)

        def leave() -> None:
            listening.left = True
            self._have_done(self._forget_who_left)

        return leave

    def settle(self, timeout_s: float) -> bool:
        """Wait until the listeners have had every line that came before this call; False when time ran out."""
        return self._once_read(lambda: None, timeout_s)

    def on_fatal(self, listener: Callable[[Line], None]) -> None:
        """Call from the reader's thread when the fatal pattern appears; at once when it has."""
        with self._lock:
            self._on_fatal.append(listener)
            seen = self.fatal
        if seen is not None:
            listener(seen[1])

    def tail(self, lines: int) -> list[str]:
        """The last lines, an unfinished one included."""
        with self._lock:
            found: deque[str] = deque(lines_of(self._splitter.partial))
            for _, _, block in reversed(self._blocks):
                if len(found) >= lines:
                    break
                found.extendleft(reversed(lines_of(block)[-lines:]))
        return list(found)[-lines:]

    def close(self) -> None:
        """Stop reading and close the source; returns when the last callback has returned, in a callback at once."""
        with self._lock:
            closing, self._closing = self._closing, True
        if closing:
            return
        closed = threading.Event()

        def leave() -> None:
            self._arrivals.leave()
            self._read_the_last()
            self._arrivals.close()
            self.source.close()
            closed.set()

        self._have_done(leave)
        if not self._thread.here:
            closed.wait()
        if not self._shared:
            self._thread.close()

    def _on_readable(self) -> None:
        if self.closed_at is None and self._read() == b"":
            self._ended()

    def _read_the_last(self) -> None:
        """What has arrived already, and then nothing more."""
        if self.closed_at is None:
            self._read_on()
            self._ended()

    def _read_on(self) -> None:
        left = _LAST_BYTES
        while left > 0 and (data := self._read()):
            left -= len(data)

    def _read(self) -> bytes | None:
        """Take in what has come: nothing yet (None), or nothing any more."""
        try:
            data, at_ns = self._arrivals.take()
        except BlockingIOError:
            return None
        if data:
            self._arrived(data, at_ns)
        return data

    def _have_done(self, errand: Callable[[], None]) -> None:
        """Have the thread run ``errand`` between two blocks; here and now when nothing will come any more."""
        with self._lock:
            ended = self.closed_at is not None
            if not ended:
                self._thread.call(errand)
        if ended:
            errand()

    def _once_read(self, errand: Callable[[], None], timeout_s: float) -> bool:
        """Have it done when what had come before was read; False when time ran out first. In another thread."""
        done = threading.Event()

        def read_first() -> None:
            if self.closed_at is None:
                self._arrivals.settle()
                self._read_on()
            errand()
            done.set()

        self._have_done(read_first)
        return done.wait(timeout_s)

    def _replay(self, listening: _Listening) -> None:
        """Catch it up; in the reader's thread, so that nothing arrives meanwhile."""
        for _, at_ns, block in list(self._blocks):
            for line in _shown(block, at_ns):
                listening(line)
        self._listeners.append(listening)

    def _forget_who_left(self) -> None:
        for listening in [each for each in self._listeners if each.left]:
            self._listeners.remove(listening)

    def _arrived(self, data: bytes, at_ns: int) -> None:
        if self.first_byte is None:
            self.first_byte = Stamp(at_ns)
            self.began.set()
        if self._on_bytes:
            self._on_bytes(data)
        with self._lock:
            block = self._splitter.feed(data)
            self._last_ns = at_ns
        self._take(block, at_ns)

    def _take(self, block: str, at_ns: int) -> None:
        fatal = None
        with self._lock:
            partial = self._splitter.partial if self._watches else ""
            self._watches = [w for w in self._watches if not self._look(w, block + partial, at_ns)]
            if self._fatal_pattern and (fatal := self._fatal_pattern.find(block, at_ns)):
                self.fatal = (self._end, fatal)
                for watch in self._watches:
                    watch.done.set()
                self._watches.clear()
            self._hold(block, at_ns)
        for line in _shown(block, at_ns) if self._listeners and block else ():
            for listening in list(self._listeners):
                listening(line)
        if fatal:
            for listener in list(self._on_fatal):
                _call(listener, fatal)

    @staticmethod
    def _look(watch: Watch, text: str, at_ns: int) -> bool:
        watch.found = watch.pattern.find(text, at_ns)
        if watch.found:
            watch.done.set()
        return watch.found is not None

    def _hold(self, block: str, at_ns: int) -> None:
        start, self._end = self._end, self._end + len(block)
        if not block:
            return
        if len(block) > KEPT:
            cut = block.find("\n", len(block) - KEPT) + 1
            start, block = start + cut, block[cut:]
        self._blocks.append((start, at_ns, block))
        self._held += len(block) + _BLOCK_COST
        while self._held > KEPT and len(self._blocks) > 1:
            self._held -= len(self._blocks.popleft()[2]) + _BLOCK_COST

    def _ended(self) -> None:
        at_ns = time.monotonic_ns()
        self._thread.remove(self._arrivals)
        self._take(self._splitter.finish(), at_ns)
        with self._lock:
            self.closed_at = Stamp(at_ns)
            for watch in self._watches:
                watch.done.set()
            self._watches.clear()
        self._thread.run_errands()
        self.began.set()
        if not self._shared:
            self._thread.close()


def _call(listener: Callable[[Line], None], line: Line) -> None:
    try:
        listener(line)
    except Exception:  # noqa: BLE001 - one bad listener must not end the channel
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))


def _shown(block: str, at_ns: int) -> list[Line]:
    stamp = Stamp(at_ns)
    total = block.count("\n")
    if total <= 2 * SHOWN_LINES:
        return [Line(text, stamp) for text in lines_of(block)]
    first = block.split("\n", SHOWN_LINES)[:-1]
    last = block.rsplit("\n", SHOWN_LINES + 1)[1:]
    left_out = f"… {total - 2 * SHOWN_LINES} lines not shown …"
    return [Line(text, stamp) for text in (*first, left_out, *last) if text]
