"""Servers, clients and displays for HXFR's tests: real sockets, the real encoder, a display that a test draws on."""

from __future__ import annotations

import queue
import socket
import time
from contextlib import contextmanager

import pytest

from harness.channels.stamp import Stamp
from harness.display.frame import Frame, PixelFormat, Surface
from harness.encoder import build
from harness.errors import DisplayLost, HostLacks, NoFrame
from harness.host.paths import private_directory
from harness.hxfr.client import HxfrClient
from harness.hxfr.limits import Limits
from harness.hxfr.messages import FourCC, FrameRequest
from harness.hxfr.scanout import Scanout
from harness.hxfr.server import HxfrServer

WIDTH, HEIGHT = 320, 96


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """A picture of vb-pattern's kind: the number in both bands, grey between."""
    word = number << 8 | (number ^ number >> 8 ^ number >> 16 ^ 0x5A) & 0xFF
    band = b"".join(
        (b"\xff" if word >> (31 - x * 32 // width) & 1 else b"\0") * 4 for x in range(width)
    )  # fmt: skip
    return band * 16 + bytes([number % 200]) * (4 * width * (height - 32)) + band * 16


class Canvas:
    """A display: what is drawn is a frame, and drawing waits until the frame was given back, as a guest does."""

    name = "canvas"

    def __init__(self) -> None:
        self._drawn: queue.Queue[Surface | None] = queue.Queue(maxsize=1)
        self._closed = False
        self._sequence = 0
        self.resource: int | None = None

    def draw(self, number: int, width: int = WIDTH, height: int = HEIGHT) -> None:
        memory = memoryview(picture(number, width, height))
        self._drawn.put(Surface.of(memory, width, height, 4 * width, PixelFormat.XRGB8888))
        self._drawn.join()

    def break_down(self) -> None:
        self._drawn.put(None)

    @contextmanager
    def frame(self, timeout_s: float):
        if self._closed:
            raise DisplayLost("closed")
        try:
            surface = self._drawn.get(timeout=min(timeout_s, 0.05))
        except queue.Empty:
            raise NoFrame("nothing was drawn") from None
        try:
            if surface is None:
                raise DisplayLost("the VMM died in the middle of a frame")
            stamp = Stamp(time.monotonic_ns())
            yield Frame(surface, surface.whole, self._sequence, stamp, 0, lasting=True)
            self._sequence += 1
        finally:
            self._drawn.task_done()

    def close(self) -> None:
        self._closed = True


@pytest.fixture(scope="session", autouse=True)
def _encoder():
    try:
        build.library()
    except HostLacks as lack:
        pytest.skip(f"no encoder: {lack}")


@pytest.fixture
def canvas():
    return Canvas()


@pytest.fixture
def serve(canvas):
    """Makes a server of the canvas, with limits of a test's choice; gives a function that connects a client."""
    with private_directory() as folder:
        scanout = Scanout(canvas, resource=lambda: canvas.resource)
        servers, clients = [], []

        def start(*, any_resource: bool = False, **limits: float):
            server = HxfrServer({0: scanout}, limits=Limits(**limits), any_resource=any_resource)
            server.__enter__()
            servers.append(server)
            path = folder / f"{len(servers)}.sock"
            server.listen_unix(path)

            def connect() -> HxfrClient:
                sock = socket.socket(socket.AF_UNIX)
                sock.connect(str(path))
                clients.append(HxfrClient(sock))
                return clients[-1]

            connect.server = server
            return connect

        yield start
        for client in clients:
            client.close()
        for server in servers:
            server.__exit__()
        scanout.close()


@pytest.fixture
def connect(serve):
    return serve()


def connected(server: HxfrServer) -> HxfrClient:
    """A client over TCP."""
    return HxfrClient(socket.create_connection(("127.0.0.1", server.listen_tcp())))


def with_pixels(
    number: int, width: int = WIDTH, height: int = HEIGHT, *, keyframe: bool = False
) -> FrameRequest:
    pixels = memoryview(picture(number, width, height))
    return FrameRequest(0, width, height, FourCC.ARGB8888, 4 * width, 1000 * number, 1, keyframe, pixels)


def shown(
    resource: int = 0, width: int = WIDTH, height: int = HEIGHT, *, keyframe: bool = False
) -> FrameRequest:
    return FrameRequest(resource, width, height, FourCC.UNKNOWN, 0, 42, 1, keyframe)
