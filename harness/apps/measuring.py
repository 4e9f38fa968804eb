"""What an application costs: rounds of starts, several applications in turns, as samples of a run like any other."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.apps.application import running
from harness.host.page_cache import drop_page_cache
from harness.machines.usage import usage
from harness.measure.order import turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from harness.apps.application import Application, Running
    from harness.apps.screen import Screen
    from harness.apps.windows import WindowWatch

DEFINITIONS = {
    "bundle-size": "bytes in the file or folder that the application is shipped as",
    "warm/first-window": "from just before the process is asked for to the X server's MapNotify of its first window",
    "cold/first-window": "as the first window (warm), with nothing in the host's page cache",
    "idle/memory": "PSS of every process that it started, so long after its first window that it had come to rest",
    "idle/cpu-per-second": "CPU time of every process that it started, in a second without anybody at it",
    "machines/memory": "as memory (idle), with machines running on the host",
    "machines/cpu-per-second": "as host CPU per second (idle), with machines running on the host",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure."""

    rounds: int = 5
    cold_rounds: int = 0
    settle_s: float = 5
    """From the first window until an application counts as idle, and then how long it is looked at."""
    timeout_s: float = 60


class Sink(Protocol):
    """Takes samples."""

    def __call__(self, application: Application, metric: str, value: float, *, unit: str) -> None:
        """Of this application; less is better everywhere."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """Applications on one display; ``step`` is told what comes next."""

    applications: Sequence[Application]
    screen: Screen
    watch: WindowWatch
    plan: Plan
    take: Sink
    step: Callable[[str], None] = lambda _: None

    def bundles(self) -> None:
        """How big each is."""
        for each in self.applications:
            self.take(each, "bundle-size", each.bundle_bytes(), unit="B")

    def starts(self) -> None:
        """Warm starts, after one of each that nobody counts; idle once the window is there."""
        for each in self.applications:
            self.step(f"{each.label}: a first start, which is not counted")
            with self._running(each):
                pass
        self._rounds("warm", self.plan.rounds, lambda each, up: self._idle(each, up, "idle"))

    def cold_starts(self) -> None:
        """With an empty page cache before each; raises HostLacks where it cannot be emptied."""
        self._rounds("cold", self.plan.cold_rounds, lambda _each, _up: None, before=drop_page_cache)

    def with_machines(self) -> None:
        """What each costs while machines run, which somebody else has started."""
        for number in range(self.plan.rounds):
            for each in turns(self.applications, number):
                self.step(f"{each.label}: with machines, {number + 1} of {self.plan.rounds}")
                with self._running(each) as up:
                    self._idle(each, up, "machines")

    def _rounds(
        self,
        kind: str,
        rounds: int,
        then: Callable[[Application, Running], None],
        *,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        for number in range(rounds):
            for each in turns(self.applications, number):
                self.step(f"{each.label}: {kind} start {number + 1} of {rounds}")
                before()
                with self._running(each) as up:
                    self.take(each, f"{kind}/first-window", up.first_window_s, unit="s")
                    then(each, up)

    def _running(self, application: Application) -> AbstractContextManager[Running]:
        return running(application, self.screen, self.watch, timeout_s=self.plan.timeout_s)

    def _idle(self, application: Application, up: Running, when: str) -> None:
        time.sleep(self.plan.settle_s)
        began, before = time.monotonic(), usage(up.pids())
        time.sleep(self.plan.settle_s)
        took_s, after = time.monotonic() - began, usage(up.pids())
        spent_s = max(0.0, after.cpu_s - before.cpu_s)  # a process that has ended takes its share along
        self.take(application, f"{when}/cpu-per-second", spent_s / took_s, unit="s")
        self.take(application, f"{when}/memory", after.memory_bytes, unit="B")
