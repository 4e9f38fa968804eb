"""The results store, or standard output, cannot take what it is given."""

from __future__ import annotations

from harness.errors.base import VisorbenchError
from harness.errors.host import DiskFull, HostLacks


class StoreError(VisorbenchError):
    """The results store is locked, full, or of an unknown schema."""


class StoreFull(StoreError, DiskFull):
    """No space left on the disk of the results store; what it had it still has."""


class StoreUnwritable(StoreError, HostLacks):
    """The results store, or its folder, may not be written."""


class RunNotStored(StoreError):
    """A run is measured and kept in its folder, and its store cannot take it now; facts: run, folder."""


class RunNotStoredHere(RunNotStored, HostLacks):
    """The same, for want of room or of a place that may be written; facts: run, folder."""


class OutputRefused(VisorbenchError):
    """Standard output takes no more."""

    @classmethod
    def because(cls, error: OSError) -> OutputRefused:
        """Of what the system said."""
        return cls(
            f"cannot write to standard output: {error.strerror}",
            fix="make room there, or send the output elsewhere",
        )
