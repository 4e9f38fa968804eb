"""The results store, or standard output, cannot take what it is given."""

from __future__ import annotations

from harness.errors.base import VisorbenchError


class StoreError(VisorbenchError):
    """The results store is locked, full, or of an unknown schema."""


class RunNotStored(StoreError):
    """A run is measured and kept in its folder, and its store cannot take it now; facts: run, folder."""


class OutputRefused(VisorbenchError):
    """Standard output takes no more."""

    @classmethod
    def because(cls, error: OSError) -> OutputRefused:
        """Of what the system said."""
        return cls(
            f"cannot write to standard output: {error.strerror}",
            fix="make room there, or send the output elsewhere",
        )
