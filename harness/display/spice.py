"""A SPICE server, as far as its handshake: who answers, whether it lets us in, and the session that it opens.

Protocol: spice-protocol (spice/protocol.h, spice/enums.h). Little-endian; a link header, a link message each way, a
ticket encrypted with the server's key, its verdict, and then the main channel's first message.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.display.hand_over import hand_over
from harness.display.stream import Stream
from harness.errors import DisplayRefused

if TYPE_CHECKING:
    import socket
    from typing import Self

    from harness.channels.qmp import Qmp

_TIMEOUT_S = 10
_MAGIC = b"REDQ"
_MAJOR, _MINOR = 2, 2
_HEADER = struct.Struct("<4sIII")
"""Magic, major, minor, size of the message that follows."""
_MESSAGE = struct.Struct("<IBBIII")
"""SpiceLinkMess: connection (0 for a new session), channel, its number, counts of common and of the channel's own
capability words, their offset."""
_REPLY = struct.Struct("<I162sIII")
"""SpiceLinkReply: error, public key (DER), counts and offset as above."""
_MAIN_CHANNEL = 1
_AUTH_SELECTION, _AUTH_SPICE, _MINI_HEADER = 1 << 0, 1 << 1, 1 << 3
_SPICE_TICKET = 1
"""SPICE_COMMON_CAP_AUTH_SPICE, by which a client names how it proves itself."""
_MINI = struct.Struct("<HI")
_INIT = 103
"""SPICE_MSG_MAIN_INIT; its first word is the session's number."""
_LARGEST_REPLY = 4096
_LARGEST_MESSAGE = 1 << 20
_REASONS = {
    1: "an error", 2: "invalid magic", 3: "invalid data", 4: "another version", 5: "TLS is needed",
    6: "TLS is not wanted", 7: "permission denied", 8: "a bad connection number", 9: "no such channel",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SpiceSession:
    """What the server agreed to."""

    version: tuple[int, int]
    session: int
    """The number by which further channels would join it; never 0."""


class SpiceLink:
    """A connection to a SPICE server's main channel."""

    def __init__(self, sock: socket.socket) -> None:
        self._stream = Stream(sock, "the SPICE server")

    @classmethod
    def open(cls, qmp: Qmp) -> Self:
        """A client of a QEMU that runs with ``-spice``, greeted; raises DisplayRefused, DisplayLost, NoFrame,
        ControlError."""
        link = cls(hand_over(qmp, "spice"))
        try:
            link.greet()
        except BaseException:
            link.close()
            raise
        return link

    def greet(self, timeout_s: float = _TIMEOUT_S) -> SpiceSession:
        """The whole handshake; raises DisplayRefused for a server that says no or no SPICE, DisplayLost, NoFrame."""
        deadline = time.monotonic() + timeout_s
        self._stream.send(_link_message())
        version, key, mini = self._reply(deadline)
        self._stream.send(struct.pack("<I", _SPICE_TICKET) + _ticket(key))
        (verdict,) = struct.unpack("<I", self._stream.read(4, deadline))
        _check(verdict, "does not let us in")
        return SpiceSession(version, self._session(deadline, mini=mini))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def _reply(self, deadline: float) -> tuple[tuple[int, int], bytes, bool]:
        """The server's version and public key, and whether its messages have the short header."""
        magic, major, minor, size = _HEADER.unpack(self._stream.read(_HEADER.size, deadline))
        if magic != _MAGIC:
            raise DisplayRefused(f"this is no SPICE server: it says {magic!r}")
        if not _REPLY.size <= size <= _LARGEST_REPLY:
            raise DisplayRefused(f"a SPICE server announces a reply of {size} bytes")
        reply = self._stream.read(size, deadline)
        error, key, common, own, offset = _REPLY.unpack_from(reply)
        _check(error, "refuses the link")
        if major != _MAJOR:
            raise DisplayRefused(f"the SPICE server speaks version {major}.{minor}, not {_MAJOR}")
        if common > size or own > size or offset + 4 * (common + own) > size:
            raise DisplayRefused("a SPICE server's capabilities lie outside its reply")
        words = struct.unpack_from(f"<{common}I", reply, offset)
        if not words or not words[0] & _AUTH_SELECTION:
            raise DisplayRefused("the SPICE server does not say how clients prove themselves")
        return (major, minor), key, bool(words[0] & _MINI_HEADER)

    def _session(self, deadline: float, *, mini: bool) -> int:
        """The number in the main channel's first message."""
        if not mini:
            raise DisplayRefused("the SPICE server has only the long message header, of before 2011")
        kind, size = _MINI.unpack(self._stream.read(_MINI.size, deadline))
        if kind != _INIT or not 4 <= size <= _LARGEST_MESSAGE:
            raise DisplayRefused(f"a SPICE session begins with a message of kind {kind}, {size} bytes long")
        (session,) = struct.unpack("<I", self._stream.read(4, deadline))
        self._stream.skip(size - 4, deadline)
        return int(session)


def _link_message() -> bytes:
    capabilities = struct.pack("<I", _AUTH_SELECTION | _AUTH_SPICE | _MINI_HEADER)
    message = _MESSAGE.pack(0, _MAIN_CHANNEL, 0, 1, 0, _MESSAGE.size) + capabilities
    return _HEADER.pack(_MAGIC, _MAJOR, _MINOR, len(message)) + message


def _ticket(key: bytes) -> bytes:
    """No password, encrypted as one: RSA with OAEP and SHA-1, which is SPICE's choice."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - slow to import
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415

    try:
        public = serialization.load_der_public_key(key)
    except (ValueError, UnsupportedAlgorithm):
        public = None
    if not isinstance(public, rsa.RSAPublicKey) or public.key_size != 1024:
        raise DisplayRefused("a SPICE server's public key is none of 1024-bit RSA")
    sha1 = hashes.SHA1()  # noqa: S303
    try:
        return public.encrypt(b"\0", padding.OAEP(padding.MGF1(sha1), sha1, None))
    except ValueError:  # numbers that look like a key's, and are none
        raise DisplayRefused("nothing can be encrypted with a SPICE server's public key") from None


def _check(code: int, what: str) -> None:
    if code:
        raise DisplayRefused(f"the SPICE server {what}: {_REASONS.get(code, f'error {code}')}")
