"""The whole way: a guest flips pages, QEMU's memory is encoded where it is, a subscriber decodes every number."""

from __future__ import annotations

import threading

import pytest

from harness.display.dbus import DbusDisplay
from harness.hxfr.scanout import Scanout
from harness.hxfr.server import HxfrServer
from tests.display.conftest import Drawing, drawing_machine  # noqa: F401 - a fixture
from tests.hxfr.conftest import connected
from tests.hxfr.test_hxfr_server import decoded

pytestmark = [pytest.mark.guest_boot, pytest.mark.timeout(600)]


def test_every_flip_is_decoded_once_and_in_order(drawing_machine) -> None:  # noqa: F811
    scanout = Scanout(DbusDisplay.open(drawing_machine.control.qmp), lossless=True)
    responses = []
    try:
        with HxfrServer({0: scanout}) as server, connected(server) as client:
            frames = client.subscribe(timeout_s=2)
            drawing = Drawing(drawing_machine, "--frames=150", "--fps=20")
            reader = threading.Thread(target=lambda: responses.extend(_until_quiet(frames, drawing)))
            reader.start()
            reader.join()
            assert drawing.events()[1]["frames"] == 150
    finally:
        scanout.close()
    numbers = [number for number, _ in decoded(responses) if number is not None]
    assert numbers == list(range(150))


def _until_quiet(frames, drawing):
    while drawing.going_on:
        yield next(frames)
