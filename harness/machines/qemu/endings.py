"""How a machine ended, or failed to begin, as an error with everything that is known about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ControlError, GuestPanicked, MachineDied, MachineError
from harness.host import hvf
from harness.host.processes import signal_name

if TYPE_CHECKING:
    from harness.machines.qemu.vmm import Vmm

_SHUTDOWN_WAIT_S = 1


def failure(vmm: Vmm, name: str, *, since_ns: int = 0) -> MachineError:
    """Why a machine does not go on: GuestPanicked when it has since ``since_ns``, its last reset; else MachineDied."""
    if vmm.process.exited:
        vmm.drain()
    panic = vmm.console.panic
    panicked = panic is not None and panic.stamp.at_ns >= since_ns
    facts: dict[str, Any] = {
        "argv": vmm.argv,
        "status": vmm.process.poll(),
        "stderr": vmm.stderr_tail(),
        "console": vmm.console.tail(),
        "log": vmm.logs / "console.log",
        "logs": vmm.logs,
    }
    told = (event for event in vmm.qmp.events if event.stamp.at_ns >= since_ns)
    if panicked or any(event.name == "GUEST_PANICKED" for event in told):
        text = panic.text if panic and panicked else "it said so through pvpanic"
        return GuestPanicked(f"the kernel of {name} panicked: {text}", fix=vmm.read_on(), **facts)
    said = "\n".join(facts["stderr"])
    if hvf.refused(said):
        cause = hvf.explain(said, Path(vmm.argv[0]))
        return MachineDied(f"{name}: QEMU {_how(vmm)}: {cause.reason}", fix=cause.fix, **facts)
    return MachineDied(f"{name}: QEMU {_how(vmm)}", fix=vmm.read_on(), **facts)


def shutdown_reason(vmm: Vmm) -> str | None:
    """QEMU's word for why it ended, such as ``guest-shutdown``; None while it runs, or when it crashed."""
    if vmm.process.exited is None or vmm.qmp.greeted is None:
        return None
    try:
        event = vmm.qmp.wait_event("SHUTDOWN", _SHUTDOWN_WAIT_S, since=vmm.qmp.greeted)
    except ControlError:
        return None
    return str(event.data.get("reason"))


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
