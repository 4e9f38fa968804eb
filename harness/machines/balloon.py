"""A balloon: memory that a guest gives back to its host, on demand or whenever it has some to spare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

RESOLUTION_S = 0.02
"""How often a guest's size is looked at while it changes: of it, QEMU tells at most once a second by itself."""


class Balloon(Protocol):
    """One guest's. Every method raises ControlError, and ControlRefused where the guest has no balloon."""

    @property
    def guest_bytes(self) -> int:
        """How much memory the guest has now, what is in the balloon not counted."""
        ...

    def resize(self, guest_bytes: int, *, timeout_s: float = 120) -> float:
        """Leave the guest that much, and return after how many seconds it was so, to :data:`RESOLUTION_S`.

        Raises ControlTimeout for a guest that does not get there: it has no driver, or needs more.
        """
        ...

    def statistics(self, *, timeout_s: float = 30) -> Mapping[str, int]:
        """What the guest's driver says of its memory, in bytes and counts: ``free-memory``, ``total-memory`` …

        Raises ControlTimeout for a guest whose driver says nothing.
        """
        ...
