"""A scanout between its display and its encoder: the display waits for the colour conversion and for nothing else."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from harness.hxfr.backlog import Backlog
from harness.hxfr.scanout import BACKLOG, Encoded, Scanout
from tests.hxfr.conftest import Canvas
from tests.hxfr.test_hxfr_server import decoded

if TYPE_CHECKING:
    from harness.hxfr.messages import FrameResponse

pytestmark = pytest.mark.timeout(60)


class Gate:
    """An encoder's thread that stands still where a test wants it to, and what it encoded."""

    def __init__(self) -> None:
        self.frames: list[Encoded] = []
        self.responses: list[FrameResponse] = []
        self.stuck = threading.Event()
        self.open = threading.Event()
        self.enough = threading.Event()
        self.wanted: int | None = None

    def told(self, frame: Encoded) -> None:
        self.frames.append(frame)
        self.stuck.set()
        self.open.wait()
        if self.wanted is not None and frame.sequence == self.wanted:
            self.enough.set()


def test_the_display_goes_on_while_the_encoder_does_not() -> None:
    canvas, gate = Canvas(), Gate()
    scanout = Scanout(canvas, told=gate.told)
    try:
        scanout.subscribe("test", gate.responses.append)
        canvas.draw(0)
        gate.stuck.wait()
        for number in range(1, 21):
            canvas.draw(
                number
            )  # waits for the conversion, not for the encoder, which is not getting anywhere
        assert scanout.dropped == 20 - BACKLOG
        gate.wanted = 20
        gate.open.set()
        gate.enough.wait()
    finally:
        gate.open.set()
        scanout.close()
    kept = [0, *range(21 - BACKLOG, 21)]
    assert [number for number, _ in decoded(gate.responses)] == kept
    assert [frame.sequence for frame in gate.frames] == kept
    assert all(each.arrived_ns < each.converted_ns < each.encoded_ns for each in gate.frames)
    assert {each.copied_bytes for each in gate.frames} == {0}


def test_a_lossless_scanout_lets_its_display_wait() -> None:
    canvas, gate = Canvas(), Gate()
    scanout = Scanout(canvas, lossless=True, told=gate.told)
    drawing = threading.Thread(target=lambda: [canvas.draw(number) for number in range(21)])
    try:
        scanout.subscribe("test", gate.responses.append)
        gate.wanted = 20
        drawing.start()
        gate.stuck.wait()
        gate.open.set()
        gate.enough.wait()
    finally:
        gate.open.set()
        drawing.join()
        scanout.close()
    assert scanout.dropped == 0
    assert [number for number, _ in decoded(gate.responses)] == list(range(21))


def test_a_scanout_is_closed_while_its_display_waits_for_the_encoder() -> None:
    canvas, gate = Canvas(), Gate()
    scanout = Scanout(canvas, lossless=True, told=gate.told)
    scanout.subscribe("test", gate.responses.append)
    drawing = threading.Thread(target=lambda: [canvas.draw(number) for number in range(BACKLOG + 1)])
    drawing.start()
    drawing.join()  # one is stuck, the others wait
    last = threading.Thread(target=canvas.draw, args=(BACKLOG + 1,))
    last.start()
    closing = threading.Thread(target=scanout.close)
    closing.start()
    last.join()  # it was let go, though nothing was encoded
    gate.open.set()
    closing.join()


def test_a_backlog_keeps_the_newest_or_waits() -> None:
    backlog: Backlog[int] = Backlog(2)
    assert [backlog.put(number) for number in range(4)] == [None, None, 0, 1]
    assert [backlog.get(), backlog.get()] == [2, 3]
    backlog.end()
    assert (backlog.get(), backlog.put(4)) == (None, 4)

    waiting: Backlog[int] = Backlog(1, lossless=True)
    putting = threading.Thread(target=lambda: [waiting.put(number) for number in range(50)])
    putting.start()
    assert [waiting.get() for _ in range(50)] == list(range(50))
    putting.join()
