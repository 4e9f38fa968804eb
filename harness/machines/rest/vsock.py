"""The vsock of a VMM that is told its ports when it starts, each as a Unix socket of the host."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.channels.vsock import CONNECT_TIMEOUT_S, GUEST_PORT, UnixVsock
from harness.errors import InvalidConfiguration, PortRefused
from harness.host.unix_sockets import unix_socket
from harness.hxfr.messages import VSOCK_PORT
from harness.machines.rest.devices import VsockPort
from harness.machines.rest.words import vsock_port

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from harness.channels.vsock import UnixListener
    from harness.host.processes import OwnedProcess
    from harness.machines.model import MachineSpec

_SOCKET = "vsock"


@dataclass(frozen=True, slots=True)
class Ports:
    """Which ports a machine has."""

    guest: tuple[int, ...] = (GUEST_PORT,)
    """Those of the guest, to connect to."""
    host: tuple[int, ...] = (VSOCK_PORT,)
    """Those of the host, to listen on."""

    def devices(self, private: Path) -> tuple[VsockPort, ...]:
        """Their sockets are in the machine's folder, and named as :class:`~harness.channels.vsock.UnixVsock` has it."""
        return (
            *(VsockPort(port, _guest_socket(private, port), listen=False) for port in self.guest),
            *(VsockPort(port, private / f"{_SOCKET}_{port}") for port in self.host),
        )

    def __str__(self) -> str:
        return ",".join(
            [*(f"connect:{port}" for port in self.guest), *(f"listen:{port}" for port in self.host)]
        )


class PortVsock:
    """The vsock of one machine, which has ``ports``; the proxy between socket and guest is the VMM."""

    def __init__(self, ports: Ports, private: Path, vmm: OwnedProcess, log: Path) -> None:
        self._ports = ports
        self._private = private
        self._unix = UnixVsock(private / _SOCKET, vmm, log)

    def connect(self, port: int, timeout_s: float = CONNECT_TIMEOUT_S) -> socket.socket:
        """As :meth:`harness.channels.vsock.Vsock.connect`, but the VMM takes every connection itself: one that its
        guest refuses ends at once, without a byte."""
        _check(port, self._ports.guest, "connect")
        stream = unix_socket()
        stream.settimeout(timeout_s)
        try:
            stream.connect(os.fspath(_guest_socket(self._private, port)))
        except OSError as error:
            stream.close()
            raise self._unix.lost() or PortRefused(f"vsock port {port}: {error.strerror or error}") from error
        stream.settimeout(None)
        return stream

    def listen(self, port: int) -> UnixListener:
        """As :meth:`harness.channels.vsock.Vsock.listen`."""
        _check(port, self._ports.host, "listen")
        return self._unix.listen(port)


def ports(spec: MachineSpec) -> Ports | None:
    """Those that the harness uses, and those of the option ``vsock``; None without MachineSpec.vsock.

    Raises InvalidConfiguration.
    """
    words = [word for word in spec.extra.get("vsock", "").split(",") if word]
    if not spec.vsock and not words:
        return None
    guest, host = list(Ports().guest), list(Ports().host)
    for word in words:
        way, _, number = word.partition(":")
        if way not in {"connect", "listen"} or not number.isdecimal():
            raise InvalidConfiguration(
                f"a vsock port of {word!r}", fix="write it as connect:PORT, or as listen:PORT"
            )
        (guest if way == "connect" else host).append(vsock_port(int(number)))
    return Ports(tuple(dict.fromkeys(guest)), tuple(dict.fromkeys(host)))


def _guest_socket(private: Path, port: int) -> Path:
    return private / f"{_SOCKET}-to_{port}"


def _check(port: int, known: tuple[int, ...], way: str) -> None:
    if port not in known:
        raise InvalidConfiguration(
            f"vsock port {port} was not opened when the machine started",
            fix=f"start it with the option vsock={way}:{port}", port=port,
        )  # fmt: skip
