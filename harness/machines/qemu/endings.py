"""How a machine ended, failed to begin or came to stand still, as an error with everything that is known about it."""

from __future__ import annotations

import re
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import (
    ControlError,
    GuestPanicked,
    GuestRebooted,
    ImageFailed,
    ImageFull,
    MachineDied,
    MachineError,
    OutOfMemory,
    WatchdogFired,
)
from harness.host import hvf
from harness.host.memory import oom_kills
from harness.host.processes import signal_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.channels.qmp_events import Event
    from harness.machines.qemu.vmm import Vmm

_SHUTDOWN_WAIT_S = 1
_NO_MEMORY = re.compile(r"cannot set up guest memory|Cannot allocate memory|failed to allocate \d+ bytes")
"""QEMU's own words, the C library's, and GLib's."""
_SIGKILL: int = getattr(signal, "SIGKILL", signal.SIGTERM)
_LESS = "give the machine less memory, run fewer at once, or end other programs"


def failure(vmm: Vmm, name: str, *, since_ns: int = 0) -> MachineError:
    """Why a machine does not go on: GuestPanicked when it has since ``since_ns``, its last reset; else QEMU's end."""
    if vmm.process.exited:
        vmm.drain()
    panic = vmm.console.panic
    panicked = panic is not None and panic.stamp.at_ns >= since_ns
    facts = _facts(vmm)
    told = (event for event in vmm.qmp.events if event.stamp.at_ns >= since_ns)
    if panicked or any(event.name == "GUEST_PANICKED" for event in told):
        text = panic.text if panic and panicked else "it said so through pvpanic"
        return GuestPanicked(f"the kernel of {name} panicked: {text}", fix=vmm.read_on(), **facts)
    said = "\n".join(facts["stderr"])
    if hvf.refused(said):
        cause = hvf.explain(said, Path(vmm.argv[0]))
        return MachineDied(f"{name}: QEMU {_how(vmm)}: {cause.reason}", fix=cause.fix, **facts)
    if facts["status"] and _NO_MEMORY.search(said):
        return OutOfMemory(f"{name}: QEMU {_how(vmm)}", fix=_LESS, **facts)
    if facts["status"] == -_SIGKILL and oom_kills() > vmm.oom_kills:
        why = "when the kernel ended a process for want of memory"
        return OutOfMemory(f"{name}: QEMU {_how(vmm)}, {why}", fix=_LESS, **facts)
    rebooted = facts["status"] == 0 and shutdown_reason(vmm) == "guest-reset"
    return (GuestRebooted if rebooted else MachineDied)(
        f"{name}: QEMU {_how(vmm)}", fix=vmm.read_on(), **facts
    )


def brought_about_by(event: Event, *, booted: bool) -> Callable[[Vmm, str], MachineError] | None:
    """What makes the error, for an event after which the guest does not do what it was asked for; None for others.

    ``booted``: whether the guest is up; until then, its firmware and its loader may reboot.
    """
    if event.name == "BLOCK_IO_ERROR" and event.data.get("action") == "stop":
        return partial(_image_failed, event)
    if event.name == "WATCHDOG":
        return _watchdog_fired
    if event.name == "RESET" and event.data.get("guest") and booted:
        return _rebooted
    return None


def shutdown_reason(vmm: Vmm) -> str | None:
    """QEMU's word for why it ended, such as ``guest-shutdown``; None while it runs, or when it crashed."""
    if vmm.process.exited is None or vmm.qmp.greeted is None:
        return None
    try:
        event = vmm.qmp.wait_event("SHUTDOWN", _SHUTDOWN_WAIT_S, since=vmm.qmp.greeted)
    except ControlError:
        return None
    return str(event.data.get("reason"))


def _facts(vmm: Vmm) -> dict[str, Any]:
    return {
        "argv": vmm.argv,
        "status": vmm.process.poll(),
        "stderr": vmm.stderr_tail(),
        "console": vmm.console.tail(),
        "log": vmm.logs / "console.log",
        "logs": vmm.logs,
    }


def _image_failed(event: Event, vmm: Vmm, name: str) -> MachineError:
    """``reason`` is what the system said, for people; ``nospace`` says the same for programs."""
    told = event.data
    node, operation = told.get("node-name", ""), told.get("operation")
    device = (
        told.get("device") or "a disk" if node.startswith("#") else node
    )  # QEMU's own names tell nobody anything
    about = _facts(vmm) | {"device": device, "operation": operation}
    what = f"{name} stands still: the host could not {operation} the image of {device}: {told.get('reason')}"
    if told.get("nospace"):
        return ImageFull(what, fix="make room on the disk where the image is", **about)
    return ImageFailed(what, fix="look at the disk where the image is", **about)


def _watchdog_fired(vmm: Vmm, name: str) -> MachineError:
    return WatchdogFired(
        f"{name} stands still: its guest hung, and its watchdog fired", fix=vmm.read_on(), **_facts(vmm)
    )


def _rebooted(vmm: Vmm, name: str) -> MachineError:
    return GuestRebooted(
        f"the guest of {name} rebooted, and nobody had asked for it", fix=vmm.read_on(), **_facts(vmm)
    )


def _how(vmm: Vmm) -> str:
    ended = vmm.process.exited
    if ended is None:
        return "is being ended"
    after = f"{(ended.at_ns - vmm.process.spawned_ns) / 1e9:.1f} s after its start"
    if ended.status < 0:
        return f"was killed by {signal_name(-ended.status)} {after}"
    reason = shutdown_reason(vmm)
    if ended.status == 0 and reason == "guest-reset":
        return f"ended {after}, because its guest rebooted"
    if ended.status == 0 and reason == "guest-shutdown":
        return f"ended {after}, because its guest powered off"
    said = vmm.stderr_tail(1)
    return f"exited with status {ended.status} {after}" + (f": {said[0]}" if said else "")
