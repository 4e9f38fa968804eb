"""Every failure that can be foreseen, as one tree.

::

    VisorbenchError                 exit 1
    ├── UsageError                  exit 2: the user asked for something that does not exist or fit
    │   ├── UnknownName             backend, guest, profile, key, option: names the nearest known one
    │   ├── InvalidConfiguration    a value that QEMU or the configuration file cannot take
    │   ├── BaselineUnusable        what a gate is to compare with is missing, empty, damaged or edited
    │   ├── UnlikeRuns              two runs whose hosts or subjects differ
    │   └── RunIncomplete           a run that was interrupted
    ├── HostLacks                   exit 3: the host lacks something, and how to get it
    │   ├── QemuNotFound, QemuTooOld, AcceleratorUnusable, ToolMissing
    │   ├── GpuUnavailable          no virtio-gpu-gl, venus, OpenGL display or render node
    │   ├── RenderServerMissing     Venus is offered, and nothing on the host renders for it
    │   ├── InstallRefused          installing is forbidden, or needs a password
    │   ├── ArchiveUnreachable      no network, and nothing cached
    │   ├── GuestNotBuilt           and what was asked for does not build it
    │   ├── DiskFull, CacheReadOnly
    │   ├── RuntimeInUse            processes run from a runtime that is to be deleted
    │   ├── HostBusy                another harness is measuring on this host
    │   └── LockUnusable            nobody can tell whether another harness is measuring
    ├── ArchiveError
    │   ├── ArchiveUntrusted        no valid signature by a key of the keyring
    │   ├── ArchiveCorrupt          truncated, wrong size, wrong hash
    │   └── PackageNotFound
    ├── MachineError
    │   ├── MachineDied, BootTimeout, GuestPanicked, GuestSilent
    │   ├── GuestGpuMissing         the guest's kernel has no virtio-gpu, or no device came of it
    │   ├── WrongState              the lifecycle does not allow this now
    │   ├── DisplayError            a frame that makes no sense; NoFrame in time, DisplayLost, DisplayRefused
    │   └── ControlError            ControlTimeout, ControlRefused, ControlLost
    ├── ChannelError
    │   ├── HostKeyChanged, CommandTimeout, CommandFailed, ChannelClosed
    │   ├── PortRefused, VsockLost
    │   ├── InvalidMessage          a peer's bytes are no message of the protocol
    │   └── NotSeen, OutputTooLarge, TransferFailed
    ├── MeasurementError
    │   ├── NothingMeasured         exit 4
    │   │   └── NothingCompared     two runs without a metric that can be judged
    │   ├── WrongAnswer             a workload that checked its own result and found it wrong
    │   │   └── WrongPicture
    │   └── GpuError                a GPU, the host's or a guest's, did not do its work
    │       ├── GpuApiMissing, AdapterMissing, SceneUnsupported
    │       ├── AccelerationUnproved  another renderer's name than the one that was asked for
    │       └── DeviceLost, GpuHung
    ├── EncoderError                surfaces did not become a stream
    │   ├── SurfaceUnusable         a surface that cannot be what it says, or cannot be read
    │   └── EncodeFailed            x264 or VideoToolbox gave up
    ├── BuildFailed                 a workload's sources did not compile
    └── StoreError                  the results store is locked, full, or of an unknown schema
        └── RunNotStored            a run is measured and kept, and waits for its store

An error's message is one sentence: what is wrong, and where. ``fix`` is the sentence that says what to do.
Facts (argv, exit status, log path, tails of stderr and console) are attributes, kept in ``facts``.
"""

from __future__ import annotations

import difflib
import errno
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class VisorbenchError(Exception):
    """Base of the tree; ``exit_code`` is what a command returns when this ends it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, fix: str | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.facts = facts

    def __str__(self) -> str:
        return f"{self.message} ({self.fix})" if self.fix else self.message

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["facts"][name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no fact {name!r}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.fix, self.facts)


def _rebuild(
    cls: type[VisorbenchError], message: str, fix: str | None, facts: dict[str, Any]
) -> VisorbenchError:
    error = cls.__new__(cls)
    VisorbenchError.__init__(error, message, fix=fix, **facts)
    return error


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a typo most likely meant, or None."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return matches[0] if matches else None


MOST_SHOWN = 40
"""Of more known names than these, a message shows the SHOWN_OF_MANY nearest: a QEMU has hundreds of devices."""
SHOWN_OF_MANY = 8


class UsageError(VisorbenchError):
    """The request itself is wrong."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that nobody registered; facts: kind, name, known."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str | None = None) -> None:
        names = sorted(known)
        shown = (
            names if len(names) <= MOST_SHOWN else difflib.get_close_matches(name, names, SHOWN_OF_MANY, 0)
        )
        others = f" and {len(names) - len(shown)} others" if len(shown) < len(names) else ""
        guess = nearest(name, names)
        place = f" in {where}" if where else ""
        fix = f"did you mean {guess!r}? " if guess else ""
        super().__init__(
            f"unknown {kind} {name!r}{place}",
            fix=f"{fix}known: {', '.join(shown) or 'none'}{others}",
            kind=kind, name=name, known=names,
        )  # fmt: skip


class InvalidConfiguration(UsageError):
    """A value that does not fit, found before anything was started."""


class BaselineUnusable(UsageError):
    """A file is not the results.json of a run, or no longer what the run wrote; facts: path."""


class UnlikeRuns(UsageError):
    """Two runs that are not alike besides their numbers; facts: unlike, the sentences that say what differs."""


class RunIncomplete(UsageError):
    """A run that was interrupted is not compared unless that is asked for; facts: run."""


class HostLacks(VisorbenchError):
    """The host lacks something; ``fix`` says how to get it."""

    exit_code = 3


class QemuNotFound(HostLacks):
    """No QEMU binary for this architecture."""


class QemuTooOld(HostLacks):
    """A QEMU older than the harness can drive."""


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
    """The cache cannot be written and does not have what is needed."""


class RuntimeInUse(HostLacks):
    """Processes run programs of a managed runtime that was to be deleted; facts: pids."""


class HostBusy(HostLacks):
    """Another harness is measuring on this host."""


class LockUnusable(HostLacks):
    """What lies in the place of the measuring lock is no lock file that this user may use; facts: path."""


class ArchiveError(VisorbenchError):
    """Something that came from a package archive is wrong."""


class ArchiveUntrusted(ArchiveError):
    """No valid signature by a key of the keyring."""


class ArchiveCorrupt(ArchiveError):
    """Truncated, or not of the size or hash that the signed index promises."""


class PackageNotFound(ArchiveError):
    """The signed index does not have this package."""


class MachineError(VisorbenchError):
    """A machine did not do what it was told."""


class MachineDied(MachineError):
    """The VMM exited when it should not; facts: argv, status, stderr, console, log."""


class BootTimeout(MachineError):
    """The guest did not reach a phase in time; facts: phase, timeout_s, console, log."""


class GuestPanicked(MachineError):
    """The guest's kernel panicked; facts: console, log."""


class GuestSilent(MachineError):
    """A running guest does not answer."""


class GuestGpuMissing(MachineError):
    """The guest has no driver for its GPU, or the driver found none; facts: log."""


class WrongState(MachineError):
    """The lifecycle does not allow this now; facts: state, required."""


class DisplayError(MachineError):
    """A guest's display, or the way to its frames, failed or makes no sense."""


class NoFrame(DisplayError):
    """No frame came in time."""


class DisplayLost(DisplayError):
    """The connection to the display has ended: no frame can come any more."""


class DisplayRefused(DisplayError):
    """The VMM does not have the display that was asked for, or does not let us look."""


class ControlError(MachineError):
    """The control channel (QMP or REST) failed."""


class ControlTimeout(ControlError):
    """A control command was not answered in time."""


class ControlRefused(ControlError):
    """The VMM answered a control command with an error."""


class ControlLost(ControlError):
    """The control channel closed, or talks nonsense."""


class ChannelError(VisorbenchError):
    """A channel into the guest failed."""


class HostKeyChanged(ChannelError):
    """The guest's SSH host key is not the one that it was given."""


class CommandTimeout(ChannelError):
    """A command in the guest did not end in time."""


class CommandFailed(ChannelError):
    """A command in the guest ended with another exit status than asked; facts: argv, status, stderr."""


class ChannelClosed(ChannelError):
    """The peer closed the channel."""


class InvalidMessage(ChannelError):
    """A peer sent bytes that are no message of the protocol, or one that cannot be; the connection is over."""


class PortRefused(ChannelError):
    """Nobody in the guest listens on a vsock port."""


class VsockLost(ChannelError):
    """The process that carries a machine's vsock has ended; facts: status, log."""


class NotSeen(ChannelError):
    """What was awaited did not appear on a console or event port in time; facts: awaited, timeout_s, tail."""


class OutputTooLarge(ChannelError):
    """A guest sent more than the harness is willing to hold; facts: limit_bytes."""


class TransferFailed(ChannelError):
    """A file did not arrive, or not as it was sent."""


class MeasurementError(VisorbenchError):
    """A measurement failed; never turned into a number."""


class NothingMeasured(MeasurementError):
    """A scenario or run ended without one sample."""

    exit_code = 4


class NothingCompared(NothingMeasured):
    """Two runs have no metric that can be judged: a gate that cannot fail has not passed."""


class WrongAnswer(MeasurementError):
    """A workload checked its own result and found it wrong."""


class WrongPicture(WrongAnswer):
    """A GPU drew something else than it was told to; facts: scene, api."""


class GpuError(MeasurementError):
    """The GPU workload did not end well; facts: argv, status, stderr, scene, api."""


class GpuApiMissing(GpuError):
    """No adapter speaks this API."""


class AdapterMissing(GpuError):
    """Adapters speak this API, and none has the name that was asked for."""


class AccelerationUnproved(GpuError):
    """A renderer's name is not that of the route it was asked for; facts: adapter, route."""


class SceneUnsupported(GpuError):
    """The adapter cannot do this scene, or not at this size."""


class DeviceLost(GpuError):
    """The GPU's driver gave up while it drew."""


class GpuHung(GpuError):
    """The setup or a frame did not end within its deadline."""


class EncoderError(VisorbenchError):
    """Surfaces did not become a stream; facts: system_error."""


class SurfaceUnusable(EncoderError):
    """A surface cannot be what it says, or its memory cannot be read; nothing of it was."""


class EncodeFailed(EncoderError):
    """The encoder itself gave up."""


class BuildFailed(VisorbenchError):
    """A workload's sources did not compile; facts: argv, status, stderr."""


class StoreError(VisorbenchError):
    """The results store is locked, full, or of an unknown schema."""


class RunNotStored(StoreError):
    """A run is measured and kept in its folder, and its store cannot take it now; facts: run, folder."""
