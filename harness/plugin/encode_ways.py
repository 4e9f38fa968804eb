"""Every way from a frame to H.264: without a copy, with pixels sent along, in the guest itself, and without a guest.

What the host does for it runs in a process of its own (:mod:`harness.machines.encoder_host`).
"""

from __future__ import annotations

import select
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from harness.display.dbus import PROTOCOL
from harness.display.frame import BYTES_A_PIXEL
from harness.display.hand_over import hand_over
from harness.display.scanout_trace import traced
from harness.errors import HelperLost, NotSeen, VsockLost
from harness.hxfr.messages import VSOCK_PORT
from harness.machines.encoder_host import EncoderHost
from harness.machines.guest_encoder import OPENH264, X264, GuestEncoder, draw_and_encode
from harness.machines.usage import usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from harness.channels.vsock import VsockListener
    from harness.display.pattern_report import PatternReport
    from harness.host.apart import Apart
    from harness.machines.encoder_host import HostParts
    from harness.plugin.display_contest import DrawingGuest

NATIVE = "native"
_RECORD = "/tmp/stream.h264"  # noqa: S108 - in a guest of ours
_STREAM = "stream.h264"
_SERVER = f"--encode=vsock:{VSOCK_PORT}"


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of every frame's way, in seconds."""

    name: str
    seconds: tuple[float, ...]


class Desk(NamedTuple):
    """Where it happens: the guest, the process that encodes on the host, and a folder for streams."""

    guest: DrawingGuest
    host: Apart[EncoderHost]
    folder: Path


@dataclass(frozen=True, slots=True)
class Coded:
    """One repetition: what was drawn, the stream that came of it, and what that cost.

    ``copied_bytes``: of one frame's pixels, None where nobody counts.
    """

    report: PatternReport
    stream: Path
    """Until the next repetition."""
    to_last_nal_s: tuple[float, ...]
    """From the page flip to the last byte of the frame's last NAL unit."""
    asked_s: tuple[float, ...] = ()
    """From a request to its response, where there are requests."""
    cpu_s: float = 0.0
    """Processor time of QEMU, guest included, and of what encodes on the host."""
    copied_bytes: float | None = None
    stages: tuple[Stage, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Way:
    """One subject of the scenario."""

    name: str
    code: Callable[[Desk, Sequence[str]], Coded]


def _pushed(desk: Desk, words: Sequence[str]) -> Coded:
    """The guest subscribes to its own display: whatever it flips is encoded where it lies, and pushed."""
    with _served(desk) as parts:
        coded = _drawn(desk, [*words, _SERVER, "--by=subscription"])
    return replace(
        coded, copied_bytes=parts[0].copied_bytes,
        stages=_stages(parts[0], coded.report, coded.to_last_nal_s),
    )  # fmt: skip


def _asked(desk: Desk, words: Sequence[str], *, pixels: bool) -> Coded:
    """The guest asks for each frame, by the resource id of its page or with the page's pixels."""
    with _served(desk):
        coded = _drawn(desk, [*words, _SERVER, f"--by={'pixels' if pixels else 'resource'}"])
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


def _in_guest(encoder: GuestEncoder, desk: Desk, words: Sequence[str]) -> Coded:
    began = _cpu_s(desk)
    report = draw_and_encode(desk.guest.pattern, encoder, desk.guest.size, ["--times", *words], _RECORD)
    cpu_s = _cpu_s(desk) - began
    asked = report.between_s("asked_ns", "answered_ns")
    stages = (
        Stage("draw", report.between_s("begun_ns", "drawn_ns")),
        Stage("flip", report.between_s("flip_ns", "asked_ns")),
        Stage("encode-in-guest", asked),
    )
    to_last_nal_s = report.between_s("flip_ns", "answered_ns")
    return Coded(report, _fetched(desk), to_last_nal_s, asked, cpu_s, None, stages)


def _native(desk: Desk, words: Sequence[str]) -> Coded:
    stream = desk.folder / _STREAM
    drawn = desk.host.call(EncoderHost.draw, desk.guest.size, words, stream)
    report = drawn.report
    way = tuple(
        (done - report.begin_ns - flip) / 1e9
        for done, flip in zip(drawn.done_ns, report["flip_ns"], strict=True)
    )
    stages = _stages(drawn.parts, report, way)
    return Coded(report, stream, way, (), drawn.cpu_s, drawn.parts.copied_bytes, stages)


ZERO_COPY = Way("zero-copy", _pushed)
ZERO_COPY_REQUEST = Way("zero-copy-request", partial(_asked, pixels=False))
PIXEL_DATA = Way("pixel-data", partial(_asked, pixels=True))
GUEST_WAYS = (
    ZERO_COPY, ZERO_COPY_REQUEST, PIXEL_DATA,
    Way(X264.name, partial(_in_guest, X264)), Way(OPENH264.name, partial(_in_guest, OPENH264)),
)  # fmt: skip
NATIVE_WAY = Way(NATIVE, _native)


@contextmanager
def _served(desk: Desk) -> Iterator[list[HostParts]]:
    """The guest's display on a server that the guest finds on the well-known vsock port; at the end, what it took."""
    qmp = desk.guest.machine.control.qmp
    parts: list[HostParts] = []
    with traced(qmp) as trace, desk.guest.machine.vsock.listen(VSOCK_PORT) as listener:
        with hand_over(qmp, PROTOCOL) as display:
            desk.host.hand(EncoderHost.serve, display.fileno(), *trace)
        try:
            with _passed_on(listener, desk.host):
                yield parts
        finally:
            parts.append(desk.host.call(EncoderHost.stop))


@contextmanager
def _passed_on(listener: VsockListener, host: Apart[EncoderHost]) -> Iterator[None]:
    """Whoever connects is the host process's client."""
    wakes, woken = socket.socketpair()

    def pass_on() -> None:
        while woken.fileno() not in select.select([listener.fileno(), woken.fileno()], [], [])[0]:
            with suppress(NotSeen), listener.accept(0) as client:  # it may have left before it was let in
                host.hand(EncoderHost.attach, client.fileno())

    def until_lost() -> None:
        with suppress(VsockLost, HelperLost):  # which the guest's end of it meets, too
            pass_on()

    thread = threading.Thread(target=until_lost, name="encode-clients", daemon=True)
    with wakes, woken:
        thread.start()
        try:
            yield
        finally:
            wakes.shutdown(socket.SHUT_RDWR)
            thread.join()


def _drawn(desk: Desk, words: Sequence[str]) -> Coded:
    began = _cpu_s(desk)
    report = desk.guest.pattern.draw("--times", f"--record={_RECORD}", *words)
    cpu_s = _cpu_s(desk) - began
    return Coded(report, _fetched(desk), report.between_s("flip_ns", "answered_ns"), cpu_s=cpu_s)


def _fetched(desk: Desk) -> Path:
    file = desk.folder / _STREAM
    desk.guest.machine.ssh.get(_RECORD, file)
    return file


def _stages(parts: HostParts, report: PatternReport, way: Sequence[float]) -> tuple[Stage, ...]:
    """All of the way. Guest and host have clocks of their own: what is between them is what is left."""
    named = [(name, part) for name, part in parts.seconds.items() if part]
    spent = map(sum, zip(*(part for _, part in named), strict=True))
    transport = tuple(total - host for total, host in zip(way, spent, strict=False))
    stages = [Stage("draw", report.between_s("begun_ns", "drawn_ns")), Stage("transport", transport)]
    return (*stages, *(Stage(name, tuple(part[: len(way)])) for name, part in named))


def _cpu_s(desk: Desk) -> float:
    return usage([*desk.guest.machine.pids, desk.host.pid]).cpu_s
