"""What the machines of every VMM have in common: who they are, the wait for a phase, and which verb a state allows."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from harness.channels.native_stamper import stamper
from harness.errors import WrongState
from harness.machines.boot import Watched
from harness.machines.budget import of_host
from harness.machines.milestones import Milestones
from harness.machines.model import Phase, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.channels.console import Console
    from harness.channels.ssh import Ssh
    from harness.channels.stamp import Stamp
    from harness.errors import MachineError
    from harness.machines.boot import BootWatch
    from harness.machines.login import Login
    from harness.machines.model import MachineSpec, Timeline

VmmT = TypeVar("VmmT", bound=Watched)


class VmmMachine(ABC, Generic[VmmT]):
    """One guest in one VMM. One thread drives it; any thread may look at it.

    ``logs``: the folder for its logs; None: in the private directory, which is gone when the machine is.
    """

    def __init__(self, name: str, spec: MachineSpec, logs: Callable[[], Path] | None) -> None:
        self._name = name
        self._spec = spec
        self._logs = logs
        self._vmm: VmmT | None = None
        self._login: Login | None = None
        self._milestones = Milestones()
        self._watch: BootWatch | None = None
        self._paused = False
        self._asked_to_end = False
        self._end: State | None = None
        self._kept = ExitStack()
        stamper()  # where it is still to be built, no clock runs yet

    @property
    def name(self) -> str:
        return self._name

    @property
    def spec(self) -> MachineSpec:
        return self._spec

    @property
    @abstractmethod
    def state(self) -> State: ...

    @property
    def timeline(self) -> Timeline:
        """The phases since the start, or since the last reset. Raises WrongState before the start."""
        self._started()
        return self._milestones.timeline

    @property
    def console(self) -> Console:
        return self._started().console

    @property
    @abstractmethod
    def ssh(self) -> Ssh: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def kill(self) -> None: ...

    def boot(self, until: Phase = Phase.FIRST_COMMAND, timeout_s: float = 120) -> Timeline:
        """Start and wait for ``until``, and for what the guest reports on the way.

        Where others boot already, or have the host's memory, it begins later (:mod:`harness.machines.budget`).
        """
        budget = of_host()
        if self.state is State.DEFINED:
            self._kept.enter_context(budget.memory(self.name, self._spec.memory_bytes))
        with budget.boot(self.name):
            deadline = time.monotonic() + timeout_s
            self.start()
            self._wait(until, max(0.0, deadline - time.monotonic()), asked_s=timeout_s)
            return self.timeline

    def wait_for(self, phase: Phase, timeout_s: float) -> Stamp:
        """When ``phase`` was reached; raises BootTimeout, GuestPanicked, MachineDied at once, and InvalidConfiguration
        for a phase that the guest never reports."""
        return self._wait(phase, timeout_s, asked_s=timeout_s)

    def _wait(self, phase: Phase, timeout_s: float, *, asked_s: float) -> Stamp:
        self._started()
        if self._watch is None:
            raise WrongState(f"{self.name} is still starting", state=self.state, required=State.RUNNING)
        return self._watch.wait(phase, timeout_s, lambda: self.ssh, asked_s=asked_s)

    def _started(self) -> VmmT:
        if self._vmm is None:
            raise WrongState(
                f"{self.name} has not started", fix="start or boot it first",
                state=self.state, required=State.RUNNING,
            )  # fmt: skip
        return self._vmm

    def _alive(self, verb: str, *required: State) -> VmmT:
        vmm, state = self._started(), self.state
        if state is State.DEAD:
            raise self._failure()
        if state not in required:
            raise WrongState(
                f"{self.name} is {state}, and to {verb} it must be {' or '.join(required)}",
                state=state, required=required,
            )  # fmt: skip
        return vmm

    @abstractmethod
    def _failure(self) -> MachineError: ...
