"""A kernel, or the disk image that should hold one, is not what it should be."""

from __future__ import annotations

from harness.errors.base import VisorbenchError


class KernelError(VisorbenchError):
    """A kernel, or the image that should hold one, is not what it should be; facts: path."""


class KernelUnusable(KernelError):
    """No kernel, one for another architecture, or packed in a way that nobody here unpacks."""


class KernelCorrupt(KernelError):
    """It begins as a kernel does, and its bytes contradict that: truncated, a lying length, a bomb."""


class KernelNotFound(KernelError):
    """A disk image without a kernel to boot, or without the one that was asked for."""


class DiskImageUnusable(KernelError):
    """A disk image of a format, or with an encryption or a backing file, that cannot be read here."""


class DiskImageCorrupt(KernelError):
    """A disk image that is truncated, or whose partition table or file system contradicts itself."""
