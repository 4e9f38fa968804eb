"""UTM, its registry or one of its machines is not as it should be."""

from __future__ import annotations

from harness.errors.base import VisorbenchError
from harness.errors.host import HostLacks
from harness.errors.machine import ControlRefused


class UtmNotFound(HostLacks):
    """UTM, or the part of it that is needed, is not installed."""


class UtmRegistryUnusable(HostLacks):
    """UTM's list of machines is missing, may not be read, or is not one; facts: path."""


class UtmPackageUnusable(VisorbenchError):
    """A machine that UTM lists is not where it says, or its configuration cannot be read; facts: path."""


class UtmRefused(ControlRefused):
    """utmctl did not do what it was asked; facts: argv, status, stderr."""
