"""What was converted and waits for the encoder: a few pictures, in their order."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Backlog(Generic[T]):
    """A queue between two threads that holds ``most`` items.

    When it is full, ``put`` lets go of the oldest, so that what is newest is never lost; or, ``lossless``, it waits.
    """

    def __init__(self, most: int, *, lossless: bool = False) -> None:
        self._items: deque[T] = deque()
        self._most = most
        self._lossless = lossless
        self._changed = threading.Condition()
        self._ended = False

    def put(self, item: T) -> T | None:
        """Add ``item``; returns what had to go for it: the oldest, ``item`` itself after the end, None mostly."""
        with self._changed:
            while self._lossless and len(self._items) >= self._most and not self._ended:
                self._changed.wait()
            if self._ended:
                return item
            self._items.append(item)
            self._changed.notify_all()
            return self._items.popleft() if len(self._items) > self._most else None

    def get(self) -> T | None:
        """The oldest, waited for; None when the end has come and nothing is left."""
        with self._changed:
            while not self._items and not self._ended:
                self._changed.wait()
            item = self._items.popleft() if self._items else None
            self._changed.notify_all()
            return item

    def end(self) -> None:
        """Nothing more will be put; whoever waits goes on."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
