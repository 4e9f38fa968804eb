"""What came from a package archive is wrong."""

from __future__ import annotations

from harness.errors.base import VisorbenchError


class ArchiveError(VisorbenchError):
    """Something that came from a package archive is wrong."""


class ArchiveUntrusted(ArchiveError):
    """No valid signature by a key of the keyring."""


class ArchiveCorrupt(ArchiveError):
    """Truncated, or not of the size or hash that the signed index promises."""


class PackageNotFound(ArchiveError):
    """The signed index does not have this package."""
