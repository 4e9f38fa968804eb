"""The ``measure`` fixture: how a scenario counts its rounds and records its samples."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Required, TypedDict, TypeVar, Unpack

from harness.errors import NothingMeasured
from harness.measure.order import turns
from harness.results.fingerprint import fingerprint_of
from harness.results.plain_values import plain_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from harness.config.model import Profile
    from harness.machines.model import Machine, Timeline
    from harness.plugin.record import Record, Sink
    from harness.plugin.turn import Precision, Turn

T = TypeVar("T")


class Said(TypedDict, total=False):
    """What a scenario says with samples."""

    unit: Required[str]
    """A base unit: s, B, B/s, op/s."""
    better: Required[str]
    """"lower" or "higher"."""
    on: Machine | None
    """Of another subject than the scenario's."""
    native: bool
    signed: bool
    """Whether a value may be negative."""
    targets: Mapping[str, float] | None
    """The shares of native's speed that the metric is held against, by label: ``{"80 %": 0.8}``."""
    definition: str
    """How the metric is computed, where its name does not say it."""
    facts: Mapping[str, Any] | None
    """What is so besides the number: ``{"renderer": …}``."""


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
    precision: Precision | None = None
    """How well to know every median before rounds end; None: as many rounds as the scenario says."""
    turn: Turn | None = None
    """The one round to do, where two subjects are measured in turns."""
    count: int = field(default=0, init=False)
    """Samples recorded so far."""
    _attempt: list[tuple[Record, int]] = field(default_factory=list, init=False)
    """Series and how many samples they got since the round began, or the last one ended."""

    def rounds(self, total: int) -> Iterator[int]:
        """0, 1, … ``total`` - 1, shown by the progress bar; with a goal, on until it is reached or its time spent."""
        for number in self._rounds(total):
            self._attempt.clear()
            yield number
        self._attempt.clear()

    def steps(self, total: int) -> Iterator[int]:
        """0, 1, … ``total`` - 1 that belong together: all of them in every turn, and no more for any precision."""
        for number in range(total):
            self.tick(number, total)
            self._attempt.clear()
            yield number
        self.tick(total, total)
        self._attempt.clear()

    def _rounds(self, total: int) -> Iterator[int]:
        if self.turn:
            yield from self.turn.round_of(total)
            return
        started, done = time.monotonic(), 0
        while done < total:
            self.tick(done, total)
            yield done
            done += 1
        wanted = self.precision
        while wanted and time.monotonic() - started < wanted.goal.budget_s and wanted.missed():
            self.tick(done, done + 1)
            yield done
            done += 1
        self.tick(done, done)
        for note in wanted.notes(self.scenario) if wanted else ():
            self._say(note)

    def turns(self, round_number: int, *things: T) -> tuple[T, ...]:
        """``things`` in the order of this round, so that none always comes first or after the same other."""
        return turns(things, round_number)

    def record(self, metric: str, value: float, **said: Unpack[Said]) -> None:
        """Record one sample, of this scenario's subject unless ``on`` names a machine of another or it is native.

        Raises MeasurementError for what is no measurement.
        """
        self.record_all(metric, [value], **said)

    def record_all(self, metric: str, values: Iterable[float], **said: Unpack[Said]) -> None:
        """Record many samples at once, in their order: the time of every frame of a round, for one."""
        subject = self._subject(said.get("on"), native=said.get("native", False))
        series = {"scenario": self.scenario, "metric": metric, "subject": subject}
        samples = {"values": list(values), "unit": said["unit"], "better": said["better"]}
        self._say({"say": "samples", **series, **samples, "signed": said.get("signed", False)})
        about = {
            "targets": dict(said.get("targets") or {}),
            "definition": said.get("definition", ""),
            "facts": plain_value(said.get("facts") or {}),
        }
        if any(about.values()):
            self._say({"say": "about", **series, **about})

    @contextmanager
    def timed(self, metric: str, *, on: Machine | None = None, definition: str = "") -> Iterator[None]:
        """Record the seconds that the block takes; nothing when it raises."""
        started = time.monotonic_ns()
        yield
        self.record(
            metric, (time.monotonic_ns() - started) / 1e9, unit="s", better="lower", on=on,
            definition=definition,
        )  # fmt: skip

    def record_phases(self, timeline: Timeline, *, prefix: str = "", on: Machine | None = None) -> None:
        """Record every phase that a boot reached, in seconds from spawn; a polled one notes its resolution."""
        for phase, stamp in timeline.phases.items():
            metric = prefix + phase.value
            self.record(metric, timeline.seconds(phase), unit="s", better="lower", on=on)
            if stamp.resolution_ns:
                self.note(
                    metric, f"polled every {_rounded_up(stamp.resolution_ns / 1e6):g} ms or less", on=on
                )

    def note(self, metric: str, text: str, *, on: Machine | None = None, native: bool = False) -> None:
        """Say something about a metric that has samples."""
        about = {"scenario": self.scenario, "metric": metric, "subject": self._subject(on, native=native)}
        self._say({"say": "note", **about, "text": text})

    def fact(
        self, metric: str, name: str, value: Any, *, on: Machine | None = None, native: bool = False
    ) -> None:
        """Say what is so of a metric that has samples besides its numbers, e.g. which renderer drew."""
        about = {"scenario": self.scenario, "metric": metric, "subject": self._subject(on, native=native)}
        self._say({"say": "about", **about, "facts": plain_value({name: value})})

    def notice(self, text: str) -> None:
        """Say what a reader must know before any number of this run: it stands at the top of the report."""
        self._say({"say": "notice", "text": text})

    def leave_out(self, what: str | None = None, *, code: str, reason: str, fix: str = "") -> None:
        """A part of the scenario that this host cannot do, by name; the rest goes on. ``what``: the name of a subject
        that takes no part; None: something of this measure's own."""
        left_out = {"subject": what or self.facts, "code": code, "reason": reason, "fix": fix}
        self._say({"say": "skip", "scenario": self.scenario, **left_out})

    def attach_picture(
        self,
        name: str,
        rgba: bytes | bytearray | memoryview,
        width: int,
        height: int,
        *,
        caption: str = "",
        facts: Mapping[str, Any] | None = None,
        on: Machine | None = None,
        native: bool = False,
    ) -> None:
        """Show a picture of 8-bit RGBA pixels, rows from the top, in the report; of several of a ``name`` the last.

        ``name`` is what was run, as in its metrics before the last ``/``. Raises MeasurementError for pixels that do
        not have that size, or are too many.
        """
        from harness.results.pictures import encode_png  # noqa: PLC0415 - Pillow

        png = encode_png(rgba, width, height)
        subject = self._subject(on, native=native)
        self._say(
            {"say": "picture", "scenario": self.scenario, "name": name, "subject": subject,
             "data": png.data, "width": png.width, "height": png.height, "caption": caption,
             "facts": plain_value(facts or {})}
        )  # fmt: skip

    def variant(
        self,
        name: str,
        *,
        config: Mapping[str, Any] | None = None,
        against: Measure | None = None,
        on: Machine | None = None,
        native: bool = False,
    ) -> Measure:
        """A measure whose samples are those of a subject of their own: one way among several to do the same work.

        ``config`` is what makes two such subjects the same, besides ``name``; ``against`` is the measure whose subject
        the ratios are relative to.
        """
        of = self._subject(on, native=native)
        named = "-".join(part for part in (of.get("variant"), name) if part)
        own = {"variant": name, **plain_value(config or {})}
        facts = {**of, "variant": named, "config": {**of.get("config", {}), **own}}
        if "fingerprint" in of:
            facts["fingerprint"] = fingerprint_of({"of": of["fingerprint"], "config": own})
        if against is not None:
            facts["baseline"] = against.facts
        return replace(self, facts=facts, sink=self._say, precision=None)  # what it says comes by this one

    def withdraw_attempt(self) -> None:
        """The scenario has failed: what the round that it was in has recorded is no number."""
        for series, count in self._attempt:
            self.sink({"say": "withdraw", **series, "count": count})
        self._attempt.clear()

    def check_not_empty(self) -> None:
        """Raise NothingMeasured when the scenario ended without one sample."""
        if not self.count:
            raise NothingMeasured(
                f"{self.scenario} measured nothing on {self.facts['backend']} {self.facts['arch']}",
                fix="record at least one sample, or skip with a reason",
            )

    def _say(self, record: Record) -> None:
        """Count and pass on; what a variant's measure says comes through here too."""
        self.sink(record)
        self.count += len(record.get("values", ()))
        if record["say"] == "samples":
            series = {key: record[key] for key in ("scenario", "metric", "subject")}
            self._attempt.append((series, len(record["values"])))
        if self.precision and record["say"] == "samples":
            self.precision.take(record)

    def _subject(self, machine: Machine | None, *, native: bool) -> dict[str, Any]:
        if native:
            return self.native
        if machine is None:
            return self.facts
        if self.facts_of is None:
            raise NothingMeasured("this measure knows no machines")
        return self.facts_of(machine)


def _rounded_up(value: float) -> float:
    """To 1, 2 or 5 times a power of ten, so that a hundred boots do not leave a hundred notes; ``value`` > 0."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if value <= step * power * (1 + 1e-9))
