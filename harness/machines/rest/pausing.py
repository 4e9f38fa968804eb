"""Two ways to make a machine stand still: its VMM is asked to, or it is stopped itself.

A VMM that knows no pause (krunkit) has its guest's virtual CPUs as threads of its one process, so that job control
stops them: SIGSTOP, SIGCONT. That is another pause than a VMM's own. The control socket answers nothing meanwhile, and
the guest's clock goes on: resumed, the guest finds itself later, and after a long pause its kernel may complain.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Protocol

from harness.errors import ControlLost, ControlTimeout, WrongState
from harness.machines.model import State

if TYPE_CHECKING:
    from harness.host.processes import OwnedProcess
    from harness.machines.rest.vmm import RestVmm

TIMEOUT_S = 5
_LOOK_S = 0.001
"""Only its parent, another process, is told that a process has stopped: it is looked at this often."""
_STOP: int = getattr(signal, "SIGSTOP", 0)
_CONTINUE: int = getattr(signal, "SIGCONT", 0)
"""Windows has neither, and no VMM that needs them."""


class Pausing(Protocol):
    """How a machine is paused and resumed. Both return when it has happened, and raise ControlError."""

    @property
    def answers(self) -> bool:
        """Whether the control socket of a paused VMM answers."""
        ...

    def pause(self, vmm: RestVmm) -> None:
        """Raises WrongState for a VMM that somebody else has stopped."""
        ...

    def resume(self, vmm: RestVmm) -> None: ...


class ByRequest:
    """The VMM pauses its guest."""

    answers = True

    def pause(self, vmm: RestVmm) -> None:
        """As :meth:`Pausing.pause`."""
        vmm.control.pause(TIMEOUT_S)

    def resume(self, vmm: RestVmm) -> None:
        """As :meth:`Pausing.resume`."""
        vmm.control.resume(TIMEOUT_S)


class ByJobControl:
    """The VMM's process, and all its threads with it, is stopped."""

    answers = False

    def pause(self, vmm: RestVmm) -> None:
        """As :meth:`Pausing.pause`."""
        if stopped(vmm.process):
            raise WrongState(
                f"{by_somebody_else(vmm)}, so that it cannot be paused", fix=continuing(vmm),
                state=State.RUNNING, required=State.RUNNING,
            )  # fmt: skip
        vmm.process.signal(_STOP)
        _await(vmm, stop=True)

    def resume(self, vmm: RestVmm) -> None:
        """As :meth:`Pausing.resume`."""
        vmm.process.signal(_CONTINUE)
        _await(vmm, stop=False)


def stopped(process: OwnedProcess) -> bool:
    """Whether job control has stopped it, whoever asked for that."""
    import psutil  # noqa: PLC0415 - light commands do not need it

    try:
        return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


def by_somebody_else(vmm: RestVmm) -> str:
    """What is wrong with a VMM that is stopped, and not paused."""
    return f"{vmm.name} (pid {vmm.process.pid}) was stopped by a signal that was not the harness's"


def continuing(vmm: RestVmm) -> str:
    """What helps it."""
    return f"let it go on: kill -CONT {vmm.process.pid}"


def _await(vmm: RestVmm, *, stop: bool) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while stopped(vmm.process) is not stop:
        if vmm.process.exited:
            raise ControlLost(f"{vmm.name} has ended")
        if time.monotonic() >= deadline:
            raise ControlTimeout(
                f"{vmm.name} (pid {vmm.process.pid}) {'ran' if stop else 'stood still'} {TIMEOUT_S} s after its signal",
                fix="stop or kill the machine",
            )
        time.sleep(_LOOK_S)
