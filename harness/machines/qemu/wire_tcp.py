"""Wires over 127.0.0.1, where a process inherits no sockets (Windows): QEMU connects to ports that we opened before.

A port of the loopback is open to every program of the host, so whoever connects is asked for: the operating system
knows which process holds the other end of a loopback connection, and any but the QEMU that we started is hung up on
before anything it says is read. A secret could not do that: QEMU's chardevs have nowhere to say one.
"""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Self, TypeVar

from harness.errors import ControlTimeout
from harness.machines.qemu.devices import Connecting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.host.processes import OwnedProcess
    from harness.machines.qemu.wires import Channel

T = TypeVar("T")

LOOPBACK = "127.0.0.1"
CONNECT_TIMEOUT_S = 30.0
"""QEMU connects within 0.1 s, before it greets; a busy host may keep it from running at all."""
_AT_ONCE = 16
"""Connections that wait to be looked at: strangers must not keep QEMU's out."""
_KILL_TIMEOUT_S = 10
_NEEDED_AT_ONCE = ("psutil", "qemu.qmp")
"""What arrives must not wait for an import: here the readers begin only once QEMU has connected."""


@dataclass(frozen=True, slots=True)
class TcpWires:
    """A listener for each channel; each takes one connection, and is closed then."""

    listeners: Mapping[Channel, socket.socket]

    @classmethod
    def lay(cls, channels: Sequence[Channel]) -> Self:
        """As :meth:`Wires.lay <harness.machines.qemu.wires.Wires.lay>`."""
        return cls({channel: socket.create_server((LOOPBACK, 0), backlog=_AT_ONCE) for channel in channels})

    def chardev(self, channel: Channel) -> Connecting:
        """The port that QEMU connects to."""
        return Connecting(LOOPBACK, self.listeners[channel].getsockname()[1])

    def start(
        self,
        spawn: Callable[[Sequence[int]], OwnedProcess],
        read: Callable[[Mapping[Channel, socket.socket]], T],
    ) -> tuple[OwnedProcess, T]:
        """QEMU connects while it starts, long before its guest runs. Raises ControlTimeout."""
        for module in _NEEDED_AT_ONCE:
            import_module(module)
        process = spawn(())
        try:
            return process, read(self._connections(process))
        except BaseException:  # Ctrl-C included
            process.kill()
            with suppress(TimeoutError):
                process.wait(_KILL_TIMEOUT_S)
            raise

    def close(self) -> None:
        """Every listener."""
        for listener in self.listeners.values():
            listener.close()

    def _connections(self, process: OwnedProcess) -> dict[Channel, socket.socket]:
        found: dict[Channel, socket.socket] = {}
        ended, at_its_end = socket.socketpair()
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        with ended, selectors.DefaultSelector() as selector:
            process.on_exit(lambda _: at_its_end.close())
            gone = selector.register(ended, selectors.EVENT_READ)
            for channel, listener in self.listeners.items():
                listener.settimeout(0)  # who connected may have gone again when it is asked for
                selector.register(listener, selectors.EVENT_READ, channel)
            try:
                while len(found) < len(self.listeners):
                    ready = [key for key, _ in selector.select(max(0.0, deadline - time.monotonic()))]
                    for key in ready:
                        if key is not gone and (connection := _accept(self.listeners[key.data], process)):
                            found[key.data] = connection
                            selector.unregister(key.fileobj)
                            self.listeners[key.data].close()
                    if gone in ready:
                        return {channel: found.get(channel) or _at_its_end() for channel in self.listeners}
                    if not ready:
                        raise self._late(found)
            except BaseException:
                for connection in found.values():
                    connection.close()
                raise
        return found

    def _late(self, found: Mapping[Channel, socket.socket]) -> ControlTimeout:
        missing = ", ".join(channel for channel in self.listeners if channel not in found)
        return ControlTimeout(
            f"QEMU did not connect its {missing} to {LOOPBACK} within {CONNECT_TIMEOUT_S:g} s",
            fix="see whether a firewall keeps programs from the loopback, or whether the host is overloaded",
        )


def _accept(listener: socket.socket, process: OwnedProcess) -> socket.socket | None:
    """The next connection, when it is the process's."""
    try:
        connection, peer = listener.accept()
    except (BlockingIOError, ConnectionError):
        return None
    if not _is_from(peer, process.pid):
        connection.close()
        return None
    connection.settimeout(None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _is_from(peer: tuple[str, int], pid: int) -> bool:
    import psutil  # noqa: PLC0415 - only where there are such wires

    try:
        return any(each.laddr == peer for each in psutil.Process(pid).net_connections("tcp4"))
    except psutil.Error:  # it has ended, or is another user's: not the one that we started
        return False


def _at_its_end() -> socket.socket:
    """A channel whose far side is gone."""
    ours, theirs = socket.socketpair()
    theirs.close()
    return ours
