"""How a machine ended, as an error with everything that is known about it; and which processes run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import GuestPanicked, MachineDied, MachineError
from harness.host.processes import signal_name

if TYPE_CHECKING:
    from harness.machines.rest.vmm import RestVmm


def failure(vmm: RestVmm, name: str) -> MachineError:
    """Why a machine does not go on: GuestPanicked, else MachineDied."""
    if vmm.process.exited:
        vmm.drain()
    facts = {
        "argv": vmm.process.argv,
        "status": vmm.process.poll(),
        "stderr": vmm.stderr_tail(),
        "console": vmm.console.tail(),
        "log": vmm.logs / "console.log",
        "logs": vmm.logs,
    }
    if panic := vmm.console.panic:
        return GuestPanicked(f"the kernel of {name} panicked: {panic.text}", fix=vmm.read_on(), **facts)
    return MachineDied(f"{name}: {vmm.name} {_how(vmm)}", fix=vmm.read_on(), **facts)


def ends_within(vmm: RestVmm, seconds: float) -> bool:
    """Whether its process ends in this time."""
    try:
        vmm.process.wait(seconds)
    except TimeoutError:
        return False
    return True


def family(vmm: RestVmm) -> list[int]:
    """Every living process of a machine, those of the system included."""
    import psutil  # noqa: PLC0415 - light commands do not need it

    try:
        own = psutil.Process(vmm.process.pid)
        pids = [own.pid, *(child.pid for child in own.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []
    if (beside := vmm.prepared.beside) and beside.exited is None:
        pids.append(beside.pid)
    if vmm.worker and psutil.pid_exists(vmm.worker.pid):
        pids.append(vmm.worker.pid)
    return pids


def _how(vmm: RestVmm) -> str:
    ended = vmm.process.exited
    if ended is None:
        return "is being ended"
    after = f"{(ended.at_ns - vmm.process.spawned_ns) / 1e9:.1f} s after its start"
    if ended.status < 0:
        return f"was killed by {signal_name(-ended.status)} {after}"
    if ended.status == 0:
        return f"ended {after}, because its guest powered off"
    said = vmm.stderr_tail(1)
    return f"exited with status {ended.status} {after}" + (f": {said[0]}" if said else "")
