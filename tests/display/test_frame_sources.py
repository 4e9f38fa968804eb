"""Frames of a real guest, every way out of a real QEMU: in order, whole, and with the copies that are stated."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from harness.display.dbus import DbusDisplay
from harness.display.frame import BYTES_A_PIXEL, Damage
from harness.display.pattern import numbers
from harness.display.scanout_trace import ScanoutTrace
from harness.display.screendump import Screendump
from harness.display.vnc import VncDisplay
from harness.errors import DisplayLost, DisplayRefused, NoFrame
from harness.machines.model import MachineSpec
from tests.drawing import HEIGHT, WIDTH, Drawing, watch

pytestmark = [pytest.mark.guest_boot, pytest.mark.timeout(600)]

PICTURE_BYTES = WIDTH * HEIGHT * BYTES_A_PIXEL
WHOLE = Damage(0, 0, WIDTH, HEIGHT)
BAND = Damage(0, 0, WIDTH, 16)


@pytest.fixture
def scanout_map(drawing_machine):
    display = DbusDisplay.open(drawing_machine.control.qmp)
    yield display
    display.close()


def take_all(source) -> None:
    while True:
        with source.frame(10):
            pass


def in_order(seen) -> None:
    """Whole frames only, later ones later."""
    assert [each for each in seen if each.top != each.bottom] == []
    tops = [each.top for each in seen]
    assert tops == sorted(tops)
    stamps = [each.at_ns for each in seen]
    assert stamps == sorted(stamps)
    sequences = [each.sequence for each in seen]
    assert sequences == list(range(sequences[0], sequences[0] + len(seen)))


@pytest.mark.parametrize("pace", ["paced", "as fast as pages flip"])
def test_scanout_map_has_every_frame_once_and_copies_nothing(drawing_machine, scanout_map, pace) -> None:
    options = ["--frames=200", *(["--fps=30"] if pace == "paced" else [])]
    drawing = Drawing(drawing_machine, *options)
    seen = watch(scanout_map, drawing)
    in_order(seen)
    assert [each.top for each in seen] == list(range(200))
    assert {each.damage for each in seen} == {WHOLE}
    assert {each.bytes_copied for each in seen} == {0}
    start, end = drawing.events()
    assert (start["width"], start["height"], end["frames"]) == (WIDTH, HEIGHT, 200)
    assert len(set(start["resources"])) == 3
    assert 0 not in start["resources"]


def test_the_trace_tells_every_frames_resource(drawing_machine) -> None:
    seen = {}
    with ScanoutTrace(drawing_machine.control.qmp) as trace:
        display = DbusDisplay.open(drawing_machine.control.qmp)
        try:
            drawing = Drawing(drawing_machine, "--frames=100")
            while drawing.going_on:
                with suppress(NoFrame), display.frame(0.5) as frame:
                    seen[numbers(frame.surface).top] = trace.resource()
        finally:
            display.close()
    pages = drawing.events()[0]["resources"]
    seen.pop(None, None)  # the guest's text console
    assert seen == {number: pages[number % len(pages)] for number in range(100)}


def test_a_qemu_that_does_not_tell_resources_is_named(drawing_machine, monkeypatch) -> None:
    with TemporaryDirectory(suffix=" %") as odd:  # QEMU takes no such path for its log
        monkeypatch.setattr("tempfile.tempdir", odd)
        with pytest.raises(DisplayRefused, match="does not tell which resource"):
            ScanoutTrace(drawing_machine.control.qmp)
        assert not any(Path(odd).iterdir())


def test_the_guest_waits_while_a_mapped_frame_is_in_use(drawing_machine, scanout_map) -> None:
    drawing = Drawing(drawing_machine, "--frames=60", "--first=1000")
    held = []
    while drawing.going_on and len(held) < 5:
        try:
            with scanout_map.frame(1) as frame:
                before = bytes(frame.surface.pixels)
                if numbers(frame.surface).top is None:
                    continue  # the guest's text console, which is drawn in place
                drawing._thread.join(0.2)  # time in which a guest that does not wait would draw dozens
                assert bytes(frame.surface.pixels) == before
                held.append(frame.sequence)
        except NoFrame:
            continue
    watch(scanout_map, drawing)
    assert drawing.events()[1]["frames"] == 60


def test_a_page_drawn_in_place_is_frames_too(drawing_machine, scanout_map) -> None:
    seen = watch(scanout_map, Drawing(drawing_machine, "--frames=40", "--fps=20", "--in-place"))
    tops = [each.top for each in seen]
    assert tops == sorted(tops)
    assert tops[-1] == 39
    # Linux 6.12 flushes the whole picture once a page has been changed, whatever the guest said.
    assert {each.damage for each in seen} <= {WHOLE, BAND}
    assert {each.bytes_copied for each in seen} == {0}


def test_dbus_data_counts_what_it_moves(drawing_machine) -> None:
    display = DbusDisplay.open(drawing_machine.control.qmp, mapped=False)
    try:
        seen = watch(display, Drawing(drawing_machine, "--frames=60", "--fps=15"))
    finally:
        display.close()
    in_order(seen)
    assert len(seen) > 10
    assert {each.bytes_copied for each in seen} == {2 * PICTURE_BYTES}  # received, and put into our picture


def test_vnc_counts_what_it_receives(drawing_machine) -> None:
    display = VncDisplay.open(drawing_machine.control.qmp)
    try:
        seen = watch(display, Drawing(drawing_machine, "--frames=60", "--fps=15"))
    finally:
        display.close()
    assert len(seen) > 10  # whose numbers may go backwards: display_contest.Way.loses_parts
    assert all(0 < each.bytes_copied <= PICTURE_BYTES for each in seen)


def test_a_screendump_is_a_frame(drawing_machine, tmp_path) -> None:
    display = Screendump(drawing_machine.control.qmp, tmp_path)
    seen = watch(display, Drawing(drawing_machine, "--frames=60", "--fps=15"))
    in_order(seen)
    assert len(seen) > 3
    assert {each.bytes_copied for each in seen} == {2 * 3 * WIDTH * HEIGHT + PICTURE_BYTES}
    assert list(tmp_path.iterdir()) == []


def test_closing_ends_a_wait_and_frees_the_guest(drawing_machine) -> None:
    display = DbusDisplay.open(drawing_machine.control.qmp)
    with display.frame(10):
        closer = threading.Thread(target=display.close)
        closer.start()
        closer.join()
        drawing = Drawing(drawing_machine, "--frames=10")
        assert drawing.events()[1]["frames"] == 10  # although the frame was never given back
    with pytest.raises(DisplayLost), display.frame(10):
        pass


def test_a_machine_that_ends_is_a_display_that_is_lost(drawing_machine, tmp_path) -> None:
    from harness.machines.qemu.backend import QemuBackend

    qemu = drawing_machine.config.binary
    backend = QemuBackend("tcg", qemu=qemu, logs=tmp_path)
    extra = {"display": "dbus,p2p=yes"}
    spec = MachineSpec(drawing_machine.spec.guest, gpu=drawing_machine.spec.gpu, extra=extra)
    with backend.machine(spec) as machine:
        machine.start()
        with pytest.raises(DisplayRefused, match="VNC"):
            VncDisplay.open(machine.control.qmp)
        display = DbusDisplay.open(machine.control.qmp)
        machine.kill()
        with pytest.raises(DisplayLost):
            take_all(display)
        display.close()
