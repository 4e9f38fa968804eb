"""A machine, its control channel or its display did not do what it was told."""

from __future__ import annotations

from harness.errors.base import VisorbenchError
from harness.errors.host import DiskFull, HostLacks


class MachineError(VisorbenchError):
    """A machine did not do what it was told."""


class MachineDied(MachineError):
    """The VMM exited when it should not; facts: argv, status, stderr, console, log."""


class OutOfMemory(MachineDied, HostLacks):
    """The VMM did not get, or could not keep, the memory that it needs; facts: as MachineDied."""


class BootTimeout(MachineError):
    """The guest did not reach a phase in time; facts: phase, timeout_s, console, log."""


class GuestPanicked(MachineError):
    """The guest's kernel panicked; facts: console, log."""


class GuestRebooted(MachineError):
    """The guest rebooted by itself, though nobody had asked for it; facts: console, log."""


class WatchdogFired(MachineError):
    """The guest left its watchdog alone for too long: it hangs; facts: console, log."""


class GuestSilent(MachineError):
    """A running guest does not answer."""


class GuestGpuMissing(MachineError):
    """The guest has no driver for its GPU, or the driver found none; facts: log."""


class ImageError(MachineError):
    """A disk image could not be made, changed or read, or is damaged; facts: argv, status."""


class NoHotPlug(MachineError):
    """A machine, or one of its buses, takes no devices while it runs."""


class DeviceKept(MachineError):
    """The guest did not let go of a device, or of the disc in its drive; facts: device."""


class ImageFailed(ImageError):
    """The host could not read or write the image of a running machine, and its guest stands still; facts: device,
    operation."""


class ImageFull(ImageFailed, DiskFull):
    """The same for want of room on the host: the guest's disk has some left, the host's has none."""


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


class JobFailed(ControlError):
    """A job that the VMM had begun ended with an error; facts: command, desc."""


class ControlLost(ControlError):
    """The control channel closed, or talks nonsense."""
