"""The thread that reads: one for all channels of a machine, so that a machine at rest costs its harness few of them.

It sleeps until a source has something to read, and has that source's channel take it. Between two reads it runs
errands, which others leave with it: what they change is then changed by nobody else at the same time.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections import deque
from typing import TYPE_CHECKING

from harness.host.prompt_thread import run_promptly

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.channels.source import HasFileno

_MOST_RINGS = 4096


class ReaderThread:
    """Runs at once, until :meth:`close`; its channels are closed before."""

    def __init__(self, name: str) -> None:
        self._selector = selectors.DefaultSelector()
        self._bell, self._rope = socket.socketpair()  # no pipe: Windows selects sockets only
        self._selector.register(self._bell, selectors.EVENT_READ, self._answer)
        self._errands: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._over = False
        self._thread = threading.Thread(target=self._run, name=f"visorbench-{name}", daemon=True)
        self._thread.start()

    @property
    def here(self) -> bool:
        """Whether this is the thread that asks."""
        return threading.current_thread() is self._thread

    def add(self, source: HasFileno, on_readable: Callable[[], None]) -> None:
        """Call whenever the source has something to read, or is at its end: from when this returns."""
        added = threading.Event()

        def register() -> None:
            self._selector.register(source, selectors.EVENT_READ, on_readable)
            added.set()

        self.call(register)
        added.wait()

    def remove(self, source: HasFileno) -> None:
        """In this thread: it is read no more."""
        self._selector.unregister(source)

    def call(self, errand: Callable[[], None]) -> None:
        """Run it between two reads, after what was left before; here and now when the thread is over."""
        with self._lock:
            over = self._over
            if not over:
                self._errands.append(errand)
                if len(self._errands) == 1:  # else it is at them, or has been rung for
                    self._rope.send(b"!")
        if over:
            errand()

    def run_errands(self) -> None:
        """In this thread: all of them."""
        while self._errands:
            self._errands.popleft()()

    def close(self) -> None:
        """End it, its errands done; returns when it has ended, in the thread itself at once. Idempotent."""
        self.call(self._stop)
        if not self.here:
            self._thread.join()

    def _run(self) -> None:
        run_promptly()  # a stamp is as late as this thread is
        while not self._over:
            ready = {key.fileobj: key.data for key, _ in self._selector.select()}
            rung = ready.pop(self._bell, None)
            for read in ready.values():
                read()
            if rung:  # last: an errand comes after what had arrived when it was left
                rung()
        self._selector.close()
        self._bell.close()
        self._rope.close()

    def _answer(self) -> None:
        self._bell.recv(_MOST_RINGS)
        self.run_errands()

    def _stop(self) -> None:
        with self._lock:
            self._over = True
