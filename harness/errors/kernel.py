"""A kernel is not what it should be."""

from __future__ import annotations

from harness.errors.base import VisorbenchError


class KernelError(VisorbenchError):
    """A kernel is not what it should be; facts: path."""


class KernelUnusable(KernelError):
    """No kernel, one for another architecture, or packed in a way that nobody here unpacks."""


class KernelCorrupt(KernelError):
    """It begins as a kernel does, and its bytes contradict that: truncated, a lying length, a bomb."""


class KernelNotFound(KernelError):
    """A disk image without a kernel; facts: path."""


class DiskImageUnusable(KernelError):
    """No disk image, or one of a kind that nobody here reads, or encrypted; facts: path."""


class DiskImageCorrupt(KernelError):
    """A disk image, or a file system in it, whose bytes contradict each other or end early; facts: path."""
