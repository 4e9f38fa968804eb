"""The networks that a guest can have, each with its lanes: to its host, from its host, and to another guest."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from harness.errors import InvalidConfiguration
from harness.host.loopback import free_port
from harness.host.network_namespace import network_namespace
from harness.machines.lanes import IPERF_PORT, PING_PORT, Lane, Way, straight
from harness.machines.network import Network, SocketPair, Tap, UserMode
from harness.machines.passt import passt_network
from harness.machines.qemu.machine import QemuMachine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from harness.host.network_namespace import NetworkNamespace
    from harness.machines.ends import End, GuestEnd, HostEnd
    from harness.machines.model import Machine

PORTS = (IPERF_PORT, PING_PORT)
LOOPBACK, ANY = "127.0.0.1", "0.0.0.0"  # noqa: S104 - in a guest of ours
_BRIDGE = "bridge"


class Medium(Protocol):
    """A network that is there, but for the machines."""

    @property
    def cards(self) -> tuple[Network, ...]:
        """Of the machine, and of its peer if that has one."""
        ...

    def lanes(self, one: GuestEnd, peer: GuestEnd, host: HostEnd) -> Iterator[Lane]:
        """Once both machines run."""
        ...


def host_lane(host: HostEnd) -> Lane:
    """The host's loopback: what every other is compared with."""
    return _to_loopback("loopback", host, host, LOOPBACK)


@dataclass(frozen=True, slots=True)
class UserNet:
    """libslirp in the VMM; what goes to the peer goes through the host's loopback, to a forwarded port."""

    cards: tuple[Network, ...]

    def lanes(self, one: GuestEnd, peer: GuestEnd, host: HostEnd) -> Iterator[Lane]:
        """As :meth:`Medium.lanes`."""
        mine, theirs = self.cards
        yield _to_loopback("user-net-to-host", one, host, str(mine.host))
        yield _forwarded("user-net-to-guest", host, one, LOOPBACK, _forwards(one, mine))
        yield _forwarded("user-net-to-peer", one, peer, str(mine.host), _forwards(peer, theirs))


@dataclass(frozen=True, slots=True)
class Passt:
    """As user-net, in a process of its own."""

    card: Network
    forwards: Mapping[int, int]

    @property
    def cards(self) -> tuple[Network, ...]:
        return (self.card,)

    def lanes(self, one: GuestEnd, peer: GuestEnd, host: HostEnd) -> Iterator[Lane]:  # noqa: ARG002 - the protocol's
        """As :meth:`Medium.lanes`."""
        yield _to_loopback("passt-to-host", one, host, str(self.card.host))
        yield _forwarded("passt-to-guest", host, one, LOOPBACK, self.forwards)


@dataclass(frozen=True, slots=True)
class Bridge:
    """Taps on a bridge, in a network namespace in which the host has the bridge's own address."""

    cards: tuple[Network, ...]
    namespace: NetworkNamespace

    def lanes(self, one: GuestEnd, peer: GuestEnd, host: HostEnd) -> Iterator[Lane]:
        """As :meth:`Medium.lanes`."""
        mine, theirs = self.cards
        inside = replace(host, within=self.namespace.within)
        yield _direct("bridge-to-host", one, inside, str(mine.host))
        yield _direct("bridge-to-guest", inside, one, mine.address)
        yield _direct("bridge-to-peer", one, peer, theirs.address)


@dataclass(frozen=True, slots=True)
class Wire:
    """Two VMMs at the ends of a pair of unix sockets; the host has no part in it."""

    cards: tuple[Network, ...]

    def lanes(self, one: GuestEnd, peer: GuestEnd, host: HostEnd) -> Iterator[Lane]:  # noqa: ARG002 - the protocol's
        """As :meth:`Medium.lanes`."""
        mine, theirs = self.cards
        yield _direct(f"{mine.carrier.name}-to-peer", one, peer, theirs.address)


def forwarded_port(machine: Machine, card: Network, port: int) -> int:
    """The host's that leads to ``port`` of the guest, by a card in user mode. Raises InvalidConfiguration."""
    if not isinstance(machine, QemuMachine):
        raise InvalidConfiguration(f"{machine.name} forwards no ports", fix="use a backend of QEMU")
    return machine.control.forwarded_port(port, card.address)


@contextmanager
def user_net() -> Iterator[Medium]:
    """Two machines, each with its own user-mode network."""
    carrier = UserMode(forwards=PORTS)
    yield UserNet((Network(carrier, "10.0.3.15"), Network(carrier, "10.0.4.15")))


@contextmanager
def passt() -> Iterator[Medium]:
    """One machine on a passt. Raises HostLacks."""
    with passt_network("10.0.5.15", PORTS) as (card, forwards):
        yield Passt(card, forwards)


@contextmanager
def bridge() -> Iterator[Medium]:
    """Two machines on a bridge. Raises HostLacks."""
    addresses = ("10.0.6.15", "10.0.6.16")
    with network_namespace() as namespace, ExitStack() as undo:
        namespace.bridge(_BRIDGE, "10.0.6.2")
        taps = [namespace.tap(_BRIDGE, f"tap{number}") for number in range(len(addresses))]
        for tap in taps:
            undo.callback(os.close, tap)
        cards = (Network(Tap(tap), address) for tap, address in zip(taps, addresses, strict=True))
        yield Bridge(tuple(cards), namespace)


@contextmanager
def unix_stream() -> Iterator[Medium]:
    """Two machines on a stream of frames."""
    with _wire(socket.SOCK_STREAM, "10.0.7") as medium:
        yield medium


@contextmanager
def unix_dgram() -> Iterator[Medium]:
    """Two machines on a pair of datagram sockets."""
    with _wire(socket.SOCK_DGRAM, "10.0.8") as medium:
        yield medium


MEDIA: dict[str, Callable[[], AbstractContextManager[Medium]]] = {
    "user-net": user_net, "passt": passt, "bridge": bridge, "unix-stream": unix_stream, "unix-dgram": unix_dgram,
}  # fmt: skip
"""Each raises HostLacks where the host does not have it."""


@contextmanager
def _wire(kind: socket.SocketKind, network: str) -> Iterator[Medium]:
    ends = socket.socketpair(type=kind)
    with closing(ends[0]), closing(ends[1]):
        streams = kind == socket.SOCK_STREAM
        cards = (
            Network(SocketPair(end.fileno(), streams), f"{network}.{number}")
            for end, number in zip(ends, (15, 16), strict=True)
        )
        yield Wire(tuple(cards))


def _direct(name: str, client: End, server: GuestEnd | HostEnd, address: str) -> Lane:
    return Lane(name, client, server, straight(address, IPERF_PORT), straight(address, PING_PORT))


def _to_loopback(name: str, client: End, host: HostEnd, at: str) -> Lane:
    iperf, ping = (Way(LOOPBACK, port, at, port) for port in (free_port(), free_port()))
    return Lane(name, client, host, iperf, ping)


def _forwarded(name: str, client: End, server: GuestEnd, at: str, forwards: Mapping[int, int]) -> Lane:
    iperf, ping = (Way(ANY, port, at, forwards[port]) for port in PORTS)
    return Lane(name, client, server, iperf, ping)


def _forwards(end: GuestEnd, card: Network) -> dict[int, int]:
    return {port: forwarded_port(end.machine, card, port) for port in PORTS}
