"""A virtio-serial port of a guest, plugged into a running QEMU: a byte stream that the guest finds by its name.

In a Linux guest it is /dev/virtio-ports/NAME, or the /dev/vport* whose /sys/class/virtio-ports/*/name says so. QEMU
listens for us on a unix socket, so that a stream that has lost its place can be closed (the guest sees its port closed)
and begun again. QEMU tells over QMP who opens and closes the port in the guest, at most once a second.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

from harness.errors import ChannelClosed, ControlError, ControlRefused, InvalidConfiguration
from harness.host.paths import private_directory
from harness.host.unix_sockets import unix_socket

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from harness.channels.qmp import Qmp
    from harness.channels.qmp_events import Event

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_BUS = "ports.0"
"""Of the machine's virtio-serial device (harness/machines/qemu/command.py)."""


class VirtioSerial:
    """One port, until it is closed. ``on_change`` is called, in QMP's thread, when the guest's end changed hands.

    Its argument: whether the guest has the port open now.
    """

    def __init__(self, qmp: Qmp, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise InvalidConfiguration(
                f"a virtio-serial port cannot be called {name!r}",
                fix="letters, digits, dots, hyphens and underscores, such as org.visorbench.frames",
            )
        self.name = name
        self.on_change: Callable[[bool], None] = lambda _: None
        self._qmp = qmp
        self._id = f"port-{name}"
        self._open = False
        self._undo = ExitStack()
        try:
            self._path = self._undo.enter_context(private_directory()) / "port"
            self._plug()
        except BaseException:
            self._undo.close()
            raise
        qmp.on_event(self._heard)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def connect(self) -> socket.socket:
        """The host's end, of which there is one at a time; raises ChannelClosed when QEMU is not there any more."""
        stream = unix_socket()
        try:
            stream.connect(os.fspath(self._path))
        except OSError as error:
            stream.close()
            raise ChannelClosed(f"the virtio-serial port {self.name} is gone: {error.strerror}") from error
        return stream

    def close(self) -> None:
        """Unplug it; fine for a QEMU that has ended."""
        with suppress(ControlError):
            self._qmp.execute("device_del", {"id": self._id})
        self._undo.close()

    def _plug(self) -> None:
        listening = {"type": "unix", "data": {"path": str(self._path)}}
        backend = {"type": "socket", "data": {"addr": listening, "server": True, "wait": False}}
        device = {"driver": "virtserialport", "id": self._id, "bus": _BUS, "chardev": self._id}
        try:
            self._qmp.execute("chardev-add", {"id": self._id, "backend": backend})
            self._undo.callback(self._remove_chardev)
            self._qmp.execute("device_add", {**device, "name": self.name})
        except ControlRefused as error:
            raise InvalidConfiguration(
                f"the machine takes no virtio-serial port {self.name}: {error.desc}",
                fix="boot a guest with a ready port (tiny, gpu), and name each port differently",
            ) from error

    def _remove_chardev(self) -> None:
        with suppress(ControlError):  # QEMU is gone, or the guest has not let go of the device yet
            self._qmp.execute("chardev-remove", {"id": self._id})

    def _heard(self, event: Event) -> None:
        if event.name == "VSERPORT_CHANGE" and event.data.get("id") == self._id:
            before, self._open = self._open, bool(event.data["open"])
            if before:  # closed, or closed and opened again faster than QEMU tells
                self.on_change(self._open)
