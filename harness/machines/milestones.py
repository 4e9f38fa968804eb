"""The phases of a boot as they arrive from any thread, and waits that end with them or with the machine."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from harness.machines.model import Phase, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.channels.stamp import Stamp
    from harness.errors import MachineError


class Milestones:
    """What a boot has reached since it began; ``end`` is how it failed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._began: Stamp | None = None
        self._phases: dict[Phase, Stamp] = {}
        self._end: Callable[[], MachineError] | None = None

    def begin(self, stamp: Stamp) -> None:
        """A boot begins: what came before ``stamp`` belongs to another."""
        with self._changed:
            self._began = stamp
            self._phases = {phase: at for phase, at in self._phases.items() if at.at_ns >= stamp.at_ns}

    def forget(self) -> None:
        """Another boot is about to begin, with a guest that has not failed yet."""
        with self._changed:
            self._end = None
            self._phases = {}

    def reach(self, phase: Phase, stamp: Stamp) -> None:
        """A phase was reached; only its first time since the boot began counts, however late it is told."""
        if phase in self._phases:  # a flooding console asks for every line: no lock for what is known
            return
        with self._changed:
            if self._began is None or stamp.at_ns >= self._began.at_ns:
                self._phases.setdefault(phase, stamp)
                self._changed.notify_all()

    def end(self, failure: Callable[[], MachineError]) -> None:
        """No further phase will come; every wait raises what ``failure`` makes. Only the first counts."""
        with self._changed:
            self._end = self._end or failure
            self._changed.notify_all()

    def check(self, patience_s: float = 0) -> None:
        """Raise what ended the machine, if anything has or does within ``patience_s``."""
        with self._changed:
            self._changed.wait_for(lambda: self._end is not None, patience_s)
            end = self._end
        if end is not None:
            raise end()

    @property
    def booted(self) -> bool:
        """Whether the guest has said that it is ready: from then on it has no reason to reboot."""
        return not self._phases.keys().isdisjoint((Phase.GUEST_READY, Phase.SSH_BANNER, Phase.FIRST_COMMAND))

    def wait(self, phase: Phase, timeout_s: float) -> Stamp | None:
        """When ``phase`` was reached; None when it was not in time. Raises what ended the machine."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while phase not in self._phases and self._end is None:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            stamp, end = self._phases.get(phase), self._end
        if stamp is None and end is not None:
            raise end()
        return stamp

    @property
    def timeline(self) -> Timeline:
        """A copy, in the order of the phases; raises ValueError before the first boot has begun."""
        with self._changed:
            if self._began is None:
                raise ValueError("no boot has begun")
            return Timeline(
                self._began, {phase: self._phases[phase] for phase in Phase if phase in self._phases}
            )
