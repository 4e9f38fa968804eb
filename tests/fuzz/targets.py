"""What reads foreign bytes, each with bytes to begin from; it takes any input, and raises only what it is meant to.

A finding is any other exception, a broken property, or an input that takes too long or too much memory.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.archive.deb import members
from harness.archive.index import parse_index
from harness.channels.qmp import Qmp
from harness.channels.qmp_lines import LineTooLongError, QmpLines
from harness.channels.rest import parse_answer
from harness.channels.splitter import LineSplitter
from harness.display import pattern_report
from harness.display.dbus_wire import DbusWire
from harness.display.ivshmem import MAGIC, SharedMemoryDisplay
from harness.display.spice import SpiceLink
from harness.display.vnc import VncDisplay
from harness.errors import ArchiveCorrupt, MeasurementError, VisorbenchError
from harness.gpu import report as gpu_report
from harness.guests.image import cpio
from harness.guests.image.entry import file, symlink
from harness.guests.image.modules import read_module
from harness.guests.image.pe import read_pe, section_data
from harness.host import nameserver
from harness.hxfr.messages import FourCC, FrameRequest, Message, Type
from harness.hxfr.parser import Parser
from harness.kernels.bls import parse_bls
from harness.kernels.grub import parse_grub
from harness.kernels.unpack import unpack
from harness.machines import compute_report, fio_report, iperf_report
from tests.archive.miniature import deb, regular, special
from tests.gpu.reports import EVENTS
from tests.kernels.disks import BLS, GRUB_CFG
from tests.kernels.made import ARM64, PACK, X86_64, zboot

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWERS_S = 5
"""How long a client waits for a server that says nothing; the servers here hang up."""
COMMAND_S = 0.2
"""How long a server waits for a command before it answers all the same."""
MOST_PIXEL_BYTES = 1 << 16


@dataclass(frozen=True)
class Target:
    """``take`` gets the bytes; ``seeds`` are inputs that make sense."""

    take: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    refuses: tuple[type[Exception], ...] = (VisorbenchError,)
    """What it may raise, as its docstring says."""

    def __call__(self, data: bytes) -> None:
        with suppress(*self.refuses):
            self.take(data)


def _cpio(data: bytes) -> None:
    for entry in cpio.unpack(data):
        assert ".." not in entry.path.split("/"), "a path that climbs out"
        assert not entry.path.startswith("/"), "an absolute path"


def _deb(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".deb") as package:
        package.write(data)
        package.flush()
        for member in members(Path(package.name)):
            assert ".." not in member.path.split("/"), "a path that climbs out"
            assert not member.path.startswith("/"), "an absolute path"
            if member.content:
                member.content.read(1 << 20)


def _packages(data: bytes) -> None:
    index = parse_index(data.split(b"\n\n"))
    for name in index:
        assert index[name].name == name
        for virtual in index[name].provides:
            assert name in index.providers(virtual)


def _console(data: bytes) -> None:
    """The same lines however the bytes were cut; no control character in any."""
    at = data[0] if data else 0
    whole, cut = LineSplitter(), LineSplitter()
    lines = whole.feed(data) + whole.finish()
    pieces = cut.feed(data[:at]) + cut.feed(data[at:]) + cut.finish()
    assert pieces == lines
    assert not [character for character in lines if ord(character) < 0x20 and character not in "\t\n"]


def _qmp(data: bytes) -> None:
    """The same lines however the bytes were cut."""
    at = data[0] if data else 0
    whole, cut = QmpLines(limit=4096), QmpLines(limit=4096)
    assert cut.feed(data[:at]) + cut.feed(data[at:]) == whole.feed(data)
    assert cut.held == whole.held <= 4096


def _qmp_replies(data: bytes) -> None:
    """A QEMU whose first line is its greeting; it hears a command before it says what looks like a reply."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs, suppress(OSError):
            for line in data[: 1 << 16].split(b"\n"):
                reply = b'"return"' in line or b'"error"' in line
                if reply and select.select([theirs], [], [], COMMAND_S)[0]:
                    theirs.recv(1 << 16)
                theirs.sendall(line + b"\n")

    qmp = Qmp(ours)
    server = threading.Thread(target=serve)
    server.start()
    try:
        qmp.negotiate(ANSWERS_S)
        while True:
            qmp.execute("query-status", timeout_s=ANSWERS_S)
    finally:
        qmp.close()
        server.join()


def _server_says(data: bytes, ask: Callable[[socket.socket], object]) -> None:
    """``data`` is all that the server ever says; it reads whatever it is asked."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.send(data[: 1 << 16] or b"\0")
        theirs.shutdown(socket.SHUT_WR)
        reader = threading.Thread(target=_read_to_end, args=(theirs,))
        reader.start()
        try:
            ask(ours)
        finally:
            ours.close()
            reader.join()


def _read_to_end(sock: socket.socket) -> None:
    with suppress(OSError):
        while sock.recv(1 << 16):
            continue


def _rfb(data: bytes) -> None:
    def ask(sock: socket.socket) -> None:
        display = VncDisplay(sock)
        try:
            display.greet(ANSWERS_S)
            while True:
                with display.frame(ANSWERS_S):
                    continue
        finally:
            display.close()

    _server_says(data, ask)


def _spice(data: bytes) -> None:
    def ask(sock: socket.socket) -> None:
        link = SpiceLink(sock)
        try:
            link.greet(ANSWERS_S)
        finally:
            link.close()

    _server_says(data, ask)


def _dbus(data: bytes) -> None:
    def ask(sock: socket.socket) -> None:
        wire = DbusWire(sock)
        try:
            wire.authenticate(ANSWERS_S)
            while True:
                wire.call("/path", "org.example.Interface", "Method", "s", "argument", timeout_s=ANSWERS_S)
        finally:
            wire.close()

    _server_says(data, ask)


def _hxfr(data: bytes) -> None:
    """What is heard can be said, and is then heard the same; without memory for pixels as many messages are heard."""
    messages = Parser(frozenset(Type), most_pixels=MOST_PIXEL_BYTES).feed(data)
    poor = Parser(frozenset(Type), most_pixels=MOST_PIXEL_BYTES, memory=lambda _: None)
    assert [each.type for each in poor.feed(data)] == [each.type for each in messages]
    for message in messages:
        said = message.to_bytes()
        (heard,) = Parser(frozenset(Type), most_pixels=MOST_PIXEL_BYTES).feed(said)
        assert heard.to_bytes() == said


def _ivshmem(data: bytes) -> None:
    """What a guest writes before its frame is taken, and, the second half, while it is read."""
    memory = memoryview(bytearray(8 << 10))
    display = SharedMemoryDisplay(memory, lambda: False)
    half = min(len(data) // 2, len(memory))
    memory[:half] = data[:half]
    with display.frame(0) as frame:
        end = min(len(data) - half, len(memory))
        memory[:end] = data[half : half + end]
        bytes(frame.surface.row(frame.surface.height - 1))
        assert frame.damage.x + frame.damage.width <= frame.surface.width
        assert frame.damage.y + frame.damage.height <= frame.surface.height


def _kernel(data: bytes) -> None:
    kernel = unpack(data, Path("kernel"))
    assert kernel.data


def _grub(data: bytes) -> None:
    menu = parse_grub(data.decode(errors="replace"), {"saved_entry": "0"})
    assert menu.default is None or menu.default in menu.entries
    assert len({entry.place for entry in menu.entries}) == len(menu.entries), "two entries in one place"


def _bls(data: bytes) -> None:
    entry = parse_bls("entry", data.decode(errors="replace"), {"kernelopts": "ro"})
    assert entry is None or not any(" " in path for path in entry.initrds)


def _pe(data: bytes) -> None:
    pe = read_pe(data)
    for section in pe.sections if pe else ():
        section_data(data, pe, section.name)


_STANZA = b"""Package: a\nVersion: 1\nArchitecture: arm64\nFilename: pool/a.deb\nSize: 1
SHA256: 0000000000000000000000000000000000000000000000000000000000000000\nDepends: b (>= 1) | c, d\nProvides: e\n"""
_RFB = (
    b"RFB 003.008\n\1\1\0\0\0\0" + struct.pack(">HH16xI", 4, 2, 4) + b"name"
    + struct.pack(">BxHHHHHi", 0, 1, 0, 0, 4, 2, 0) + bytes(32)
    + struct.pack(">BxHHHHHi", 0, 1, 0, 0, 8, 4, -223)
)  # fmt: skip
_REPLY = bytes.fromhex("6c020001 04000000 01000000 08000000 0501750001000000 2a000000")  # 42, little-endian
_DBUS = b"OK 1234deadbeef\r\nAGREE_UNIX_FD\r\n" + _REPLY
_SPICE_KEY = (  # RSA of 1024 bits, which SPICE has; nobody holds the other half
    "30819f300d06092a864886f70d010101050003818d0030818902818100c146cf45961efac47a2820c2c2a98c5409f4d4d97e609808a9c1ffde"
    "0210bf1bc9211bdf3e01699bc7930d96d27066583ccc546d5ae9674d0bd6a572c579c7139a0a65e098e8a3ed96589ed48a13b82fab552202ad"
    "145926e8bbc22cc4bad4fa46c78d6eacd48c32f909b828a42f532514fa83a6030491f339c00605e4796ba70203010001"
)
_SPICE = (
    struct.pack("<4sIII", b"REDQ", 2, 2, 182)
    + struct.pack("<I162sIIII", 0, bytes.fromhex(_SPICE_KEY), 1, 0, 178, 11)
    + struct.pack("<IHII", 0, 103, 32, 7)
    + bytes(28)
)
_DNS = struct.pack(">6H", 1, 0x8180, 1, 1, 0, 0) + bytes.fromhex(
    "0161 00 0001 0001 c00c 0001 0001 00000001 0004 7f000001"
)
_SHARED = struct.pack("<9I92x", MAGIC, 2, 16, 16, 64, 0x34325258, 4, 1024, 1) + struct.pack(
    "<5I", 2, 0, 0, 16, 4
)
_REQUEST = FrameRequest(1, 4, 2, FourCC.ARGB8888, 16, 0, 0, False)  # noqa: FBT003 - as on the wire
_COMPUTE = b"\n".join(
    json.dumps(line).encode()
    for line in (
        {"event": "start", "schema": 1, "os": "linux", "arch": "arm64", "compiler": "c", "clock_step_ns": 1, "seed": 1},
        {"event": "calibration", "kernel": "integer", "iterations": 5, "ns": 9},
        {"event": "end", "lines": 1},
    )
) + b"\n"  # fmt: skip
_FIO = (Path(__file__).parents[1] / "machines/fio-3.39-fsync.json").read_bytes()
_IPERF = (Path(__file__).parents[1] / "machines/iperf-3.18.json").read_bytes()
_QMP = b"\n".join(
    json.dumps(line).encode()
    for line in (
        {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}},
        {"return": {}},
        {"event": "STOP", "data": {}, "timestamp": {"seconds": 1, "microseconds": 2}},
        {"return": {"status": "paused"}},
        {"error": {"class": "GenericError", "desc": "no"}},
    )
)  # fmt: skip
_GPU = b"".join(json.dumps(line).encode() + b"\n" for line in EVENTS)

_PATTERN = b"\n".join(
    json.dumps(line).encode()
    for line in (
        {"event": "start", "schema": 2, "width": 64, "height": 64, "stride": 256, "resources": [1, 2]},
        {"event": "series", "name": "begun_ns", "first": 0, "values": [0, 9]},
        {"event": "series", "name": "flip_ns", "first": 0, "values": [5, 12]},
        {"event": "end", "first": 0, "frames": 2, "late": 0, "begin_ns": 0, "ns": 20, "cpu_ns": 3},
    )
)  # fmt: skip

TARGETS: dict[str, Target] = {
    "cpio": Target(_cpio, (cpio.pack([file("bin/sh", b"#!"), symlink("init", "bin/sh")]),)),
    "deb": Target(_deb, (deb([regular("./usr/bin/a", b"a" * 99), special("./b", b"2", "usr/bin/a")]),)),
    "packages": Target(_packages, (_STANZA + b"\n" + _STANZA,), (ArchiveCorrupt, UnicodeDecodeError)),
    "console": Target(_console, (b"\x1b[1mlogin:\x1b[0m \xff\xfe\r\n\x1b]0;title\x07text\r\rmore",), ()),
    "qmp": Target(_qmp, (b'{"return": {}}\r\n{"event": "RESET"}\n\n',), (LineTooLongError,)),
    "qmp-replies": Target(_qmp_replies, (_QMP,)),
    "rfb": Target(_rfb, (_RFB,)),
    "dbus": Target(_dbus, (_DBUS,)),
    "spice": Target(_spice, (_SPICE,)),
    "rest": Target(
        parse_answer, (b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"state": "a"}\0',), (ValueError,)
    ),
    "dns": Target(lambda data: nameserver.read(data, 1), (_DNS,), ()),
    "ivshmem": Target(_ivshmem, (_SHARED * 2,)),
    "hxfr": Target(
        _hxfr, (Message(Type.FRAME_REQUEST, 1, _REQUEST).to_bytes(), Message(Type.PING, 0).to_bytes())
    ),
    "kernel": Target(_kernel, (*(pack(ARM64) for pack in PACK.values()), X86_64, zboot(PACK["gzip"](ARM64)))),
    "grub": Target(_grub, (GRUB_CFG.encode(),), ()),
    "bls": Target(_bls, (BLS.encode(),), ()),
    "pe": Target(_pe, (b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0" + bytes(300),), (ValueError,)),
    "module": Target(lambda data: read_module("lib/a.ko", data), (PACK["xz"](b"\0depends=b,c\0alias=d\0"),)),
    "compute-report": Target(compute_report.parse_report, (_COMPUTE,), (MeasurementError,)),
    "fio-report": Target(
        lambda data: fio_report.parse_report(data, "fsync", "write", flushes=True),
        (_FIO,),
        (MeasurementError,),
    ),
    "iperf-report": Target(
        lambda data: iperf_report.parse_report(data, json.loads(_IPERF)["start"]["test_start"]["duration"]),
        (_IPERF,),
        (MeasurementError,),
    ),
    "gpu-report": Target(gpu_report.parse_report, (_GPU,), (MeasurementError,)),
    "pattern-report": Target(pattern_report.parse_report, (_PATTERN,), (MeasurementError,)),
}
