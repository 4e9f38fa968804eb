"""Memory that clients make a server use, counted before it is set aside."""

from __future__ import annotations

import threading
import weakref


class Allowance:
    """At most ``most`` bytes at a time, which are a part of what ``within`` allows to several. For any thread."""

    def __init__(self, most: int, *, within: Allowance | None = None) -> None:
        self._most = most
        self._within = within
        self._used = 0
        # Reentrant: memory may be given back by the garbage collector, which comes when it likes.
        self._turn = threading.RLock()

    @property
    def used(self) -> int:
        """Bytes that are taken."""
        return self._used

    def take(self, count: int) -> bool:
        """So many bytes, until they are given back; False, and nothing is taken, where that is too much."""
        with self._turn:
            if count > self._most - self._used or not (self._within is None or self._within.take(count)):
                return False
            self._used += count
            return True

    def give(self, count: int) -> None:
        """So many of those that were taken are not used any more."""
        with self._turn:
            self._used -= count
            if self._within is not None:
                self._within.give(count)

    def memory(self, count: int) -> memoryview | None:
        """So many bytes of memory, taken until nobody holds this view of it; None where that is too much."""
        if not self.take(count):
            return None
        try:
            memory = memoryview(bytearray(count))
        except MemoryError:
            self.give(count)
            return None
        weakref.finalize(memory, self.give, count).atexit = False
        return memory
