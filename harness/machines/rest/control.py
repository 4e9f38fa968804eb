"""What a machine asks of its VMM over REST: its state, and changes of it that have happened when the verb returns."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from harness.channels.rest import RestClient
from harness.errors import ControlLost, ControlTimeout

if TYPE_CHECKING:
    from pathlib import Path

STATE = "/vm/state"
INSPECT = "/vm/inspect"
_PREFIX = "VirtualMachineState"
_LOOK_S = 0.01
"""A state that is on its way (Pausing) has no event: it is asked again this often."""


class VmState(StrEnum):
    """The states of Virtualization.framework, as vfkit spells them behind ``VirtualMachineState``."""

    STOPPED = "Stopped"
    RUNNING = "Running"
    PAUSED = "Paused"
    ERROR = "Error"
    STARTING = "Starting"
    PAUSING = "Pausing"
    RESUMING = "Resuming"
    STOPPING = "Stopping"
    SAVING = "Saving"
    RESTORING = "Restoring"


class Change(StrEnum):
    """What ``POST /vm/state`` takes."""

    PAUSE = "Pause"
    RESUME = "Resume"
    STOP = "Stop"
    """Press the power button; the guest decides what it does."""
    HARD_STOP = "HardStop"


class RestControl:
    """The control socket as the lifecycle speaks it. Every method raises ControlError."""

    def __init__(self, path: Path, vmm: str) -> None:
        self._client = RestClient(path, vmm)
        self._vmm = vmm

    def state(self, timeout_s: float = 5) -> VmState:
        """The VMM's word for its state."""
        body = self._client.get(STATE, timeout_s).body
        said = body.get("state") if isinstance(body, dict) else None
        try:
            return VmState(str(said).removeprefix(_PREFIX))
        except ValueError:
            raise ControlLost(f"{self._vmm} is in a state that nobody knows: {said!r}") from None

    def inspect(self, timeout_s: float = 5) -> dict[str, Any]:
        """vfkit's own account: ``vcpus``, ``memoryBytes``, ``bootloader``, ``devices`` with a ``kind`` each."""
        body = self._client.get(INSPECT, timeout_s).body
        if not isinstance(body, dict):
            raise ControlLost(f"{self._vmm} inspects itself as {body!r}")
        return body

    def ask(self, change: Change, timeout_s: float = 5) -> None:
        """Ask for a change. vfkit answers 202 where its documentation says 200; any status below 400 is a yes."""
        self._client.post(STATE, {"state": change.value}, timeout_s)

    def pause(self, timeout_s: float = 5) -> None:
        """Stop the virtual CPUs, and return when they have stopped."""
        self._become(Change.PAUSE, VmState.PAUSED, timeout_s)

    def resume(self, timeout_s: float = 5) -> None:
        """Let them run again."""
        self._become(Change.RESUME, VmState.RUNNING, timeout_s)

    def _become(self, change: Change, wanted: VmState, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        self.ask(change, timeout_s)
        while (state := self.state(max(0.001, deadline - time.monotonic()))) is not wanted:
            if time.monotonic() >= deadline:
                raise ControlTimeout(
                    f"{self._vmm} was {state} {timeout_s:g} s after it was told to {change.lower()}"
                )
            time.sleep(min(_LOOK_S, max(0.0, deadline - time.monotonic())))
