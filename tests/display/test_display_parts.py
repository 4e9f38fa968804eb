"""The parts of frame sources by themselves: surfaces, patterns, memory files, VNC servers and screendumps that lie."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jeepney import DBusAddress, MessageType, new_method_call

from harness.display.dbus import DbusDisplay
from harness.display.dbus_scanout import CopiedScanout, Layout, MappedScanout
from harness.display.dbus_wire import DbusWire
from harness.display.frame import Damage, PixelFormat, Surface
from harness.display.pattern import decode, numbers
from harness.display.reused_memory import ReusedMemory
from harness.display.screendump import from_ppm
from harness.display.vnc import VncDisplay
from harness.errors import DisplayError, DisplayLost, DisplayRefused, NoFrame

XRGB = PixelFormat.XRGB8888
bits = st.integers(0, 2**24 - 1)


def code(number: int) -> int:
    return number << 8 | (number ^ number >> 8 ^ number >> 16 ^ 0x5A) & 0xFF


@given(bits, st.integers(0, 60), st.integers(196, 255))
def test_a_number_is_read_from_cells_of_any_contrast(number: int, dark: int, light: int) -> None:
    word = code(number)
    assert decode([light if word >> (31 - cell) & 1 else dark for cell in range(32)]) == number


@given(bits, st.integers(0, 31))
def test_one_wrong_cell_is_no_number(number: int, cell: int) -> None:
    word = code(number) ^ 1 << cell
    assert decode([255 * (word >> (31 - each) & 1) for each in range(32)]) != number


def test_a_picture_of_two_frames_is_torn() -> None:
    memory = memoryview(bytearray(4 * 320 * 64))
    surface = Surface.of(memory, 320, 64, 4 * 320, XRGB)
    for rows, number in ((range(16), 7), (range(48, 64), 6)):
        for y in rows:
            for x in range(320):
                surface.row(y)[4 * x + 1] = 255 * (code(number) >> (31 - x * 32 // 320) & 1)
    said = numbers(surface)
    assert (said.top, said.bottom, said.torn) == (7, 6, True)


@pytest.mark.parametrize(
    ("width", "height", "stride"),
    [(0, 1, 4), (1, 0, 4), (64, 16, 252), (64, 17, 256), (16385, 1, 65540), (-1, 1, 4), (64, 16, 1 << 40)],
)
def test_a_surface_lies_within_its_memory(width, height, stride) -> None:
    with pytest.raises(DisplayError):
        Surface.of(memoryview(bytes(64 * 4 * 16)), width, height, stride, XRGB)


def memory_file(size: int) -> int:
    fd = os.memfd_create("scanout", os.MFD_CLOEXEC)
    os.ftruncate(fd, size)
    return fd


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


needs_memfd = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="memory files are Linux's")


@needs_memfd
def test_a_memory_file_is_mapped_once_and_read_in_place() -> None:
    fd, scanout = memory_file(4096), MappedScanout()
    scanout.show(fd, 0, Layout(16, 16, 64, XRGB))
    again = os.dup(fd)
    scanout.show(again, 64, Layout(16, 8, 64, XRGB))
    assert len(scanout._maps) == 1
    os.pwrite(fd, b"\x01\x02\x03\x04", 64)
    assert bytes(scanout.surface.pixels[:4]) == b"\x01\x02\x03\x04"
    os.close(fd)
    os.close(again)


@needs_memfd
@pytest.mark.parametrize(("offset", "height"), [(0, 65), (5000, 1), (64, 64)])
def test_a_picture_outside_of_its_file_is_refused(offset: int, height: int) -> None:
    fd = memory_file(4096)
    with pytest.raises(DisplayError):
        MappedScanout().show(fd, offset, Layout(16, height, 64, XRGB))
    os.close(fd)


@needs_memfd
def test_maps_and_descriptors_do_not_pile_up() -> None:
    scanout, before = MappedScanout(), open_files()
    for _ in range(200):
        fd = memory_file(4096)
        scanout.show(fd, 0, Layout(16, 16, 64, XRGB))
        os.close(fd)
    assert len(scanout._maps) <= 16
    del scanout
    assert open_files() == before


def test_a_part_is_put_into_the_picture() -> None:
    scanout = CopiedScanout()
    assert scanout.show(bytes(4 * 8 * 8), Layout(8, 8, 32, XRGB)) == 2 * 4 * 8 * 8
    assert scanout.update(b"\xff" * 16, (6, 7, 2, 1), 8, XRGB) == 16 + 8
    assert bytes(scanout.surface.row(7)) == bytes(24) + b"\xff" * 8
    assert scanout.clipped(6, 6, 50, 50) == Damage(6, 6, 2, 2)
    with pytest.raises(DisplayError):
        scanout.update(b"\xff" * 15, (0, 0, 2, 2), 8, XRGB)
    with pytest.raises(DisplayError):
        scanout.clipped(8, 0, 1, 1)


def test_pictures_of_one_size_are_made_in_the_same_memory() -> None:
    scanout = CopiedScanout()
    scanout.show(bytes(64), Layout(4, 4, 16, XRGB))
    first = scanout.surface.pixels
    scanout.show(b"\1" * 64, Layout(4, 4, 16, XRGB))
    assert bytes(first) == b"\1" * 64
    scanout.show(b"\2" * 16, Layout(2, 2, 8, XRGB))
    assert (bytes(first), bytes(scanout.surface.pixels)) == (b"\1" * 64, b"\2" * 16)


def test_a_picture_that_is_refused_leaves_none() -> None:
    scanout = CopiedScanout()
    scanout.show(bytes(64), Layout(4, 4, 16, XRGB))
    with pytest.raises(DisplayError):
        scanout.show(bytes(16), Layout(8, 8, 32, XRGB))
    assert scanout.surface is None
    assert scanout.update(bytes(16), (0, 2, 2, 2), 8, XRGB) == 16


def test_a_ppm_becomes_32_bit_pixels() -> None:
    surface, copied = from_ppm(b"P6\n2 1\n255\n" + bytes([1, 2, 3, 4, 5, 6]), ReusedMemory())
    assert bytes(surface.pixels) == bytes([3, 2, 1, 0, 6, 5, 4, 0])
    assert copied == 2 * 6 + 8


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=40).map(lambda tail: b"P6\n3 2\n255\n" + tail)))
def test_no_ppm_is_an_error_with_a_name(data: bytes) -> None:
    try:
        surface, _ = from_ppm(data, ReusedMemory())
    except DisplayError:
        return
    assert len(surface.pixels) == surface.stride * surface.height


HELLO = b"RFB 003.008\n\x01\x01\0\0\0\0" + struct.pack(">HH16xI", 8, 4, 2) + b"ok"
"""What a VNC server of 8 by 4 pixels says until a client has introduced itself, all of it at once."""


def vnc_server(*said: bytes) -> VncDisplay:
    """A display whose server says this, and then hangs up."""
    ours, theirs = socket.socketpair()
    theirs.sendall(b"".join(said))
    theirs.shutdown(socket.SHUT_WR)
    display = VncDisplay(ours)
    display._kept_open = theirs  # or sending to it would fail
    return display


def rectangle(x: int, y: int, width: int, height: int, encoding: int = 0) -> bytes:
    return struct.pack(">HHHHi", x, y, width, height, encoding)


def update(*rectangles: bytes) -> bytes:
    return struct.pack(">BxH", 0, len(rectangles)) + b"".join(rectangles)


def test_vnc_puts_parts_together_and_follows_a_new_size() -> None:
    part = rectangle(1, 1, 2, 2) + bytes(range(16))
    resized = update(rectangle(0, 0, 2, 2, -223))
    whole = rectangle(0, 0, 2, 2) + b"\x07" * 16
    display = vnc_server(HELLO, b"\x02", update(part), resized, update(whole))
    display.greet(5)
    with display.frame(5) as frame:
        assert frame.damage == Damage(1, 1, 2, 2)
        assert frame.bytes_copied == 16
        assert bytes(frame.surface.row(2)[4:12]) == bytes(range(8, 16))
    with display.frame(5) as frame:
        assert (frame.surface.width, frame.surface.height, frame.sequence) == (2, 2, 1)
        assert bytes(frame.surface.pixels) == b"\x07" * 16
    with pytest.raises(DisplayLost), display.frame(5):
        pass


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (update(rectangle(7, 0, 2, 1)), DisplayError),
        (update(rectangle(0, 0, 8, 4, 5)), DisplayError),
        (update(rectangle(0, 0, 0xFFFF, 0xFFFF, -223)), DisplayError),
        (b"\x09", DisplayError),
        (update(rectangle(0, 0, 8, 4)) + bytes(100), DisplayLost),
        (b"\x03\0\0\0\xff\xff\xff\xff", DisplayLost),
    ],
    ids=["outside", "unasked encoding", "absurd size", "unknown message", "half a picture", "4 GiB of text"],
)
def test_a_vnc_server_that_lies_is_named(said: bytes, error: type[DisplayError]) -> None:
    display = vnc_server(HELLO, said)
    display.greet(5)
    with pytest.raises(error), display.frame(5):
        pass
    display.close()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"SSH-2.0-OpenSSH\r\n", DisplayRefused),
        (b"RFB 003.008\n\x01\x02", DisplayRefused),
        (b"RFB", DisplayLost),
    ],
)
def test_what_is_no_open_vnc_server(said: bytes, error: type[DisplayError]) -> None:
    with pytest.raises(error):
        vnc_server(said).greet(5)


@pytest.mark.parametrize(
    "said", [b"", b"ERROR\r\n", b"REJECTED EXTERNAL\r\n", b"OK 1234\r\nERROR\r\n", b"x" * 9000]
)
def test_a_peer_that_does_not_speak_dbus_is_named(said: bytes) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(said)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(DisplayError):
        DbusWire(ours).authenticate(5)
    theirs.close()


def test_a_dbus_message_of_gigabytes_is_not_awaited() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(struct.pack("<cBBBIII", b"l", 1, 0, 1, 0x7FFFFFF0, 1, 0))
    with pytest.raises(DisplayLost, match="announces"):
        DbusWire(ours).receive(time.monotonic() + 5)
    theirs.close()


@given(
    st.lists(st.binary() | st.integers(0, 200_000).map(bytes), min_size=1, max_size=4),
    st.lists(st.integers(1, 50_000), max_size=8),
)
def test_a_dbus_message_that_comes_in_pieces_is_one(pictures: list[bytes], cuts: list[int]) -> None:
    address = DBusAddress("/x", bus_name="org.qemu", interface="org.qemu.X")
    sent = [new_method_call(address, "Scanout", "uay", (at, data)) for at, data in enumerate(pictures)]
    stream = b"".join(message.serialise(serial=at) for at, message in enumerate(sent, start=1))
    ours, theirs = socket.socketpair()
    wire, came = DbusWire(ours), []
    for cut in [*cuts, *[50_000] * (len(stream) // 50_000 + 1)]:
        theirs.sendall(stream[:cut])
        stream = stream[cut:]
        with suppress(NoFrame):
            while True:
                number, picture = wire.receive(time.monotonic()).body
                came.append((number, bytes(picture)))
    theirs.close()
    wire.close()
    assert came == list(enumerate(pictures))


@pytest.mark.parametrize(
    "said",
    [
        b"x" * 16,
        b"l\x09\0\1" + bytes(12),
        new_method_call(DBusAddress("/x", "org.qemu"), "Says", "s", ("long" * 20_000,)).serialise(serial=1),
    ],
    ids=["no order of bytes", "no such message", "a text as long as a picture"],
)
def test_what_is_no_dbus_message_is_named(said: bytes) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(said)
    with pytest.raises(DisplayLost, match="no D-Bus message"):
        DbusWire(ours).receive(time.monotonic() + 5)
    theirs.close()


def test_closing_wakes_a_reader() -> None:
    ours, theirs = socket.socketpair()
    wire = DbusWire(ours)
    errors: list[Exception] = []

    def read() -> None:
        try:
            wire.receive(time.monotonic() + 60)
        except (DisplayLost, NoFrame) as error:
            errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    wire.close()
    reader.join()
    assert [type(error) for error in errors] == [DisplayLost]
    theirs.close()


LISTENER = DBusAddress(
    "/org/qemu/Display1/Listener", bus_name="org.qemu", interface="org.qemu.Display1.Listener"
)
MAP = DBusAddress(LISTENER.object_path, bus_name="org.qemu", interface="org.qemu.Display1.Listener.Unix.Map")
XRGB_OF_PIXMAN = 0x20020888


class Qemu:
    """The other end of a listener: says what a test wants, in QEMU's words."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        control, self._control = socket.socketpair()
        self.display = DbusDisplay(DbusWire(control), DbusWire(ours), mapped=True)
        self.wire = DbusWire(theirs)

    def says(self, address: DBusAddress, method: str, signature: str, *body: object) -> None:
        self.wire.send(new_method_call(address, method, signature, body))

    def reply(self):
        return self.wire.receive(time.monotonic() + 5)

    def close(self) -> None:
        self.display.close()
        self.wire.close()
        self._control.close()


@pytest.fixture
def qemu():
    peer = Qemu()
    yield peer
    peer.close()


@needs_memfd
def test_a_flip_is_one_frame_and_an_update_tells_its_damage(qemu) -> None:
    fd = memory_file(4096)
    qemu.says(MAP, "ScanoutMap", "huuuuu", fd, 0, 16, 16, 64, XRGB_OF_PIXMAN)
    qemu.says(MAP, "UpdateMap", "iiii", 0, 0, 16, 16)  # the flush of that flip
    qemu.says(MAP, "UpdateMap", "iiii", 2, 3, 4, 500)
    os.close(fd)
    with qemu.display.frame(5) as frame:
        assert (frame.damage, frame.bytes_copied, frame.lasting) == (Damage(0, 0, 16, 16), 0, True)
        with pytest.raises(NoFrame):
            qemu.wire.receive(time.monotonic() + 0.05)  # no reply as long as the frame is in use
    assert qemu.reply().header.message_type is MessageType.method_return
    with qemu.display.frame(5) as frame:
        assert (frame.damage, frame.sequence) == (Damage(2, 3, 4, 13), 1)


def test_questions_are_answered_and_what_nobody_knows_is_refused(qemu) -> None:
    properties = DBusAddress(LISTENER.object_path, "org.qemu", "org.freedesktop.DBus.Properties")
    qemu.says(properties, "GetAll", "s", "org.qemu.Display1.Listener")
    qemu.says(LISTENER, "MouseSet", "iii", 1, 2, 1)
    qemu.says(DBusAddress("/x", "org.qemu", "com.example.Odd"), "Odd", "i", 1)
    with pytest.raises(NoFrame), qemu.display.frame(0.2):
        pass
    assert qemu.reply().body[0]["Interfaces"] == ("as", ["org.qemu.Display1.Listener.Unix.Map"])
    assert qemu.reply().header.message_type is MessageType.method_return
    assert qemu.reply().header.message_type is MessageType.error


@needs_memfd
@pytest.mark.parametrize(
    ("offset", "height", "pixman"),
    [(0, 64, 0x10020565), (0, 65, XRGB_OF_PIXMAN), (1 << 31, 1, XRGB_OF_PIXMAN)],
)
def test_a_scanout_that_cannot_be_is_named_and_still_answered(qemu, offset, height, pixman) -> None:
    fd = memory_file(4096)
    qemu.says(MAP, "ScanoutMap", "huuuuu", fd, offset, 16, height, 64, pixman)
    os.close(fd)
    with pytest.raises(DisplayError), qemu.display.frame(5):
        pass
    assert qemu.reply().header.message_type is MessageType.method_return
