"""``results.json``, schema version 1: everything that one invocation measured, as frozen models.

Unknown fields are refused and numbers are finite, so a document that loads is one that every reader
understands. ``python -m harness.results.schema`` writes the JSON Schema of these models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator  # noqa: TC003 - pydantic reads annotations at run time
from datetime import datetime  # noqa: TC003
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    JsonValue,
    StringConstraints,
    model_validator,
)

from harness.results.pictures import PICTURE_FILE, PICTURE_SIDE_MAX

SCHEMA_VERSION: Literal[1] = 1

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""What an id, a scenario, a metric or a unit is called."""

Better = Literal["lower", "higher"]
"""Which way is better."""

Interval = tuple[FiniteFloat, FiniteFloat]
"""A 95 % interval, low end first."""

Facts = dict[str, JsonValue]
"""What is so besides the numbers, by name."""


class _Model(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_by_name=True, serialize_by_alias=True
    )


class Host(_Model):
    """The facts of the host, and the fingerprint of those that make two hosts the same."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    fingerprint: Name

    @property
    def facts(self) -> dict[str, JsonValue]:
        """Every fact but the fingerprint."""
        return dict(self.__pydantic_extra__ or {})


class Harness(_Model):
    """The harness that measured."""

    version: str
    commit: str = ""
    command: tuple[str, ...] = ()
    """What measures the same again: a program and its arguments; empty where nobody recorded it."""


class RunInfo(_Model):
    """When, with which profile, by which harness and on which host."""

    id: Name
    started: AwareDatetime
    finished: AwareDatetime | None
    """None: the run was interrupted, and this was rebuilt from its journal."""
    profile: str
    harness: Harness
    host: Host

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to finish; None for a run that was interrupted."""
        return None if self.finished is None else (self.finished - self.started).total_seconds()


class Subject(_Model):
    """What was measured: a backend, its version, a guest and a configuration."""

    id: Name
    backend: Name
    backend_version: str = ""
    guest: str | None = None
    """None for native: there is no guest."""
    arch: str = ""
    config: Facts = Field(default_factory=dict)
    fingerprint: Name
    baseline: Name | None = None
    """The subject that its ratios are relative to; None: the first native one that has the metric."""

    @property
    def label(self) -> str:
        """The user's own name for it, else backend and architecture: what a headline says."""
        return str(self.config.get("label") or f"{self.backend} {self.arch}".strip())


class Summary(_Model):
    """What the samples come to; anyone can recompute it from them (see ``harness.measure.statistics``)."""

    n: Annotated[int, Field(ge=1)]
    median: FiniteFloat
    ci95: Interval | None
    """Bootstrap interval of the median; None for fewer than three samples, of which those that were recorded together
    count as one."""
    min: FiniteFloat
    max: FiniteFloat
    p95: FiniteFloat
    p99: FiniteFloat


class Native(_Model):
    """The same metric on the native subject of the same run: ``ratio`` = median here ÷ median there."""

    subject: Name
    ratio: FiniteFloat
    ci95: Interval | None


class Target(_Model):
    """A share of native's speed that a metric is held against: 0.8 is a line at 80 % of native."""

    label: Name
    share: Annotated[FiniteFloat, Field(gt=0)]


class Series(_Model):
    """The samples of one metric on one subject."""

    scenario: Name
    metric: Name
    unit: Name
    better: Better
    subject: Name
    samples: Annotated[tuple[FiniteFloat, ...], Field(min_length=1)]
    times: tuple[FiniteFloat, ...] | None = None
    """When each sample was taken, in seconds since the run started; None where that is not known."""
    summary: Summary
    native: Native | None = None
    notes: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    definition: str = ""
    """How the metric is computed, where its name does not say it."""
    facts: Facts = Field(default_factory=dict)
    """Of this metric on this subject, e.g. which renderer drew what was timed."""

    @model_validator(mode="after")
    def _times_match(self) -> Self:
        if self.times is not None and len(self.times) != len(self.samples):
            raise ValueError(f"{len(self.times)} times for {len(self.samples)} samples")
        if self.summary.n != len(self.samples):
            raise ValueError(f"a summary of {self.summary.n} for {len(self.samples)} samples")
        return self

    @property
    def key(self) -> tuple[str, str, str]:
        """What names this series within its run: scenario, metric, subject."""
        return self.scenario, self.metric, self.subject

    @property
    def is_speed(self) -> bool:
        """Whether it says how fast something is: a time, or a rate of which more is better. Only such ratios can be
        averaged as shares of native's speed; a quality (dB, SSIM), a size or a bit rate is none."""
        return (self.unit == "s" and self.better == "lower") or (
            self.unit.endswith("/s") and self.better == "higher"
        )


class Picture(_Model):
    """What a subject showed, e.g. the last frame that it rendered: a PNG in the run's folder."""

    scenario: Name
    subject: Name
    name: Name
    file: Annotated[str, StringConstraints(pattern=PICTURE_FILE)]
    """Relative to the run's folder; never a path out of it."""
    width: Annotated[int, Field(ge=1, le=PICTURE_SIDE_MAX)]
    height: Annotated[int, Field(ge=1, le=PICTURE_SIDE_MAX)]
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    """Of the file."""
    caption: str = ""
    facts: Facts = Field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """What names this picture within its run: scenario, name, subject."""
        return self.scenario, self.name, self.subject


class Skip(_Model):
    """Something that the host cannot do: a stable code, why, and what would fix it."""

    scenario: Name
    subject: str | None = None
    code: Name
    reason: str
    fix: str = ""


class Failure(_Model):
    """An attempt that failed: the error's class, its sentence, and the logs, relative to the run's folder."""

    scenario: Name
    subject: str | None = None
    error: Name
    message: str
    logs: tuple[str, ...] = ()


class Run(_Model):
    """One ``results.json``."""

    version: Literal[1] = Field(default=SCHEMA_VERSION, alias="schema")
    run: RunInfo
    subjects: tuple[Subject, ...] = ()
    series: tuple[Series, ...] = ()
    skipped: tuple[Skip, ...] = ()
    failed: tuple[Failure, ...] = ()
    notices: tuple[str, ...] = ()
    """What a reader must know before any number of this run."""
    pictures: tuple[Picture, ...] = ()

    @model_validator(mode="after")
    def _refers_to_itself(self) -> Self:
        subjects = {subject.id for subject in self.subjects}
        if len(subjects) != len(self.subjects):
            raise ValueError("two subjects share an id")
        for where, named in self._references():
            if named is not None and named not in subjects:
                raise ValueError(f"{where} names an unknown subject: {named}")
        for kind, keys in (("series", self.series), ("pictures", self.pictures)):
            twice = [key for key, count in Counter(each.key for each in keys).items() if count > 1]
            if twice:
                raise ValueError(f"two {kind} of {'/'.join(twice[0])}")
        return self

    def _references(self) -> Iterator[tuple[str, str | None]]:
        """Who names a subject, and which."""
        for series in self.series:
            where = f"{series.scenario}/{series.metric}"
            yield where, series.subject
            yield where, series.native.subject if series.native else None
        for subject in self.subjects:
            yield f"the baseline of {subject.id}", subject.baseline
        for picture in self.pictures:
            yield f"the picture {picture.name}", picture.subject

    @property
    def id(self) -> str:
        """The run's id: its start in UTC and four hexadecimal digits."""
        return self.run.id

    @property
    def started(self) -> datetime:
        """When the run started, with its zone."""
        return self.run.started

    @property
    def unfinished(self) -> bool:
        """Whether the run was interrupted and rebuilt from its journal."""
        return self.run.finished is None

    @property
    def sample_count(self) -> int:
        """Samples of all series."""
        return sum(series.summary.n for series in self.series)

    def passed(self) -> list[tuple[str, str]]:
        """Scenario and subject of everything that was measured and did not fail, in the order of the series."""
        failed = {(failure.scenario, failure.subject) for failure in self.failed}
        measured = dict.fromkeys((series.scenario, series.subject) for series in self.series)
        return [pair for pair in measured if pair not in failed]

    def to_json(self) -> str:
        """The document as ``results.json`` holds it: one line, short floats that read back exactly."""
        return self.model_dump_json(by_alias=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Run:
        """Read a document; raises pydantic.ValidationError for anything that is not schema version 1."""
        return cls.model_validate_json(text)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of ``results.json``, for readers in other languages."""
    schema = Run.model_json_schema(by_alias=True, mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "VisorBench results",
    }
