"""A vhost-user front-end and a virtio driver in one, for a device that must believe neither."""

from __future__ import annotations

import mmap
import os
import select
import socket
import struct
import subprocess
from dataclasses import dataclass

HEADER = struct.Struct("<QQIIIHHIII")
RX, TX = 0, 1
SIZE = 16
SPLIT = 0x80000
"""Where the guest's first region ends and its second begins; the front-end has them the other way round."""
MEMORY = 2 * SPLIT
FRONT = (0x7F0000000000, 0x7E0000000000)
RINGS = {RX: 0x1000, TX: 0x3000}
AVAILABLE, USED = 0x800, 0x1000
BUFFERS = 0x10000
BUFFER = 0x1000
NEXT, WRITE, TABLE = 1, 2, 4
REQUEST, RESPONSE, RST, SHUTDOWN, RW, CREDIT_UPDATE, CREDIT_REQUEST = range(1, 8)
PATIENCE_S = 20


@dataclass(frozen=True)
class Packet:
    source: int
    target: int
    operation: int
    flags: int
    allocated: int
    forwarded: int
    payload: bytes


class FrontEnd:
    """A running vb-vsock, its memory, and its two queues."""

    def __init__(self, program, folder, cid=3):
        self.path, self.cid = folder / "vsock", cid
        self.socket, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [program, f"--cid={cid}", f"--path={self.path}", f"--front={theirs.fileno()}"],
            pass_fds=[theirs.fileno()], stderr=subprocess.PIPE,
        )  # fmt: skip
        theirs.close()
        self.socket.settimeout(PATIENCE_S)
        self.file = os.memfd_create("guest")
        os.ftruncate(self.file, MEMORY)
        self.memory = mmap.mmap(self.file, MEMORY)
        self.events = {queue: {kind: os.eventfd(0) for kind in ("kick", "call", "err")} for queue in (RX, TX)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        try:
            self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            self.said = self.process.communicate()[1].decode()
            for fd in (self.file, *(fd for each in self.events.values() for fd in each.values())):
                os.close(fd)

    def say(self, request, payload=b"", fds=(), flags=1):
        socket.send_fds(self.socket, [struct.pack("<III", request, flags, len(payload)) + payload], fds)

    def ask(self, request, payload=b"", fds=(), flags=1):
        self.say(request, payload, fds, flags)
        got, flags, size = struct.unpack("<III", self._exactly(12))
        assert (got, flags) == (request, 5)
        return self._exactly(size)

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("the device hung up")
            data += part
        return data

    def table(self):
        regions = b"".join(
            struct.pack("<QQQQ", number * SPLIT, SPLIT, FRONT[number], number * SPLIT) for number in (0, 1)
        )
        return struct.pack("<II", 2, 0) + regions

    def start(self):
        """Everything that QEMU says before the guest's driver may begin."""
        self.say(2, struct.pack("<Q", self.number(1)))
        self.say(16, struct.pack("<Q", self.number(15)))
        self.say(3)
        self.say(5, self.table(), [self.file, self.file])
        for queue in (RX, TX):
            self.start_queue(queue)
        self.filled = 0
        for index in range(SIZE):
            self.offer(index)

    def number(self, request):
        return struct.unpack("<Q", self.ask(request))[0]

    def start_queue(self, queue):
        at = RINGS[queue]
        self.memory[at : at + 0x2000] = bytes(0x2000)
        self.say(8, struct.pack("<II", queue, SIZE))
        self.say(10, struct.pack("<II", queue, 0))
        front = FRONT[0] + at
        self.say(9, struct.pack("<IIQQQQ", queue, 0, front, front + USED, front + AVAILABLE, 0))
        for request, kind in ((12, "kick"), (13, "call"), (14, "err")):
            self.say(request, struct.pack("<Q", queue), [self.events[queue][kind]])
        self.ask(18, struct.pack("<II", queue, 1), flags=9)
        self.seen = {**getattr(self, "seen", {}), queue: 0}

    def restart(self):
        """A guest that was reset: both queues stop, and begin anew."""
        for queue in (RX, TX):
            self.ask(11, struct.pack("<II", queue, 0))
        for queue in (RX, TX):
            self.drain(queue, "err")
            self.start_queue(queue)
        for index in range(SIZE):
            self.offer(index)

    def drain(self, queue, kind):
        fd = self.events[queue][kind]
        return os.eventfd_read(fd) if select.select([fd], [], [], 0)[0] else 0

    def broke(self, queue):
        """Whether the device says, within its time, that a queue is broken."""
        return (
            bool(select.select([self.events[queue]["err"]], [], [], PATIENCE_S)[0])
            and self.drain(queue, "err") == 1
        )

    def describe(self, queue, index, address, length, flags=0, following=0):  # noqa: PLR0917 - as in virtio
        struct.pack_into("<QIHH", self.memory, RINGS[queue] + index * 16, address, length, flags, following)

    def push(self, queue, head):
        at = RINGS[queue] + AVAILABLE
        index = struct.unpack_from("<H", self.memory, at + 2)[0]
        struct.pack_into("<H", self.memory, at + 4 + index % SIZE * 2, head)
        struct.pack_into("<H", self.memory, at + 2, (index + 1) & 0xFFFF)
        os.eventfd_write(self.events[queue]["kick"], 1)

    def used(self, queue):
        return struct.unpack_from("<H", self.memory, RINGS[queue] + USED + 2)[0]

    def next_used(self, queue):
        """Head and length of the next chain that the device gives back."""
        while self.used(queue) == self.seen[queue]:
            call, died = self.events[queue]["call"], self.socket
            ready, _, _ = select.select([call, died], [], [], PATIENCE_S)
            assert ready == [call], "the device gave nothing back"
            os.eventfd_read(call)
        at = RINGS[queue] + USED + 4 + self.seen[queue] % SIZE * 8
        self.seen[queue] = (self.seen[queue] + 1) & 0xFFFF
        return struct.unpack_from("<II", self.memory, at)

    def offer(self, index):
        self.describe(RX, index, BUFFERS + index * BUFFER, BUFFER, WRITE)
        self.push(RX, index)

    def receive(self):
        """The next packet from the host; its buffer is offered again."""
        head, written = self.next_used(RX)
        at = BUFFERS + head * BUFFER
        fields = HEADER.unpack_from(self.memory, at)
        payload = self.memory[at + HEADER.size : at + written]
        self.offer(head)
        assert fields[:2] == (2, self.cid)
        assert fields[4] == len(payload)
        return Packet(fields[2], fields[3], fields[6], fields[7], fields[8], fields[9], bytes(payload))

    def send(self, operation, source, target, payload=b"", *, at=SPLIT - 50, **changes):
        """A packet whose header and data cross the border of the regions. Waits until the device has read it."""
        values = {
            "cid": self.cid, "to": 2, "length": len(payload), "type": 1, "flags": 0,
            "allocated": 1 << 18, "forwarded": 0,
        } | changes  # fmt: skip
        header = HEADER.pack(
            values["cid"], values["to"], source, target, values["length"], values["type"], operation,
            values["flags"], values["allocated"], values["forwarded"],
        )  # fmt: skip
        self.memory[at : at + len(header) + len(payload)] = header + payload
        self.describe(TX, 0, at, len(header), NEXT if payload else 0, 1)
        self.describe(TX, 1, at + len(header), len(payload))
        self.push(TX, 0)
        assert self.next_used(TX) == (0, 0)


def listen(front, port):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{front.path}_{port}")
    listener.listen(64)
    listener.settimeout(20)
    return listener


def connected(front, port=1024, host=80):
    """A stream that the guest opened: the host's end."""
    with listen(front, host) as listener:
        front.send(REQUEST, port, host)
        answer = front.receive()
        assert (answer.operation, answer.source, answer.target) == (RESPONSE, host, port)
        stream, _ = listener.accept()
    front.path.with_name(f"vsock_{host}").unlink()
    stream.settimeout(20)
    return stream
