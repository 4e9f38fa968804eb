"""What ``vb-pattern`` printed: its frames, and when each was drawn, flipped, asked for and answered.

The lines' schema is in ``native/README.md``. They come from a guest: anything but a complete report raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from harness.errors import MeasurementError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_Nanoseconds = Annotated[int, Field(ge=0, lt=1 << 63)]
_Side = Annotated[int, Field(ge=1, le=16384)]
_Name = Literal[
    "begun_ns", "drawn_ns", "flip_ns", "flipped_ns", "asked_ns", "answered_ns", "bytes", "keyframe"
]


class _Event(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Start(_Event):
    event: Literal["start"]
    version: Literal[2] = Field(alias="schema")
    width: _Side
    height: _Side
    stride: int = Field(ge=4)
    resources: tuple[Annotated[int, Field(ge=0, lt=1 << 32)], ...]


class _Series(_Event):
    event: Literal["series"]
    name: _Name
    first: int = Field(ge=0)
    values: Annotated[tuple[_Nanoseconds, ...], Field(min_length=1, max_length=128)]


class _End(_Event):
    event: Literal["end"]
    first: int = Field(ge=0)
    frames: int = Field(ge=1)
    late: int = Field(ge=0)
    begin_ns: _Nanoseconds
    ns: int = Field(ge=1)
    cpu_ns: _Nanoseconds


_ANY: TypeAdapter[_Start | _Series | _End] = TypeAdapter(
    Annotated[_Start | _Series | _End, Field(discriminator="event")]
)


@dataclass(frozen=True, slots=True)
class PatternReport:
    """One run of the program; times are ns from the beginning of its first frame, by the guest's clock.

    ``late``: frames of a paced run whose time had passed when they were done. ``resources``: the virtio-gpu ids of the
    pages. A series that was not asked for is empty.
    """

    width: int
    height: int
    first: int
    frames: int
    late: int
    begin_ns: int
    """Of the clock (CLOCK_MONOTONIC where it ran), when the first frame was begun."""
    duration_ns: int
    cpu_ns: int
    """Of the program, where it ran."""
    resources: tuple[int, ...] = ()
    series: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def fps(self) -> float:
        """Frames ÷ time."""
        return self.frames / self.duration_ns * 1e9

    def __getitem__(self, name: str) -> tuple[int, ...]:
        return self.series.get(name, ())

    def between_s(self, earlier: str, later: str) -> tuple[float, ...]:
        """Seconds from one event of a frame to another of it, for each frame that has both."""
        return tuple((b - a) / 1e9 for a, b in zip(self[earlier], self[later], strict=False))


def parse_report(output: bytes) -> PatternReport:
    """The report in the program's stdout; raises MeasurementError."""
    try:
        events = [_ANY.validate_json(line) for line in output.splitlines()]
    except ValidationError as error:
        raise MeasurementError(
            f"vb-pattern printed a line that is none of its report's: {error.errors()[0]['msg']}"
        ) from None
    match events:
        case [_Start() as start, *between, _End() as end] if all(isinstance(one, _Series) for one in between):
            series = _joined([one for one in between if isinstance(one, _Series)])
        case _:
            raise MeasurementError("vb-pattern's report is not start, series and end: it was cut off")
    drawn = {name: len(series[name]) for name in ("begun_ns", "drawn_ns", "flip_ns") if name in series}
    if any(count != end.frames for count in drawn.values()):
        raise MeasurementError(f"vb-pattern drew {end.frames} frames and reports times of {drawn}")
    return PatternReport(
        start.width,
        start.height,
        end.first,
        end.frames,
        end.late,
        end.begin_ns,
        end.ns,
        end.cpu_ns,
        start.resources,
        series,
    )


def _joined(lines: Sequence[_Series]) -> dict[str, tuple[int, ...]]:
    series: dict[str, tuple[int, ...]] = {}
    for line in lines:
        known = series.get(line.name, ())
        if line.first != len(known):
            raise MeasurementError(f"a line of vb-pattern's {line.name} is missing")
        series[line.name] = known + line.values
    return series
