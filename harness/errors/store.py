"""The results store cannot do what it is asked to."""

from __future__ import annotations

from harness.errors.base import VisorbenchError


class StoreError(VisorbenchError):
    """The results store is locked, full, or of an unknown schema."""


class RunNotStored(StoreError):
    """A run is measured and kept in its folder, and its store cannot take it now; facts: run, folder."""
