"""A D-Bus connection to one peer, no bus between: messages and file descriptors over a socket pair.

jeepney makes and reads the messages; its own connections, like those of other Python libraries, begin with a Hello that
only a bus answers. Protocol: https://dbus.freedesktop.org/doc/dbus-specification.html
"""

from __future__ import annotations

import array
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jeepney import DBusAddress, MessageType, new_method_call
from jeepney.auth import BEGIN, AuthenticationError, Authenticator
from jeepney.fds import FileDescriptor
from jeepney.low_level import HeaderFields, MessageFlag, Parser

from harness.errors import DisplayLost, DisplayRefused, NoFrame
from harness.host.unix_sockets import receive_fds, send_fds

if TYPE_CHECKING:
    from jeepney.low_level import Message

_BUFFER_BYTES = 8 << 20
"""For sockets that carry pictures: a frame of 1080p fits."""
_NOBODY = "org.qemu"
"""jeepney wants a destination; without a bus nobody reads it."""
_MOST_FDS = 16
_CLOEXEC: int = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_LARGEST_READ = 1 << 20
_LARGEST_MESSAGE = 128 << 20
"""The specification's limit."""


class DbusWire:
    """One end of a peer-to-peer connection, which owns ``sock``; call :meth:`authenticate` first."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            with suppress(OSError):  # a smaller one is slower, no more
                sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
        self._parser = Parser()
        self._serial = 0

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
        """The next message; raises NoFrame at the deadline (of time.monotonic()), DisplayLost."""
        while (message := self._parser.get_next_message()) is None:
            wanted = self._parser.bytes_desired()  # never into the next message: its descriptors are its own
            if wanted > _LARGEST_MESSAGE:
                raise DisplayLost(f"the display announces a message of {wanted} bytes")
            data, fds = self._received(deadline, min(wanted, _LARGEST_READ))
            self._parser.add_data(data, fds)
        return message

    def close(self) -> None:
        """Close the connection; a thread that waits for a message gets DisplayLost."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _received(self, deadline: float, most: int) -> tuple[bytes, list[Any]]:
        try:
            self._sock.settimeout(max(0.000_001, deadline - time.monotonic()))
            data, raw = receive_fds(self._sock, most, _MOST_FDS, _CLOEXEC)
            self._sock.settimeout(None)
        except TimeoutError:
            raise NoFrame("the display said nothing") from None
        except OSError as error:
            raise _lost(error) from None
        if not data:
            raise DisplayLost("the display closed its connection")
        return data, [FileDescriptor(fd) for fd in raw]


def wants_reply(message: Message) -> bool:
    """Whether the sender waits for an answer."""
    return not message.header.flags & MessageFlag.no_reply_expected


def _lost(error: OSError) -> DisplayLost:
    return DisplayLost(f"the connection to the display broke ({error.strerror or error})")
