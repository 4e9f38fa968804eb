"""How a guest is reached that its VMM gives no forwarded port: by the lease that DHCP gave it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from harness.errors import InvalidConfiguration
from harness.machines.login import SSH_PORT
from harness.machines.rest.leases import await_address

if TYPE_CHECKING:
    from pathlib import Path


ADDRESS_TIMEOUT_S = 20
DHCP = "visorbench.ip=dhcp"
"""The kernel parameter that has the reference guests ask DHCP."""


class NetworkKind(StrEnum):
    """What the option ``network`` chooses between."""

    NAT = "nat"
    """Virtualization.framework's own: the guest reaches whatever the host does."""
    GVPROXY = "gvproxy"
    """A process beside the VMM: the guest reaches whatever the host does."""
    NONE = "none"


class Network(Protocol):
    """The network of one running machine."""

    def address(self) -> tuple[str, int]:
        """Where the guest's SSH server is; raises GuestSilent, InvalidConfiguration."""
        ...


@dataclass(frozen=True, slots=True)
class NoNetwork:
    """A guest that nobody reaches."""

    def address(self) -> tuple[str, int]:
        """Nowhere."""
        raise InvalidConfiguration("the machine has no network", fix="give it one: --option network=…")


@dataclass(frozen=True, slots=True)
class LeasedNetwork:
    """A network of macOS, which gives out addresses."""

    mac: str
    leases: Path

    def address(self) -> tuple[str, int]:
        """By the lease of its MAC."""
        return await_address(self.mac, self.leases, ADDRESS_TIMEOUT_S), SSH_PORT
