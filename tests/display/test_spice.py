"""The SPICE handshake: with a server that misbehaves in every way; that of a real one is in tests/machines."""

import socket
import struct

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from harness.display.spice import SpiceLink, SpiceSession
from harness.errors import DisplayLost, DisplayRefused, NoFrame

SIZES = {1024: rsa.generate_private_key(65537, 1024), 2048: rsa.generate_private_key(65537, 2048)}
CAPABILITIES = 1 | 2 | 8


def public_key(bits):
    public = SIZES[bits].public_key()
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def reply(
    *, error=0, bits=1024, words=(CAPABILITIES,), offset=178, magic=b"REDQ", major=2, size=None, key=None
):
    """A link reply, right unless told otherwise."""
    body = struct.pack("<I162sIII", error, (key or public_key(bits))[:162], len(words), 0, offset)
    body += struct.pack(f"<{len(words)}I", *words)
    return struct.pack("<4sIII", magic, major, 2, len(body) if size is None else size) + body


def welcome(verdict=0, kind=103, size=32, session=7):
    return struct.pack("<IHII", verdict, kind, size, session) + bytes(28)


def link(*said):
    """A client of a server that says this, and then hangs up; the server's end too."""
    ours, theirs = socket.socketpair()
    theirs.sendall(b"".join(said))
    theirs.shutdown(socket.SHUT_WR)
    return SpiceLink(ours), theirs


def test_both_sides_say_what_the_protocol_asks_for():
    client, server = link(reply(), welcome())
    with server:
        assert client.greet() == SpiceSession((2, 2), 7)
        client.close()
        heard = server.makefile("rb").read()
    magic, major, minor, size = struct.unpack_from("<4sIII", heard)
    assert (magic, major, minor, size) == (b"REDQ", 2, 2, 22)
    assert struct.unpack_from("<IBBIII", heard, 16) == (0, 1, 0, 1, 0, 18)
    assert struct.unpack_from("<II", heard, 34) == (CAPABILITIES, 1)
    assert len(heard) == 16 + 22 + 4 + 128


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ([b"RFB 003.008\n1234"], DisplayRefused, "no SPICE server"),
        ([reply(size=10)], DisplayRefused, "reply of 10 bytes"),
        ([reply(size=1 << 30)], DisplayRefused, "reply of 1073741824 bytes"),
        ([reply(error=7)], DisplayRefused, "permission denied"),
        ([reply(error=99)], DisplayRefused, "error 99"),
        ([reply(major=3)], DisplayRefused, "version 3.2"),
        ([reply(offset=1 << 31)], DisplayRefused, "outside its reply"),
        ([reply(words=())], DisplayRefused, "how clients prove"),
        ([reply(words=(2,))], DisplayRefused, "how clients prove"),
        ([reply(key=b"nonsense")], DisplayRefused, "public key"),
        ([reply(bits=2048)], DisplayRefused, "public key"),
        ([reply(key=public_key(1024)[:-6] + b"\0" + public_key(1024)[-5:])], DisplayRefused, "encrypted"),
        ([reply(), welcome(verdict=7)], DisplayRefused, "does not let us in: permission denied"),
        ([reply(words=(3,)), welcome()], DisplayRefused, "long message header"),
        ([reply(), welcome(kind=104)], DisplayRefused, "kind 104"),
        ([reply(), welcome(size=1 << 31)], DisplayRefused, "bytes long"),
        ([reply()[:100]], DisplayLost, "closed the connection"),
        ([reply()], DisplayLost, "closed the connection"),
    ],
)
def test_a_server_that_refuses_or_lies_is_named(said, error, words):
    client, server = link(*said)
    with server, pytest.raises(error, match=words):
        client.greet()
    client.close()


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_told():
    ours, theirs = socket.socketpair()
    client = SpiceLink(ours)
    with theirs, pytest.raises(NoFrame):
        client.greet(timeout_s=0.05)
    client.close()
