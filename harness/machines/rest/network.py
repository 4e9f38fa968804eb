"""The network of a machine: macOS's own, or that of a process beside its VMM; and how its guest is reached.

gvproxy (gvisor-tap-vsock) is a user-mode network as QEMU's is. It gives one address, 192.168.127.2, to the one MAC that
it was written with, and forwards ``-ssh-port`` of 127.0.0.1 to that address's port 22.

vmnet-helper opens an interface of macOS's vmnet in its shared mode: macOS's DHCP server gives an address, to any
MAC. From macOS 26 on it needs no root for that.
"""

from __future__ import annotations

import platform
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from harness.errors import HostLacks, InvalidConfiguration, MachineDied
from harness.host.loopback import free_port
from harness.host.processes import OwnedProcess, spawn
from harness.host.system import is_root
from harness.host.vmm_programs import program
from harness.machines.login import SSH_PORT
from harness.machines.rest.leases import await_address, leases_file, random_mac

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.machines.rest.vmm import Place

ADDRESS_TIMEOUT_S = 20
DHCP = "visorbench.ip=dhcp"
"""The kernel parameter that has the reference guests ask DHCP."""
GVPROXY_MAC = "5a:94:ef:e4:0c:ee"
"""The one with a static lease (cmd/gvproxy/main.go)."""
_VMNET_WITHOUT_ROOT = 26
"""The first macOS in which an entitlement of vmnet is not asked for (vmnet-helper, README.md)."""
_LOOPBACK = "127.0.0.1"
_UP_TIMEOUT_S = 30
_LOOK_S = 0.005


class NetworkKind(StrEnum):
    """What the option ``network`` chooses between; with every one but ``none`` the guest reaches what the host does."""

    NAT = "nat"
    """Virtualization.framework's own."""
    GVPROXY = "gvproxy"
    """The process gvproxy."""
    VMNET = "vmnet"
    """macOS's own, through the process vmnet-helper."""
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


@dataclass(frozen=True, slots=True)
class ForwardedNetwork:
    """A network that leads a port of the host to the guest's SSH server."""

    port: int

    def address(self) -> tuple[str, int]:
        """The forwarded port; that nobody answers there yet is for who connects to find."""
        return _LOOPBACK, self.port


@dataclass(frozen=True, slots=True)
class Plug:
    """What a VMM is told to put its guest on a network: the guest's MAC and, of a process beside it, the socket."""

    kind: NetworkKind
    mac: str
    path: Path
    ssh_port: int = 0
    """Of the host, where gvproxy leads to the guest."""

    @classmethod
    def of(cls, kind: NetworkKind, private: Path) -> Plug:
        """For the machine whose folder ``private`` is."""
        path = private / "net.sock"
        if kind is NetworkKind.GVPROXY:
            return cls(kind, GVPROXY_MAC, path, free_port())
        return cls(kind, random_mac(), path)

    def command(self) -> list[str]:
        """Of the process beside the VMM; empty without one.

        Raises VmmNotFound, VmmTooOld, and HostLacks where macOS lets nobody but root start it.
        """
        match self.kind:
            case NetworkKind.GVPROXY:
                options = ["-listen-vfkit", f"unixgram://{self.path}", "-ssh-port", str(self.ssh_port)]
                return [str(program("gvproxy").path), *options]
            case NetworkKind.VMNET:
                _check_vmnet()
                return [str(program("vmnet-helper").path), "--socket", str(self.path)]
            case _:
                return []

    def start(self, place: Place) -> tuple[Network, OwnedProcess | None]:
        """The network, and its process, which listens.

        Raises HostLacks as :meth:`command`, MachineDied with what the process complained about.
        """
        match self.kind:
            case NetworkKind.NONE:
                return NoNetwork(), None
            case NetworkKind.NAT:
                return LeasedNetwork(self.mac, leases_file()), None
            case NetworkKind.GVPROXY:
                process = _run("gvproxy", self.command(), lambda _: self.path.exists(), place)
                return ForwardedNetwork(self.ssh_port), process
            case NetworkKind.VMNET:
                # It describes its interface in a line of JSON, once it has one.
                def up(log: Path) -> bool:
                    return self.path.exists() and b"}\n" in log.read_bytes()

                process = _run("vmnet-helper", self.command(), up, place)
                return LeasedNetwork(self.mac, leases_file()), process


def _check_vmnet() -> None:
    release = platform.mac_ver()[0]
    if release and int(release.partition(".")[0]) < _VMNET_WITHOUT_ROOT and not is_root():
        raise HostLacks(
            f"vmnet-helper works for root only before macOS {_VMNET_WITHOUT_ROOT}, and this is macOS {release}",
            fix=f"use --option network=gvproxy, or macOS {_VMNET_WITHOUT_ROOT}",
        )


def _run(name: str, argv: list[str], up: Callable[[Path], bool], place: Place) -> OwnedProcess:
    log = place.logs / f"{name}.log"
    with log.open("wb") as said:
        process = spawn(argv, purpose=f"{place.purpose}: network", stdout=said, stderr=said)
    deadline = time.monotonic() + _UP_TIMEOUT_S
    while not up(log):
        with suppress(TimeoutError):
            process.wait(_LOOK_S)
        if process.exited or time.monotonic() >= deadline:
            raise _refused(process, log, name, place)
    return process


def _refused(process: OwnedProcess, log: Path, name: str, place: Place) -> MachineDied:
    process.end()
    said = log.read_text(errors="replace").splitlines()[-1:]
    return MachineDied(
        f"{place.purpose}: {name} made no network" + (f": {said[0]}" if said else ""),
        fix=f"run it by hand: {' '.join(process.argv)}", argv=process.argv, status=process.poll(), stderr=said,
        console=[], logs=place.logs,
    )  # fmt: skip
