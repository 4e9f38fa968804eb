"""The life of a machine of a VMM with a REST socket: start, boot, pause, resume, power down, stop, kill."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TypeVar

from harness.channels.stamp import Stamp
from harness.errors import (
    ControlError,
    ControlLost,
    ControlRefused,
    ControlTimeout,
    GuestSilent,
    InvalidConfiguration,
    NoHotPlug,
    WrongState,
)
from harness.host.paths import private_directory
from harness.machines.boot import BootWatch
from harness.machines.login import Login
from harness.machines.model import Phase, State
from harness.machines.rest import endings
from harness.machines.rest.control import Change
from harness.machines.rest.pausing import by_somebody_else, continuing, stopped
from harness.machines.rest.vmm import Place, RestVmm, launch
from harness.machines.vmm_machine import VmmMachine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.channels.ssh import Ssh
    from harness.channels.vsock import Vsock
    from harness.errors import MachineError
    from harness.machines.model import MachineSpec
    from harness.machines.rest.control import RestControl
    from harness.machines.rest.vmm import Program

T = TypeVar("T")

POWER_BUTTON_AGAIN_S = 0.5
"""A guest that has just booted may not listen to its power button yet: it is pressed again after this."""
EXIT_GRACE_S = 10
"""On SIGTERM vfkit asks its guest, and waits 5 s for it."""


class RestMachine(VmmMachine[RestVmm]):
    """One guest in one VMM. One thread drives it; any thread may look at it.

    ``logs``: the folder for console.log, stderr.log and argv; None: in the private directory, which is gone when the
    machine is.
    """

    def __init__(
        self, name: str, spec: MachineSpec, program: Program, *, logs: Callable[[], Path] | None = None
    ) -> None:
        super().__init__(name, spec, logs)
        self._program = program
        self._began = False

    @property
    def program(self) -> Program:
        """The VMM and what it is told."""
        return self._program

    @property
    def settings(self) -> dict[str, str | int]:
        """As :attr:`harness.machines.model.Machine.settings`, every default resolved."""
        return self._program.settings

    @property
    def state(self) -> State:
        if self._vmm is None:
            return State.DEAD if self._began else State.DEFINED
        if self._vmm.process.exited is not None:
            return self._ended()
        return State.PAUSED if self._paused else State.RUNNING

    @property
    def control(self) -> RestControl:
        """The control socket, for what the lifecycle has no word for; raises WrongState where a pause silences it."""
        vmm = self._started()
        if self._silenced:
            raise WrongState(
                f"{self.name} is paused, and {vmm.name} answers nothing meanwhile", fix="resume it first",
                state=State.PAUSED, required=State.RUNNING,
            )  # fmt: skip
        return vmm.control

    @property
    def ssh(self) -> Ssh:
        """A client that connects at first use; raises InvalidConfiguration when the guest lets nobody in."""
        vmm = self._started()
        if self._login is None:
            raise AssertionError("a machine that started without a login")
        return self._login.ssh(vmm.network.address, self._milestones.check)

    @property
    def vsock(self) -> Vsock:
        """As :attr:`harness.machines.model.Machine.vsock`, with the ports that it was started with."""
        vmm = self._started()
        if vmm.vsock is None:
            raise InvalidConfiguration(f"{self.name} has no vsock", fix="ask for it: MachineSpec(vsock=True)")
        return vmm.vsock

    @property
    def snapshots(self) -> NoReturn:
        """Raises InvalidConfiguration: there are none."""
        raise InvalidConfiguration(f"{self.name} keeps no snapshots", fix="use a backend of QEMU")

    @property
    def devices(self) -> NoReturn:
        """Raises NoHotPlug: its devices are those that it starts with."""
        raise NoHotPlug(f"{self.name} takes no devices while it runs", fix="use a backend of QEMU")

    @property
    def balloon(self) -> NoReturn:
        """Raises InvalidConfiguration: there is none."""
        raise InvalidConfiguration(f"{self.name} has no balloon", fix="use a backend of QEMU")

    @property
    def pids(self) -> list[int]:
        """The VMM, its children, its network and, on macOS, the system's worker that runs its guest."""
        if self._vmm is None or self._vmm.process.exited is not None:
            return []
        return endings.family(self._vmm)

    def start(self) -> None:
        """Spawn the VMM and wait until its control socket answers; raises MachineDied with its complaint."""
        if self._began:
            raise WrongState(
                f"{self.name} was started already", fix="make another machine",
                state=self.state, required=State.DEFINED,
            )  # fmt: skip
        self._began = True
        private = self._kept.enter_context(private_directory())
        self._login, initrd = Login.prepare(self._spec.guest, private)
        place = Place(private, self._logs() if self._logs else private, self.name)
        self._vmm = vmm = launch(self._program, place, initrd, private=self._logs is None)
        self._milestones.begin(Stamp(vmm.process.spawned_ns))
        self._milestones.reach(Phase.VMM_READY, vmm.up)
        self._watch = BootWatch(vmm, self._spec.guest, self._milestones, self._failure, self.name)

    def pause(self) -> None:
        """Stop the virtual CPUs, and return when they have stopped; pausing twice is fine.

        Raises WrongState where that is done by job control, and somebody else has stopped the VMM already.
        """
        vmm = self._alive("pause", State.RUNNING, State.PAUSED)
        if not self._paused:
            self._asking(lambda: self._program.pausing.pause(vmm))
            self._paused = True

    def resume(self) -> None:
        """Let the virtual CPUs run again; resuming a running machine is fine."""
        vmm = self._alive("resume", State.RUNNING, State.PAUSED)
        if self._paused:
            self._asking(lambda: self._program.pausing.resume(vmm))
            self._paused = False

    def reset(self) -> None:
        """Raises ControlRefused."""
        self._cannot("reset a machine", "stop it, and start another")

    def powerdown(self, timeout_s: float = 60) -> None:
        """Press the power button until the guest powers off, and wait until the VMM has ended.

        Raises GuestSilent when the guest does not.
        """
        vmm = self._alive("power down", State.RUNNING)
        deadline = time.monotonic() + timeout_s
        pressed = False
        while vmm.process.exited is None:
            if time.monotonic() >= deadline:
                raise GuestSilent(
                    f"{self.name} did not power off within {timeout_s:g} s of its power button",
                    fix="stop or kill it; its guest may not listen to the button",
                    console=vmm.console.tail(), log=vmm.logs / "console.log",
                )  # fmt: skip
            try:
                self._asking(lambda: vmm.control.ask(Change.STOP))
                pressed = True
            except ControlError:  # it went faster than its answer, or is about to and takes no more
                if not pressed and not endings.ends_within(vmm, EXIT_GRACE_S):
                    raise
            with suppress(TimeoutError):
                vmm.process.wait(max(0.0, min(POWER_BUTTON_AGAIN_S, deadline - time.monotonic())))
        vmm.end_worker()
        if self.state is State.DEAD:
            raise self._failure()

    def stop(self, timeout_s: float = 5) -> None:
        """Have the VMM end, the guest unasked; by force when it does not within ``timeout_s``."""
        if self.state is State.STOPPED:
            return
        vmm = self._alive("stop", State.RUNNING, State.PAUSED)
        self._asked_to_end = True
        with suppress(ControlError):  # it went faster than its answer, is jammed, or cannot now
            if self._silenced:
                self._program.pausing.resume(vmm)
            vmm.control.ask(Change.HARD_STOP, timeout_s)
            endings.ends_within(vmm, timeout_s)
        if vmm.process.exited is None:
            vmm.process.end(EXIT_GRACE_S)
        vmm.end_worker()

    def kill(self) -> None:
        """End the VMM now and release everything; allowed in any state, any number of times."""
        if self._login:
            self._login.close()
        if self._vmm:
            if self._vmm.process.exited is not None:
                self._ended()  # one that had died before stays dead
            self._asked_to_end = True
            self._vmm.close()
        self._kept.close()

    def screenshot(self, to: Path) -> Path:
        """Raises ControlRefused."""
        self._cannot(f"write its screen to {to}", "choose a backend of QEMU")

    @property
    def _silenced(self) -> bool:
        """Whether it is paused in a way in which its VMM hears nothing."""
        return self._paused and not self._program.pausing.answers

    def _cannot(self, what: str, fix: str) -> NoReturn:
        raise ControlRefused(f"{self.name}: {self._program.name} cannot {what}", fix=fix, desc="")

    def _asking(self, question: Callable[[], T]) -> T:
        """Ask the VMM; when it does not answer because it has died or is stopped, say that instead."""
        try:
            return question()
        except ControlTimeout:
            vmm = self._started()
            if not stopped(vmm.process):
                raise
            raise ControlTimeout(f"{self.name}: {by_somebody_else(vmm)}", fix=continuing(vmm)) from None
        except ControlLost:
            if endings.ends_within(self._started(), EXIT_GRACE_S) and self.state is State.DEAD:
                raise self._failure() from None
            raise

    def _ended(self) -> State:
        if self._end is None and self._vmm and (ended := self._vmm.process.exited):
            orderly = self._asked_to_end or ended.status == 0
            self._end = State.STOPPED if orderly else State.DEAD
        return self._end or State.DEAD

    def _failure(self) -> MachineError:
        return endings.failure(self._started(), self.name)
