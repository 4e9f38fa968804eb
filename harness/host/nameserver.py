"""The host's nameserver, asked directly: what a guest's must answer too. RFC 1035, section 4."""

from __future__ import annotations

import re
import secrets
import socket
import struct
from pathlib import Path
from typing import NamedTuple

RESOLV_CONF = Path("/etc/resolv.conf")
_STATUS = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
_RECURSION_DESIRED = 0x0100
_A, _IN = 1, 1
_HEAD = struct.Struct(">6H")
_RECORD = struct.Struct(">HHIH")
_MAX = 4096
_NAMESERVER = re.compile(r"^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$", re.MULTILINE)


class Answer(NamedTuple):
    """What a nameserver says of a name."""

    status: str
    """``NOERROR``, ``NXDOMAIN``, …"""
    addresses: tuple[str, ...]
    """IPv4, sorted."""


def nameserver() -> str | None:
    """The first IPv4 nameserver of the host's, which user-mode networks forward to as well; None: it names none."""
    try:
        found = _NAMESERVER.search(RESOLV_CONF.read_text(errors="replace"))
    except OSError:
        return None
    return found[1] if found else None


def ask(server: str, name: str, timeout_s: float = 5, port: int = 53) -> Answer | None:
    """What it says of the name's IPv4 addresses; None when it says nothing, or nothing that makes sense."""
    number = secrets.randbits(16)
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = _HEAD.pack(number, _RECURSION_DESIRED, 1, 0, 0, 0) + question + struct.pack(">xHH", _A, _IN)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.settimeout(timeout_s)
        try:
            ours.connect((server, port))
            ours.send(query)
            said = ours.recv(_MAX)
        except OSError:
            return None
    return read(said, number)


def read(said: bytes, number: int) -> Answer | None:
    """The answer to question ``number``; None: it is none, or makes no sense."""
    try:
        return _read(said, number)
    except (struct.error, IndexError, OSError):
        return None


def _read(said: bytes, number: int) -> Answer | None:
    told, flags, questions, answers, _, _ = _HEAD.unpack_from(said)
    if told != number:
        return None
    at = _HEAD.size
    for _ in range(questions):
        at = _after_name(said, at) + 4
    addresses = []
    for _ in range(answers):
        at = _after_name(said, at)
        kind, kin, _, length = _RECORD.unpack_from(said, at)
        at += _RECORD.size
        if (kind, kin, length) == (_A, _IN, 4) and at + 4 <= len(said):
            addresses.append(socket.inet_ntoa(said[at : at + 4]))
        at += length
    return Answer(_STATUS.get(flags & 15, str(flags & 15)), tuple(sorted(addresses)))


def _after_name(said: bytes, at: int) -> int:
    """Labels until an empty one, or a pointer, which ends a name."""
    while length := said[at]:
        if length >= 0xC0:
            return at + 2
        at += 1 + length
    return at + 1
