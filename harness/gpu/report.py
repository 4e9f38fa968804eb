"""What ``vb-gpu`` printed, parsed as if an enemy had written it: a guest may be broken, or lie.

The lines' schema is in ``native/README.md``. Anything else than a complete report with a right picture raises; no
number is ever made from half of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from harness.errors import MeasurementError, WrongPicture
from harness.gpu.frame_times import FrameTimes

if TYPE_CHECKING:
    from harness.gpu.picture import Picture

REPORT_LIMIT = 16 << 20
"""Bytes of a report that are read: more than half a million frames."""

FRAMES_LIMIT = 500_000
WARMUPS_LIMIT = 10_000

_Word = Annotated[str, Field(max_length=512, pattern=r"^[ -~]*$")]
_Nanoseconds = Annotated[int, Field(ge=0, lt=1 << 53)]
_Count = Annotated[int, Field(ge=0, lt=1 << 53)]


class _Event(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Start(_Event):
    event: Literal["start"]
    version: Literal[1] = Field(alias="schema")
    os: _Word
    arch: _Word
    compiler: _Word
    wgpu: _Word
    api: _Word
    scene: _Word
    width: int = Field(ge=64, le=1920)
    height: int = Field(ge=64, le=1080)
    in_flight: int = Field(ge=1, le=4)


class Adapter(_Event):
    """An adapter in its driver's own words; nothing of it is proof but in :mod:`harness.gpu.renderer`'s reading."""

    event: Literal["adapter"] = Field(repr=False)
    api: _Word
    kind: Literal["discrete", "integrated", "cpu", "unknown"]
    """``cpu`` is also what a guest says whose host renders in software."""
    device: _Word
    """Vulkan's device name, OpenGL's renderer."""
    driver: _Word
    """Vulkan's driver name; empty on OpenGL."""
    driver_info: _Word
    """The driver's version, in its words."""
    vendor_id: int = Field(ge=0, lt=1 << 32)
    device_id: int = Field(ge=0, lt=1 << 32)


class PictureCheck(_Event):
    """The last frame, compared pixel by pixel with what it must be."""

    event: Literal["picture"] = Field(repr=False)
    frame: int = Field(ge=0, lt=FRAMES_LIMIT + WARMUPS_LIMIT)
    pixels: int = Field(ge=1, le=1920 * 1080)
    tolerance: int = Field(ge=0, le=255)
    """How far off a channel may be, of 255."""
    max_error: int = Field(ge=0, le=255)
    """How far off any channel was."""
    wrong: _Count
    undecided: _Count
    """Pixels so near an edge that rasterisers may differ: not compared."""


class Setup(_Event):
    """How long it took until something was seen, in nanoseconds."""

    event: Literal["setup"] = Field(repr=False)
    device_ns: _Nanoseconds
    """From the program's start until it had a device."""
    scene_ns: _Nanoseconds
    """From there until pipelines, buffers and textures were made."""
    first_frame_ns: _Nanoseconds
    """From the program's start until the first frame was done."""


class Work(_Event):
    """What one frame moves and computes."""

    event: Literal["work"] = Field(repr=False)
    upload_bytes: _Count
    readback_bytes: _Count
    flop: _Count


class _Times(_Event):
    event: Literal["warmup", "frames"]
    first: int = Field(ge=0, lt=FRAMES_LIMIT)
    times_ns: Annotated[tuple[_Nanoseconds, ...], Field(min_length=1, max_length=128)]


class _End(_Event):
    event: Literal["end"]
    lines: int = Field(ge=0, lt=FRAMES_LIMIT)


_ANY: TypeAdapter[_Start | Adapter | PictureCheck | Setup | Work | _Times | _End] = TypeAdapter(
    Annotated[_Start | Adapter | PictureCheck | Setup | Work | _Times | _End, Field(discriminator="event")]
)


@dataclass(frozen=True, slots=True)
class GpuReport:
    """Everything that one invocation printed, its picture right."""

    os: str
    arch: str
    compiler: str
    wgpu: str
    """wgpu-native's version."""
    api: str
    scene: str
    width: int
    height: int
    in_flight: int
    """Frames submitted and not yet done: 2 as with a double-buffered swap chain; 1 waits for each."""
    adapter: Adapter
    check: PictureCheck
    setup: Setup
    work: Work
    warmup_ns: tuple[int, ...]
    frames: FrameTimes
    picture: Picture | None = field(default=None, repr=False)
    """The last frame, where it was asked for."""


def parse_report(output: bytes) -> GpuReport:
    """The report in a program's stdout; raises MeasurementError, and WrongPicture when it says so itself."""
    events = _events(output)
    kinds = [event.event for event in events]
    order = ["start", "adapter", "picture", "setup", "warmup", "frames", "work", "end"]
    if [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind] != order:
        raise MeasurementError(
            "vb-gpu's report is not start, adapter, picture, setup, frame times, work and end"
        )
    if [kind for kind in kinds if kind not in ("warmup", "frames")] != [
        kind for kind in order if kind not in ("warmup", "frames")
    ]:
        raise MeasurementError("a line of vb-gpu's report is there twice")
    start, adapter, check, setup, *times, work, end = events
    assert isinstance(start, _Start)
    assert isinstance(adapter, Adapter)
    assert isinstance(check, PictureCheck)
    assert isinstance(setup, Setup)
    assert isinstance(work, Work)
    assert isinstance(end, _End)
    if end.lines != len(events) - 1:
        raise MeasurementError(f"vb-gpu wrote {end.lines} lines and {len(events) - 1} arrived")
    warmup_ns, times_ns = _joined(times, "warmup"), _joined(times, "frames")
    if len(times_ns) > FRAMES_LIMIT or len(warmup_ns) > WARMUPS_LIMIT:
        raise MeasurementError(f"vb-gpu reports {len(times_ns)} frames: more than it draws")
    _believe(start, check, len(warmup_ns) + len(times_ns))
    described = start.model_dump(exclude={"event", "version"})
    return GpuReport(
        **described, adapter=adapter, check=check, setup=setup, work=work,
        warmup_ns=warmup_ns, frames=FrameTimes(times_ns),
    )  # fmt: skip


def parse_adapters(output: bytes) -> tuple[Adapter, ...]:
    """What ``--list-adapters`` printed; raises MeasurementError."""
    adapters = tuple(event for event in _events(output) if isinstance(event, Adapter))
    if len(adapters) != output.count(b"\n"):
        raise MeasurementError("vb-gpu listed something else than adapters")
    return adapters


def _events(output: bytes) -> list[_Start | Adapter | PictureCheck | Setup | Work | _Times | _End]:
    if len(output) > REPORT_LIMIT:
        raise MeasurementError(f"vb-gpu printed {len(output)} bytes: more than any report has")
    lines = output.split(b"\n")
    if lines.pop() != b"":
        raise MeasurementError("vb-gpu's report breaks off")
    events = []
    for number, line in enumerate(lines, start=1):
        try:
            events.append(_ANY.validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise MeasurementError(
                f"line {number} of vb-gpu's report is wrong: {where or 'it'}: {first['msg']}"
            ) from None
    return events


def _joined(
    lines: list[_Start | Adapter | PictureCheck | Setup | Work | _Times | _End], event: str
) -> tuple[int, ...]:
    joined: list[int] = []
    for line in lines:
        if isinstance(line, _Times) and line.event == event:
            if line.first != len(joined):
                raise MeasurementError(
                    f"vb-gpu's {event} times do not follow each other: {line.first} after {len(joined)}"
                )
            joined += line.times_ns
    return tuple(joined)


def _believe(start: _Start, check: PictureCheck, frames: int) -> None:
    if check.wrong or check.max_error > check.tolerance:
        raise WrongPicture(
            f"{start.scene}: {check.wrong} of {check.pixels} pixels are wrong, by up to {check.max_error} of 255",
            fix="the GPU draws wrongly: trust no figure of it", scene=start.scene, api=start.api,
        )  # fmt: skip
    if check.pixels != start.width * start.height or check.frame != frames - 1:
        raise MeasurementError("vb-gpu compared another picture than the last frame's")
    if 2 * check.undecided > check.pixels:
        raise MeasurementError("vb-gpu compared less than half of the picture")
