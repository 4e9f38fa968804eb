"""The host's side of the encode scenario, for a process of its own (:mod:`harness.host.apart`).

So the encoder's processor time and memory are the encoder's, and the harness that measures stays small.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from harness.display.dbus import DbusDisplay
from harness.display.decoded import check
from harness.display.scanout_trace import ShownResource
from harness.encoder.encoder import Encoder
from harness.encoder.model import EncoderConfig, PixelFormat, Surface
from harness.hxfr.scanout import Scanout
from harness.hxfr.server import HxfrServer
from harness.machines.native.pattern import draw

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.display.decoded import Decoded
    from harness.display.pattern_report import PatternReport
    from harness.encoder.model import AccessUnit
    from harness.hxfr.scanout import Encoded
    from harness.machines.native.pattern import Shown


class HostParts(NamedTuple):
    """What every frame's way takes on the host, in seconds. ``copied_bytes``: of a frame's pixels, on average."""

    map: list[float]
    convert: list[float]
    encode: list[float]
    wait: list[float]
    """For the encoder; empty where nothing can wait."""
    copied_bytes: float

    @property
    def seconds(self) -> dict[str, list[float]]:
        """The parts by their names."""
        return {"map": self.map, "convert": self.convert, "encode": self.encode, "wait": self.wait}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A pattern that was drawn and encoded on the host; ``done_ns``: when each frame's last byte was there."""

    report: PatternReport
    parts: HostParts
    done_ns: list[int]
    cpu_s: float


class EncoderHost:
    """Serves one display at a time to a guest's clients, encodes what is drawn here, and checks what came of it."""

    def __init__(self) -> None:
        self._told: list[Encoded] = []
        self._serving = ExitStack()
        self._server: HxfrServer | None = None

    def serve(self, descriptors: Sequence[int]) -> None:
        """From now on the display of a QEMU: a socket of its D-Bus, and both ends of its trace's pipe.

        Raises DisplayRefused, DisplayLost, InvalidConfiguration, HostLacks.
        """
        display, *trace = descriptors
        self._told = []
        with ExitStack() as undo:
            for end in trace:
                undo.callback(os.close, end)
            source = DbusDisplay.over(socket.socket(fileno=display))
            resource = undo.enter_context(ShownResource(*trace))
            scanout = Scanout(source, lossless=True, told=self._note, resource=resource.now)
            undo.callback(scanout.close)
            self._server = undo.enter_context(HxfrServer({0: scanout}))
            self._serving = undo.pop_all()

    def attach(self, descriptors: Sequence[int]) -> None:
        """A client has come."""
        for each in descriptors:
            client = socket.socket(fileno=each)
            if self._server is None:
                client.close()
            else:
                self._server.attach(client)

    def stop(self) -> HostParts:
        """The display is let go of; what the frames that were pushed took."""
        self._server = None
        self._serving.close()
        return _parts(self._told)

    def _note(self, encoded: Encoded) -> None:
        self._told.append(replace(encoded, unit=replace(encoded.unit, data=b"")))

    def draw(self, size: tuple[int, int], words: Sequence[str], stream: Path) -> Drawn:
        """The pattern without a guest, encoded frame by frame into ``stream``; raises what drawing and Encoder do."""
        units: list[AccessUnit] = []
        done_ns: list[int] = []
        began = time.process_time()
        with Encoder(EncoderConfig(*size)) as encoder, stream.open("wb") as file:

            def encode(page: Shown) -> None:
                surface = Surface(
                    page.width, page.height, page.stride, PixelFormat.XRGB8888, page.file, page.offset
                )
                unit = encoder.encode(surface, page.number)
                done_ns.append(time.monotonic_ns())
                file.write(unit.data)
                units.append(replace(unit, data=b""))

            report = draw(size, words, encode)
            copied = encoder.stats().copied_bytes / report.frames
        cpu_s = time.process_time() - began + report.cpu_ns / 1e9
        parts = HostParts(
            [unit.map_ns / 1e9 for unit in units],
            [unit.convert_ns / 1e9 for unit in units],
            [unit.encode_ns / 1e9 for unit in units],
            [],
            copied,
        )
        return Drawn(report, parts, done_ns, cpu_s)

    def check(self, stream: Path, frames: int, shown: tuple[int, int]) -> Decoded:
        """As :func:`harness.display.decoded.check`, its pictures cut to their middle of at most ``shown``."""
        decoded = check(stream.read_bytes(), range(frames))
        return replace(decoded, pair=decoded.pair and decoded.pair.middle(*shown))


def _parts(told: Sequence[Encoded]) -> HostParts:
    """Of frames that a scanout encoded."""
    convert = [each.unit.convert_ns for each in told]
    encode = [each.unit.encode_ns for each in told]
    until = [each.converted_ns - each.arrived_ns for each in told]
    after = [each.encoded_ns - each.converted_ns for each in told]
    return HostParts(
        [(whole - part) / 1e9 for whole, part in zip(until, convert, strict=True)],
        [part / 1e9 for part in convert],
        [part / 1e9 for part in encode],
        [(whole - part) / 1e9 for whole, part in zip(after, encode, strict=True)],
        sum(each.copied_bytes for each in told) / max(1, len(told)),
    )
