"""The pipes of a process in one loop with a deadline: what it says, block by block, while its input is fed to it.

Unix waits for all of them in a selector. Windows, whose selectors take sockets only, has a thread for each; there the
process must be ended before its pipes are closed, or closing waits for a read that waits for the process.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

_CHUNK = 1 << 16
_UNREAD_BLOCKS = 16
"""How far a thread may be ahead of whoever takes its blocks."""


class _Pumped:
    """Blocks that threads bring; bounded, so that a flood waits in its pipe."""

    def __init__(self) -> None:
        self.blocks: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self.room = threading.Semaphore(_UNREAD_BLOCKS)
        self.stopped = False

    def read(self, name: str, pipe: IO[bytes]) -> None:
        """Until the end of the stream, which is an empty block."""
        block = b"unread"
        while block and self.room.acquire() and not self.stopped:
            try:
                block = os.read(pipe.fileno(), _CHUNK)
            except (OSError, ValueError):  # ValueError: it was closed
                block = b""
            self.blocks.put((name, block))


def pumped(
    outputs: Mapping[str, IO[bytes]], feed: tuple[IO[bytes], bytes] | None, deadline: float
) -> Generator[tuple[str, bytes], None, None]:
    """As :func:`blocks`, by threads."""
    pump = _Pumped()
    for name, pipe in outputs.items():
        threading.Thread(target=pump.read, args=(name, pipe), daemon=True).start()
    feeder = threading.Thread(target=_write, args=feed or (), daemon=True)
    if feed is not None:
        feeder.start()
    open_ones = len(outputs)
    try:
        while open_ones:
            try:
                name, block = pump.blocks.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError from None
            pump.room.release()
            open_ones -= not block
            yield name, block
        if feed is not None:
            feeder.join(max(0.0, deadline - time.monotonic()))
            if feeder.is_alive():
                raise TimeoutError
    finally:
        pump.stopped = True
        pump.room.release(len(outputs))


def _write(pipe: IO[bytes], data: bytes) -> None:
    with suppress(OSError, ValueError):  # the process need not read it all
        pipe.write(data)
        pipe.close()


if sys.platform == "win32":
    blocks = pumped
else:
    import selectors

    def selected(
        outputs: Mapping[str, IO[bytes]], feed: tuple[IO[bytes], bytes] | None, deadline: float
    ) -> Generator[tuple[str, bytes], None, None]:
        """As :func:`blocks`, by a selector."""
        with selectors.DefaultSelector() as selector:
            for name, pipe in outputs.items():
                selector.register(pipe, selectors.EVENT_READ, name)
            unsent = memoryview(b"")
            if feed is not None:
                os.set_blocking(feed[0].fileno(), False)
                selector.register(feed[0], selectors.EVENT_WRITE)
                unsent = memoryview(feed[1])
            while selector.get_map():
                left_s = deadline - time.monotonic()
                ready = selector.select(left_s) if left_s > 0 else []
                if not ready:
                    raise TimeoutError
                for key, _ in ready:
                    if key.data is not None:
                        block = os.read(key.fd, _CHUNK)
                        if not block:
                            selector.unregister(key.fileobj)
                        yield key.data, block
                    elif feed is not None and not (unsent := _send(key.fd, unsent)):
                        selector.unregister(key.fileobj)
                        feed[0].close()

    def _send(fd: int, data: memoryview) -> memoryview:
        """What is left of ``data``; nothing when the process closed its stdin, which is its right."""
        try:
            return data[os.write(fd, data) :]
        except BrokenPipeError:
            return data[:0]

    blocks = selected
    """What comes out of each pipe as it comes, an empty block at its end, until all have ended; meanwhile ``feed``,
    an input pipe and what goes into it, is written and closed. Raises TimeoutError at ``deadline``
    (``time.monotonic()``)."""
