"""The ``measure`` fixture: how a scenario counts its rounds and records its samples."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.errors import NothingMeasured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.config.model import Profile
    from harness.machines.model import Machine, Timeline
    from harness.plugin.record import Sink


@dataclass
class Measure:
    """Rounds and samples of one scenario on one subject.

    ``facts`` are those of :meth:`harness.results.recorder.RunRecorder.subject`; ``native`` are the baseline's.
    """

    scenario: str
    facts: dict[str, Any]
    native: dict[str, Any]
    profile: Profile
    sink: Sink
    tick: Callable[[int, int], None] = lambda _done, _total: None
    """Told how many rounds are done, of how many."""
    facts_of: Callable[[Machine], dict[str, Any]] | None = None
    count: int = field(default=0, init=False)
    """Samples recorded so far."""

    def rounds(self, total: int) -> Iterator[int]:
        """0, 1, … ``total`` - 1, shown by the progress bar."""
        for done in range(total):
            self.tick(done, total)
            yield done
        self.tick(total, total)

    def record(
        self,
        metric: str,
        value: float,
        *,
        unit: str,
        better: str,
        on: Machine | None = None,
        native: bool = False,
        signed: bool = False,
    ) -> None:
        """Record one sample, of this scenario's subject unless ``on`` names a machine of another or it is native.

        ``better`` is "lower" or "higher"; ``unit`` a base unit (s, B, B/s, op/s). Raises MeasurementError for what
        is no measurement.
        """
        self.sink(
            {
                "say": "sample",
                "scenario": self.scenario,
                "metric": metric,
                "value": value,
                "unit": unit,
                "better": better,
                "signed": signed,
                "subject": self.native if native else self._facts(on),
            }
        )
        self.count += 1

    @contextmanager
    def timed(self, metric: str, *, on: Machine | None = None) -> Iterator[None]:
        """Record the seconds that the block takes; nothing when it raises."""
        started = time.monotonic_ns()
        yield
        self.record(metric, (time.monotonic_ns() - started) / 1e9, unit="s", better="lower", on=on)

    def record_phases(self, timeline: Timeline, *, prefix: str = "", on: Machine | None = None) -> None:
        """Record every phase that a boot reached, in seconds from spawn; a polled one notes its resolution."""
        for phase, stamp in timeline.phases.items():
            metric = prefix + phase.value
            self.record(metric, timeline.seconds(phase), unit="s", better="lower", on=on)
            if stamp.resolution_ns:
                self.note(metric, f"polled every {stamp.resolution_ns / 1e6:g} ms", on=on)

    def note(self, metric: str, text: str, *, on: Machine | None = None) -> None:
        """Say something about a metric that has samples."""
        self.sink(
            {
                "say": "note",
                "scenario": self.scenario,
                "metric": metric,
                "text": text,
                "subject": self._facts(on),
            }
        )

    def check_not_empty(self) -> None:
        """Raise NothingMeasured when the scenario ended without one sample."""
        if not self.count:
            raise NothingMeasured(
                f"{self.scenario} measured nothing on {self.facts['backend']} {self.facts['arch']}",
                fix="record at least one sample, or skip with a reason",
            )

    def _facts(self, machine: Machine | None) -> dict[str, Any]:
        if machine is None:
            return self.facts
        if self.facts_of is None:
            raise NothingMeasured(f"{self.scenario}: this measure knows no machines")
        return self.facts_of(machine)
