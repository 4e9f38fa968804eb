"""A machine, its control channel or its display did not do what it was told."""

from __future__ import annotations

from harness.errors.base import VisorbenchError


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


class ImageError(MachineError):
    """A disk image could not be made, changed or read, or is damaged; facts: argv, status."""


class NoHotPlug(MachineError):
    """A machine, or one of its buses, takes no devices while it runs."""


class DeviceKept(MachineError):
    """The guest did not let go of a device, or of the disc in its drive; facts: device."""


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
