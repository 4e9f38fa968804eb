"""Where an HXFR server is, or listens: ``unix:PATH``, ``tcp:HOST:PORT``, and for a machine's guest vsock or a port."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import DisplayLost, InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    import click

    from harness.hxfr.client import HxfrClient
    from harness.hxfr.server import HxfrServer
    from harness.machines.qemu.machine import QemuMachine

TCP = "tcp:127.0.0.1:15937"
"""The protocol's port."""


class Kind(StrEnum):
    """How clients come."""

    UNIX = "unix"
    TCP = "tcp"
    VSOCK = "vsock"
    VIRTIO_SERIAL = "virtio-serial"


@dataclass(frozen=True, slots=True)
class Address:
    """``where``: a path, HOST:PORT, a vsock port of the host, or a virtio-serial port's name."""

    kind: Kind
    where: str

    @classmethod
    def parsed(cls, text: str) -> Address:
        """Raises InvalidConfiguration."""
        kind, _, where = text.partition(":")
        host, _, port = where.rpartition(":")
        good = {
            Kind.UNIX: bool(where),
            Kind.TCP: bool(host) and port.isdecimal() and int(port) < 1 << 16,
            Kind.VSOCK: where.isdecimal() and 0 < int(where) < 1 << 32,
            Kind.VIRTIO_SERIAL: bool(where),
        }
        if kind not in good or not good[Kind(kind)]:
            raise InvalidConfiguration(
                f"{text!r} is no address",
                fix=f"such as {TCP}, unix:/run/me/frames.sock; to listen for a guest, vsock:5000 or virtio-serial:NAME",
            )
        return cls(Kind(kind), where)

    def __str__(self) -> str:
        return f"{self.kind}:{self.where}"

    @property
    def in_guest(self) -> bool:
        """Whether its clients are in the machine."""
        return self.kind in (Kind.VSOCK, Kind.VIRTIO_SERIAL)

    @property
    def tcp(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.where.rpartition(":")
        return host, int(port)


def parsed(ctx: click.Context, param: click.Parameter, text: str) -> Address:  # noqa: ARG001 - click's callback
    """An option's value."""
    return Address.parsed(text)


def all_parsed(ctx: click.Context, param: click.Parameter, texts: Sequence[str]) -> tuple[Address, ...]:  # noqa: ARG001
    """The values of an option that may be given more than once."""
    return tuple(map(Address.parsed, texts))


def listen_on_host(server: HxfrServer, addresses: Sequence[Address]) -> None:
    """Those that need no machine; raises InvalidConfiguration."""
    for address in addresses:
        if address.kind is Kind.UNIX:
            server.listen_unix(Path(address.where))
        elif address.kind is Kind.TCP:
            host, port = address.tcp
            server.listen_tcp(port, host)


def listen_in_guest(
    server: HxfrServer, addresses: Sequence[Address], machine: QemuMachine, undo: ExitStack
) -> None:
    """Those of a machine that runs, until ``undo``; raises InvalidConfiguration, ControlError."""
    from harness.channels.virtio_serial import VirtioSerial  # noqa: PLC0415

    for address in addresses:
        if address.kind is Kind.VSOCK:
            server.listen_vsock(machine.vsock.listen(int(address.where)))
        elif address.kind is Kind.VIRTIO_SERIAL:
            server.serve_port(undo.enter_context(VirtioSerial(machine.control.qmp, address.where)))


def connected(address: Address) -> HxfrClient:
    """A client of a server on this host; raises DisplayLost, InvalidConfiguration."""
    from harness.host.unix_sockets import unix_socket  # noqa: PLC0415
    from harness.hxfr.client import HxfrClient  # noqa: PLC0415

    if address.in_guest:
        raise InvalidConfiguration(
            f"{address} is for clients in a guest", fix="let the server listen on tcp: or unix: too"
        )
    try:
        if address.kind is Kind.UNIX:
            sock = unix_socket()
            sock.connect(address.where)
        else:
            sock = socket.create_connection(address.tcp, timeout=10)
    except OSError as error:
        raise DisplayLost(
            f"no HXFR server answers at {address} ({error.strerror or error})",
            fix="start one: visorbench frames serve",
        ) from None
    return HxfrClient(sock)
