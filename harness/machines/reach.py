"""What a guest reaches through a user-mode network, found by trying: its host by TCP and UDP, and a nameserver."""

from __future__ import annotations

import re
import select
import socket
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import IsolationBroken, MeasurementError
from harness.host.nameserver import Answer
from harness.machines.ends import PATIENCE_S

if TYPE_CHECKING:
    from harness.channels.ssh import Ssh
    from harness.machines.network import Network

NAME = "localhost"
"""Every nameserver has an answer to it, if only that there is no such name, and asks no other (RFC 6761)."""
_TRIES = 5
"""Of a network that is open: a guest may be too slow for one, and a datagram may be lost."""
_TRY = """\
nc -w 5 {host} {tcp} -e true > /dev/null 2>&1 &
timeout 5 tftp -g -r visorbench -l /dev/null {host} {udp} > /dev/null 2>&1 &
timeout 5 nslookup -type=a {name} {nameserver} 2>&1
wait"""
"""Each gives up by itself."""
_ADDRESS = re.compile(r"^Address:\s+(\d+\.\d+\.\d+\.\d+)\s*$", re.MULTILINE)
_FAILURE = re.compile(r"can't find \S+: ([A-Z]+)")
_ANSWER = re.compile(r"answer:\r?\n")


class Reached(NamedTuple):
    """What a guest's tries came to."""

    tcp: bool
    """A port of the host's loopback, by the network's address for the host."""
    udp: bool
    answer: Answer | None
    """The nameserver's."""


def try_to_reach(ssh: Ssh, card: Network, name: str = NAME) -> Reached:
    """Have the guest try once, whatever comes of it. Raises ChannelError."""
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(("127.0.0.1", 0))
        ports = {"tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1]}
        words = {"host": card.host, "nameserver": card.nameserver, "name": name, **ports}
        said = ssh.run(_TRY.format(**words), timeout_s=PATIENCE_S, check=False).text()
        return Reached(_has_something(tcp), _has_something(udp), read_answer(said))


def reach(ssh: Ssh, card: Network, *, resolves: bool, name: str = NAME) -> Reached:
    """What an open network lets the guest reach: its host by TCP and UDP, and a nameserver if the host ``resolves``.

    Raises MeasurementError when one of them is not reached.
    """
    for _ in range(_TRIES):
        reached = try_to_reach(ssh, card, name)
        if reached.tcp and reached.udp and (reached.answer or not resolves):
            return reached
    raise MeasurementError(f"a guest that nothing restricts reached of its host only {reached}")


def check_restricted(ssh: Ssh, card: Network, name: str = NAME) -> None:
    """Raise IsolationBroken when a guest reaches through a restricted network what it reaches through an open one."""
    reached = try_to_reach(ssh, card, name)
    if any(reached):
        raise IsolationBroken(
            f"a restricted guest reached its host: {reached}", fix="trust no guest to this VMM's network"
        )


def read_answer(said: str) -> Answer | None:
    """What busybox's nslookup prints: the server's own address stands before the answer. None: there is none."""
    if failure := _FAILURE.search(said):
        return Answer(failure[1], ())
    answer = _ANSWER.search(said)
    return Answer("NOERROR", tuple(sorted(_ADDRESS.findall(said[answer.end() :])))) if answer else None


def _has_something(ours: socket.socket) -> bool:
    """Whether a connection or a datagram waits there."""
    return bool(select.select([ours], [], [], 0)[0])
