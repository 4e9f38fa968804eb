"""A D-Bus connection to one peer, no bus between: messages and file descriptors over a socket pair.

jeepney makes and reads the messages; its own connections, like those of other Python libraries, begin with a Hello that
only a bus answers. Protocol: https://dbus.freedesktop.org/doc/dbus-specification.html
"""

from __future__ import annotations

import array
import socket
import struct
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

from jeepney import DBusAddress, MessageType, new_method_call
from jeepney.auth import BEGIN, AuthenticationError, Authenticator
from jeepney.fds import FileDescriptor
from jeepney.low_level import HeaderFields, Message, MessageFlag, calc_msg_size

from harness.display.reused_memory import ReusedMemory
from harness.errors import DisplayLost, DisplayRefused, NoFrame
from harness.host.unix_sockets import receive_fds, send_fds

if TYPE_CHECKING:
    from collections.abc import Iterator

_BUFFER_BYTES = 8 << 20
"""For sockets that carry pictures: a frame of 1080p fits."""
_NOBODY = "org.qemu"
"""jeepney wants a destination; without a bus nobody reads it."""
_MOST_FDS = 16
_CLOEXEC: int = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_HEAD_BYTES = 16
"""Of a message: they tell its size."""
_LARGEST_COPY = 1 << 16
"""No picture; a text that is longer is refused."""
_LARGEST_MESSAGE = 128 << 20
"""The specification's limit."""


class DbusWire:
    """One end of a peer-to-peer connection, which owns ``sock``; call :meth:`authenticate` first."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            with suppress(OSError):  # a smaller one is slower, no more
                sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
        self._serial = 0
        self._head = b""
        self._memory = ReusedMemory()
        self._message = bytearray()
        """What is being received; it begins with ``_head``."""
        self._filled = 0
        self._fds: list[FileDescriptor] = []

    def authenticate(self, timeout_s: float) -> None:
        """Say who we are, and agree on file descriptors; raises DisplayLost, DisplayRefused."""
        deadline = time.monotonic() + timeout_s
        dialogue = Authenticator(enable_fds=True)
        try:
            for line in dialogue:
                if line:
                    self._sock.sendall(line)
                else:
                    dialogue.feed(self._received(deadline, 512)[0])
            self._sock.sendall(BEGIN)
        except AuthenticationError as error:
            raise DisplayRefused(f"the display refused its peer: {error}") from None
        except (OSError, NoFrame) as error:
            raise DisplayLost(f"the display broke off before it knew its peer: {error}") from None

    def call(
        self, path: str, interface: str, method: str, signature: str, *body: object, timeout_s: float
    ) -> tuple[Any, ...]:
        """Call a method and return what it returned; raises DisplayRefused, DisplayLost."""
        address = DBusAddress(path, bus_name=_NOBODY, interface=interface)
        serial = self.send(new_method_call(address, method, signature or None, body))
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                message = self.receive(deadline)
            except NoFrame:
                raise DisplayLost(f"the display did not answer {method} within {timeout_s:g} s") from None
            if message.header.fields.get(HeaderFields.reply_serial) != serial:
                continue  # a signal
            if message.header.message_type is MessageType.error:
                raise DisplayRefused(f"the display refused {method}: {' '.join(map(str, message.body))}")
            return tuple(message.body)

    def send(self, message: Message) -> int:
        """Send it, and return its serial number; raises DisplayLost."""
        self._serial += 1
        fds = array.array("i")
        data = message.serialise(serial=self._serial, fds=fds)
        try:
            sent = send_fds(self._sock, data, fds) if fds else 0
            self._sock.sendall(data[sent:])
        except OSError as error:
            raise _lost(error) from None
        return self._serial

    def receive(self, deadline: float) -> Message:
        """The next message; raises NoFrame at the deadline (of time.monotonic()), DisplayLost.

        A picture in its body is a view of what was received, which the next message overwrites.
        """
        while len(self._head) < _HEAD_BYTES:  # and its descriptors, which come with its first byte
            data, fds = self._received(deadline, _HEAD_BYTES - len(self._head))
            self._head += data
            self._fds += fds
        if not self._filled:
            with _understood():
                size = calc_msg_size(self._head)
            if size > _LARGEST_MESSAGE:
                raise DisplayLost(f"the display announces a message of {size} bytes")
            self._message = self._memory.of(size) if size > _LARGEST_COPY else bytearray(size)
            self._message[:_HEAD_BYTES] = self._head
            self._filled = _HEAD_BYTES
        while self._filled < len(self._message):  # never into the next message: its descriptors are its own
            with memoryview(self._message)[self._filled :] as rest, self._until(deadline):
                self._filled += _some(self._sock.recv_into(rest))
        fds, self._fds, self._head, self._filled = self._fds, [], b"", 0
        with _understood():
            return Message.from_buffer(cast("bytes", _Slices(self._message)), fds)

    def close(self) -> None:
        """Close the connection; a thread that waits for a message gets DisplayLost."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _received(self, deadline: float, most: int) -> tuple[bytes, list[FileDescriptor]]:
        with self._until(deadline):
            data, raw = receive_fds(self._sock, most, _MOST_FDS, _CLOEXEC)
        _some(len(data))
        return data, [FileDescriptor(fd) for fd in raw]

    @contextmanager
    def _until(self, deadline: float) -> Iterator[None]:
        try:
            self._sock.settimeout(max(0.000_001, deadline - time.monotonic()))
            yield
            self._sock.settimeout(None)
        except TimeoutError:
            raise NoFrame("the display said nothing") from None
        except OSError as error:
            raise _lost(error) from None


class _Slices:
    """Bytes as jeepney reads them, slice by slice, without a copy of a picture."""

    def __init__(self, data: bytearray) -> None:
        self._view = memoryview(data)

    def __getitem__(self, at: slice) -> bytes | memoryview:
        part = self._view[at]
        return part if len(part) > _LARGEST_COPY else bytes(part)


def wants_reply(message: Message) -> bool:
    """Whether the sender waits for an answer."""
    return not message.header.flags & MessageFlag.no_reply_expected


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    # jeepney has no error of its own for bytes that are no message
    except (ValueError, LookupError, TypeError, AssertionError, AttributeError, struct.error) as error:
        raise DisplayLost(
            f"the display sent what is no D-Bus message ({type(error).__name__}: {error})"
        ) from None


def _some(count: int) -> int:
    if not count:
        raise DisplayLost("the display closed its connection")
    return count


def _lost(error: OSError) -> DisplayLost:
    return DisplayLost(f"the connection to the display broke ({error.strerror or error})")
