"""The moment at which something was seen on a channel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stamp:
    """When something happened: ``time.monotonic_ns()`` on arrival, and how coarsely that was seen."""

    at_ns: int
    resolution_ns: int = 0
    """0 for an event stamped on arrival; the polling interval where the channel can only be polled."""
