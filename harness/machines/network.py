"""A network that a machine is given besides the one by which the harness reaches it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = 24


@dataclass(frozen=True, slots=True)
class UserMode:
    """The VMM's own network stack (libslirp): the guest reaches the host's loopback at the network's address 2, a
    proxy for the host's nameserver at 3, and is reached only where a port is forwarded to it."""

    restrict: bool = False
    """The guest reaches nothing; who comes by a forwarded port is answered."""
    forwards: tuple[int, ...] = ()
    """Ports of the guest that a free port of the host's loopback leads to."""

    @property
    def name(self) -> str:
        return "user-net-restricted" if self.restrict else "user-net"


@dataclass(frozen=True, slots=True)
class SocketPair:
    """One end of a pair of connected unix sockets that the VMM inherits, in which the guest's Ethernet frames are
    ``stream``: each behind its length, or else datagrams. At the other end is another machine, or passt."""

    fd: int
    stream: bool = True
    peer: str = ""
    """Who is at the other end, if that is no machine."""

    @property
    def name(self) -> str:
        return self.peer or ("unix-stream" if self.stream else "unix-dgram")


@dataclass(frozen=True, slots=True)
class Tap:
    """A tap that the VMM inherits: a network card of the host's, or of a network namespace of the harness's."""

    fd: int
    name: str = "bridge"


Carrier = UserMode | SocketPair | Tap
"""What takes a card's Ethernet frames on the host."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network card of the guest's, and what is at its other end."""

    carrier: Carrier
    address: str
    """The guest's, as ``10.0.3.15``, in a network of 256."""
    mtu: int = 1500

    @property
    def interface(self) -> IPv4Interface:
        return IPv4Interface(f"{self.address}/{PREFIX}")

    @property
    def host(self) -> IPv4Address:
        """Where the guest finds its host, if it can."""
        return self.interface.network[2]

    @property
    def nameserver(self) -> IPv4Address:
        """Where user mode has its proxy for the host's nameserver."""
        return self.interface.network[3]

    @property
    def mac(self) -> str:
        """The card's, by which the guest finds it: QEMU's prefix, and the address."""
        return "52:54:" + self.interface.ip.packed.hex(":")


def descriptors(networks: Iterable[Network]) -> list[int]:
    """What the VMM must inherit for them."""
    carriers = (network.carrier for network in networks)
    return [carrier.fd for carrier in carriers if not isinstance(carrier, UserMode)]
