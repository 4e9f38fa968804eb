"""Memory of an HXFR server after 10,000 connections and 100,000 frames ÷ before them; no descriptor is left."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.host.paths import private_directory
from harness.host.unix_sockets import unix_socket
from harness.hxfr.client import HxfrClient
from harness.hxfr.messages import HEADER, MAGIC, PIXEL_DATA, FourCC, FrameRequest, Type
from harness.hxfr.scanout import Scanout
from harness.hxfr.server import HxfrServer
from harness.soak import census
from tests.hxfr.conftest import Canvas
from tests.selfbench.result import Result

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

LIMIT = 1.05
CONNECTIONS, FRAMES = 10_000, 100_000
WARM_UP_CONNECTIONS, WARM_UP_FRAMES = 500, 5_000
WIDTH, HEIGHT = 64, 48
PATIENCE_S, SETTLE_S, LOOKS_APART_S = 60, 30, 1
_PIXELS = memoryview(bytes(4 * WIDTH * HEIGHT))


def run() -> Result:
    """The ratio; half of the frames come with requests, the others are pushed to a subscriber."""
    with _served() as (path, canvas):
        _connect_often(path, WARM_UP_CONNECTIONS)
        _send_frames(path, canvas, WARM_UP_FRAMES)
        before, begun = _at_rest(), time.monotonic()
        asked = _connect_often(path, CONNECTIONS)
        after_connections = census.settled(before, SETTLE_S)
        _send_frames(path, canvas, FRAMES - asked)
        after = census.settled(before, SETTLE_S)
    detail = {
        "connections": CONNECTIONS, "frames": FRAMES, "seconds": round(after.at_s - begun, 1),
        "memory_mb": {
            "before": round(before.memory_bytes / 1e6, 2),
            "after the connections": round(after_connections.memory_bytes / 1e6, 2),
            "after the frames": round(after.memory_bytes / 1e6, 2),
        },
        "descriptors": [before.descriptors, after.descriptors],
        "threads": [before.threads, after.threads],
    }  # fmt: skip
    same = before.counts() == after.counts()
    return Result(
        "hxfr_endurance", after.memory_bytes / before.memory_bytes, "ratio", LIMIT, detail, holds=same
    )


def _at_rest() -> census.Census:
    """Once two looks in a row count the same: what clients had goes in threads of the server."""
    seen, now = None, census.take()
    while seen is None or seen.counts() != now.counts():
        time.sleep(LOOKS_APART_S)
        seen, now = now, census.take()
    return now


@contextmanager
def _served() -> Iterator[tuple[Path, Canvas]]:
    canvas = Canvas()
    with private_directory() as folder:
        scanout = Scanout(canvas, lossless=True)
        try:
            canvas.draw(0, WIDTH, HEIGHT)
            with HxfrServer({0: scanout}) as server:
                server.listen_unix(folder / "hxfr")
                yield folder / "hxfr", canvas
        finally:
            scanout.close()


def _connect_often(path: Path, count: int) -> int:
    """Clients of good manners and bad, one after the other. Returns how many frames were sent to them."""
    kinds = (_with_pixels, _what_is_shown, _subscribed, _garbage, _half_a_message, _nothing)
    return sum(_one(path, kinds[number % len(kinds)]) for number in range(count))


def _one(path: Path, behave: Callable[[socket.socket], int]) -> int:
    with unix_socket() as sock:
        sock.settimeout(PATIENCE_S)
        sock.connect(str(path))
        return behave(sock)


def _with_pixels(sock: socket.socket) -> int:
    HxfrClient(sock).encode(_request(), timeout_s=PATIENCE_S)
    return 1


def _what_is_shown(sock: socket.socket) -> int:
    shown = FrameRequest(0, WIDTH, HEIGHT, FourCC.UNKNOWN, 0, 0, 1, force_keyframe=False)
    HxfrClient(sock).encode(shown, timeout_s=PATIENCE_S)
    return 1


def _subscribed(sock: socket.socket) -> int:
    next(HxfrClient(sock).subscribe(timeout_s=PATIENCE_S))
    return 1


def _garbage(sock: socket.socket) -> int:
    sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
    while sock.recv(1 << 12):  # an ERROR, then the end
        pass
    return 0


def _half_a_message(sock: socket.socket) -> int:
    sock.sendall(HEADER.pack(MAGIC, Type.FRAME_REQUEST, PIXEL_DATA, 0, 1 << 14) + b"half of it")
    return 0


def _nothing(_: socket.socket) -> int:
    return 0


def _send_frames(path: Path, canvas: Canvas, count: int) -> None:
    with unix_socket() as asking, unix_socket() as subscribed:
        asking.connect(str(path))
        subscribed.connect(str(path))
        client, pushed = HxfrClient(asking), HxfrClient(subscribed).subscribe(timeout_s=PATIENCE_S)
        next(pushed)
        for number in range(count // 2):
            client.encode(_request(), timeout_s=PATIENCE_S)
            canvas.draw(number, WIDTH, HEIGHT)
            next(pushed)


def _request() -> FrameRequest:
    return FrameRequest(
        0, WIDTH, HEIGHT, FourCC.ARGB8888, 4 * WIDTH, 0, 1, force_keyframe=False, pixels=_PIXELS
    )
