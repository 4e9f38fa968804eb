"""Every way from a frame to H.264: without a copy, with pixels sent along, in the guest itself, and without a guest."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from harness.display.dbus import DbusDisplay
from harness.display.frame import BYTES_A_PIXEL
from harness.display.scanout_trace import ScanoutTrace
from harness.encoder.encoder import Encoder
from harness.encoder.model import EncoderConfig, PixelFormat, Surface
from harness.hxfr.messages import VSOCK_PORT
from harness.hxfr.scanout import Scanout
from harness.hxfr.server import HxfrServer
from harness.machines.guest_encoder import OPENH264, X264, GuestEncoder, draw_and_encode
from harness.machines.native.pattern import draw
from harness.machines.usage import usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from harness.display.pattern_report import PatternReport
    from harness.encoder.model import AccessUnit
    from harness.hxfr.scanout import Encoded
    from harness.machines.native.pattern import Shown
    from harness.plugin.display_contest import DrawingGuest

NATIVE = "native"
_RECORD = "/tmp/stream.h264"  # noqa: S108 - in a guest of ours
_SERVER = f"--encode=vsock:{VSOCK_PORT}"


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of every frame's way, in seconds."""

    name: str
    seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Coded:
    """One repetition: what was drawn, the stream that came of it, and what that cost.

    ``copied_bytes``: of one frame's pixels, None where nobody counts.
    """

    report: PatternReport
    stream: bytes
    to_last_nal_s: tuple[float, ...]
    """From the page flip to the last byte of the frame's last NAL unit."""
    asked_s: tuple[float, ...] = ()
    """From a request to its response, where there are requests."""
    cpu_s: float = 0.0
    """Processor time of QEMU, guest included, and of the harness."""
    copied_bytes: float | None = None
    stages: tuple[Stage, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Way:
    """One subject of the scenario."""

    name: str
    code: Callable[[DrawingGuest, Sequence[str], Path], Coded]


def _pushed(guest: DrawingGuest, words: Sequence[str], folder: Path) -> Coded:
    """The guest subscribes to its own display: whatever it flips is encoded where it lies, and pushed."""
    told: list[Encoded] = []
    with _served(guest, told.append):
        coded = _drawn(guest, [*words, _SERVER, "--by=subscription"], folder)
    copied = sum(each.copied_bytes for each in told) / len(told)
    return replace(
        coded, copied_bytes=copied, stages=_HostParts.of(told).stages(coded.report, coded.to_last_nal_s)
    )


def _asked(guest: DrawingGuest, words: Sequence[str], folder: Path, *, pixels: bool) -> Coded:
    """The guest asks for each frame, by the resource id of its page or with the page's pixels."""
    with _served(guest):
        coded = _drawn(guest, [*words, _SERVER, f"--by={'pixels' if pixels else 'resource'}"], folder)
    report = coded.report
    stages = (
        Stage("draw", report.between_s("begun_ns", "drawn_ns")),
        Stage("flip", report.between_s("flip_ns", "asked_ns")),
        Stage("request-and-encode", report.between_s("asked_ns", "answered_ns")),
    )
    return replace(
        coded, asked_s=report.between_s("asked_ns", "answered_ns"), stages=stages,
        copied_bytes=BYTES_A_PIXEL * report.width * report.height if pixels else 0,
    )  # fmt: skip


def _in_guest(encoder: GuestEncoder, guest: DrawingGuest, words: Sequence[str], folder: Path) -> Coded:
    began = _cpu_s(guest)
    report = draw_and_encode(guest.pattern, encoder, guest.size, ["--times", *words], _RECORD)
    cpu_s = _cpu_s(guest) - began
    asked = report.between_s("asked_ns", "answered_ns")
    stages = (
        Stage("draw", report.between_s("begun_ns", "drawn_ns")),
        Stage("flip", report.between_s("flip_ns", "asked_ns")),
        Stage("encode-in-guest", asked),
    )
    return Coded(
        report,
        _fetched(guest, folder),
        report.between_s("flip_ns", "answered_ns"),
        asked,
        cpu_s,
        None,
        stages,
    )


def _native(guest: DrawingGuest, words: Sequence[str], folder: Path) -> Coded:  # noqa: ARG001 - as every way
    units: list[AccessUnit] = []
    done_ns: list[int] = []
    width, height = guest.size
    began = time.process_time()
    with Encoder(EncoderConfig(width, height)) as encoder:

        def encode(page: Shown) -> None:
            surface = Surface(
                page.width, page.height, page.stride, PixelFormat.XRGB8888, page.file, page.offset
            )
            units.append(encoder.encode(surface, page.number))
            done_ns.append(time.monotonic_ns())

        report = draw(guest.size, words, encode)
        copied = encoder.stats().copied_bytes / report.frames
    cpu_s = time.process_time() - began + report.cpu_ns / 1e9
    flips = report["flip_ns"]
    way = tuple((done - report.begin_ns - flip) / 1e9 for done, flip in zip(done_ns, flips, strict=True))
    host = _HostParts(
        [unit.map_ns / 1e9 for unit in units],
        [unit.convert_ns / 1e9 for unit in units],
        [unit.encode_ns / 1e9 for unit in units],
    )
    stream = b"".join(unit.data for unit in units)
    return Coded(report, stream, way, (), cpu_s, copied, host.stages(report, way))


ZERO_COPY = Way("zero-copy", _pushed)
ZERO_COPY_REQUEST = Way("zero-copy-request", partial(_asked, pixels=False))
PIXEL_DATA = Way("pixel-data", partial(_asked, pixels=True))
GUEST_WAYS = (
    ZERO_COPY, ZERO_COPY_REQUEST, PIXEL_DATA,
    Way(X264.name, partial(_in_guest, X264)), Way(OPENH264.name, partial(_in_guest, OPENH264)),
)  # fmt: skip
NATIVE_WAY = Way(NATIVE, _native)


@contextmanager
def _served(guest: DrawingGuest, told: Callable[[Encoded], None] | None = None) -> Iterator[None]:
    """The guest's display on a server that the guest finds on the well-known vsock port."""
    qmp = guest.machine.control.qmp
    with ScanoutTrace(qmp) as trace:
        scanout = Scanout(DbusDisplay.open(qmp), lossless=True, told=told, resource=trace.resource)
        try:
            with HxfrServer({0: scanout}) as server:
                server.listen_vsock(guest.machine.vsock.listen(VSOCK_PORT))
                yield
        finally:
            scanout.close()


def _drawn(guest: DrawingGuest, words: Sequence[str], folder: Path) -> Coded:
    began = _cpu_s(guest)
    report = guest.pattern.draw("--times", f"--record={_RECORD}", *words)
    cpu_s = _cpu_s(guest) - began
    return Coded(report, _fetched(guest, folder), report.between_s("flip_ns", "answered_ns"), cpu_s=cpu_s)


def _fetched(guest: DrawingGuest, folder: Path) -> bytes:
    file = folder / "stream.h264"
    guest.machine.ssh.get(_RECORD, file)
    return file.read_bytes()


class _HostParts(NamedTuple):
    """What every frame's way takes on the host, in seconds."""

    map: list[float]
    convert: list[float]
    encode: list[float]
    wait: list[float] | None = None

    @classmethod
    def of(cls, told: Sequence[Encoded]) -> _HostParts:
        """Of frames that a scanout encoded."""
        convert = [each.unit.convert_ns for each in told]
        encode = [each.unit.encode_ns for each in told]
        until = [each.converted_ns - each.arrived_ns for each in told]
        after = [each.encoded_ns - each.converted_ns for each in told]
        return cls(
            [(whole - part) / 1e9 for whole, part in zip(until, convert, strict=True)],
            [part / 1e9 for part in convert],
            [part / 1e9 for part in encode],
            [(whole - part) / 1e9 for whole, part in zip(after, encode, strict=True)],
        )

    def stages(self, report: PatternReport, way: Sequence[float]) -> tuple[Stage, ...]:
        """All of the way. Guest and host have clocks of their own: what is between them is what is left."""
        named = [(name, part) for name, part in self._asdict().items() if part is not None]
        spent = map(sum, zip(*(part for _, part in named), strict=True))
        transport = tuple(total - host for total, host in zip(way, spent, strict=False))
        stages = [Stage("draw", report.between_s("begun_ns", "drawn_ns")), Stage("transport", transport)]
        return (*stages, *(Stage(name, tuple(part[: len(way)])) for name, part in named))


def _cpu_s(guest: DrawingGuest) -> float:
    return usage(guest.machine.pids).cpu_s + time.process_time()
