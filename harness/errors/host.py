"""The host lacks something, and how to get it: exit 3."""

from __future__ import annotations

import errno

from harness.errors.base import VisorbenchError


class HostLacks(VisorbenchError):
    """The host lacks something; ``fix`` says how to get it."""

    exit_code = 3


class QemuNotFound(HostLacks):
    """No QEMU binary for this architecture."""


class QemuTooOld(HostLacks):
    """A QEMU older than the harness can drive."""


class VmmNotFound(HostLacks):
    """No vfkit, krunkit or gvproxy, or what is there does not say what it is."""


class VmmTooOld(HostLacks):
    """A vfkit or krunkit older than the harness can drive."""


class AcceleratorUnusable(HostLacks):
    """An accelerator that did not run the proof payload."""


class GpuUnavailable(HostLacks):
    """The QEMU or the host cannot give a guest this GPU; facts: code."""


class RenderServerMissing(HostLacks):
    """A guest is offered OpenGL or Vulkan of its host, and nothing there renders it; facts: log."""


class ToolMissing(HostLacks):
    """A program or library that a feature needs is not installed."""


class InstallRefused(HostLacks):
    """System packages are missing and may not, or cannot, be installed here."""


class ArchiveUnreachable(HostLacks):
    """No mirror answered and the cache does not have what is needed."""


class GuestNotBuilt(HostLacks):
    """A reference guest is not in the cache, and what was asked for does not build it."""


class DiskFull(HostLacks):
    """No space left where the harness writes; nothing half-written was kept."""


NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says where DiskFull is meant."""


class CacheReadOnly(HostLacks):
    """The cache cannot be read, or cannot be written and does not have what is needed."""

    @classmethod
    def of_another(cls, error: PermissionError) -> CacheReadOnly:
        """Another user's, as the system said."""
        return cls(
            f"cannot read {error.filename}: {error.strerror}",
            fix="make the cache yours, or set VISORBENCH_CACHE_DIR",
        )


class ReportsUnwritable(HostLacks):
    """The folder of the reports, a run's in it, or a site's may not be read or written, or is none; facts: path."""


class OutputUnwritable(HostLacks):
    """A file that was asked for may not be written where it is to be; facts: path."""


class RuntimeInUse(HostLacks):
    """Processes run programs of a managed runtime that was to be deleted; facts: pids."""


class HostBusy(HostLacks):
    """Another harness is measuring on this host."""


class HelperLost(VisorbenchError):
    """A process that the harness started for work of its own has ended, or does not answer."""


class LockUnusable(HostLacks):
    """What lies in the place of the measuring lock is no lock file that this user may use, or none can be made there;
    facts: path."""


class LoopbackDown(HostLacks):
    """127.0.0.1 does not answer."""
