"""What arrives on a source, and when: by the native stamper where there is one, else by whoever takes it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from harness.channels.native_stamper import NativeArrivals, stamper

if TYPE_CHECKING:
    from harness.channels.source import Source

READ_BYTES = 96 << 10
"""Below what malloc maps afresh each time (glibc: 128 KiB), a flood is split three times as fast."""


class Arrivals(Protocol):
    """Of one source; to be taken by one thread at a time."""

    def fileno(self) -> int:
        """Readable while there is something to take, the end included."""
        ...

    def take(self) -> tuple[bytes, int]:
        """What has come and when the last of it did, as time.monotonic_ns(); nothing at the end.

        Raises BlockingIOError.
        """
        ...

    def settle(self) -> None:
        """When this returns, what had come before can be taken, however much of it one read gets."""
        ...

    def leave(self) -> None:
        """What comes from now on is only seen by :meth:`take`. Idempotent."""
        ...

    def close(self) -> None:
        """Before the source is. Once; nothing is taken any more."""
        ...


class TakenArrivals:
    """Read when they are taken, and as late as that stamped."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.fileno = source.fileno

    def take(self) -> tuple[bytes, int]:
        """As :meth:`Arrivals.take`."""
        try:
            data = self._source.read(READ_BYTES)
        except BlockingIOError:
            raise
        except OSError:  # EIO: the far side of a pty is gone; ECONNRESET: that of a socket
            data = b""
        return data, time.monotonic_ns()

    def settle(self) -> None:
        """As :meth:`Arrivals.settle`."""

    def leave(self) -> None:
        """As :meth:`Arrivals.leave`."""

    def close(self) -> None:
        """As :meth:`Arrivals.close`."""


def arrivals(source: Source) -> Arrivals:
    """Of this source, from now on."""
    taken = TakenArrivals(source)
    native = stamper()
    if native is None:
        return taken
    try:
        return NativeArrivals(native, source.fileno(), taken.take)
    except OSError:  # no descriptor, thread or memory is left
        return taken
