"""QMP's events: stamped on arrival, kept in a bounded ring, waited for without polling."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from harness.errors import ControlLost, ControlTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.channels.stamp import Stamp

EVENTS_KEPT = 4096
"""The newest events a ring remembers; QEMU rate-limits its frequent ones to one a second."""


@dataclass(frozen=True, slots=True)
class Event:
    """An asynchronous message of QEMU, such as ``STOP`` or ``SHUTDOWN``."""

    name: str
    data: Mapping[str, Any]
    stamp: Stamp


class EventRing:
    """The newest events, for threads that look back and threads that wait."""

    def __init__(self, name: str, kept: int = EVENTS_KEPT) -> None:
        self._name = name
        self._ring: deque[Event] = deque(maxlen=kept)
        self._count = 0
        self._lost: ControlLost | None = None
        self._changed = threading.Condition()

    def add(self, event: Event) -> None:
        with self._changed:
            self._ring.append(event)
            self._count += 1
            self._changed.notify_all()

    def end(self, error: ControlLost) -> None:
        """No more events will come: every wait ends with ``error``."""
        with self._changed:
            self._lost = error
            self._changed.notify_all()

    def all(self) -> tuple[Event, ...]:
        """The events still remembered, oldest first."""
        with self._changed:
            return tuple(self._ring)

    def wait(
        self,
        name: str,
        timeout_s: float,
        since_ns: int,
        matching: Callable[[Event], bool] = lambda _: True,
    ) -> Event:
        """The first event ``name`` that arrived at or after ``since_ns``, past ones included, and is ``matching``.

        Raises ControlTimeout, ControlLost (when no more events will come and it is not among the past ones).
        """
        deadline = time.monotonic() + timeout_s
        looked_at = 0
        with self._changed:
            while True:
                unseen = self._count - looked_at
                for event in islice(self._ring, max(0, len(self._ring) - unseen), None):
                    if event.name == name and event.stamp.at_ns >= since_ns and matching(event):
                        return event
                looked_at = self._count
                if self._lost is not None:
                    raise ControlLost(self._lost.message, fix=self._lost.fix, **self._lost.facts)
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise ControlTimeout(
                        f"{self._name} sent no event {name} within {timeout_s:g} s",
                        fix="the guest may be too busy or too dead to bring it about; its console tells",
                        event=name, timeout_s=timeout_s,
                    )  # fmt: skip
