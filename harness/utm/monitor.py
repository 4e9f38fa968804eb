"""Where a running QEMU takes QMP commands, read from its command line.

UTM keeps the monitor that it adds itself for itself (a SPICE port); one for others is an additional argument, such as
``-qmp unix:NAME.qmp,server=on,wait=off``: a name without a folder lies in UTM's group container, where its sandbox lets
QEMU write.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ControlLost, InvalidConfiguration
from harness.host.paths import SOCKADDR_UN_MAX
from harness.host.unix_sockets import unix_socket

if TYPE_CHECKING:
    from harness.utm.running import Running


def argument(uuid: str) -> str:
    """What to add to a machine so that others than UTM can speak QMP to it.

    Short: in the group container of a user with a long name it must still be a socket's path.
    """
    return f"-qmp unix:vb-{uuid[:8]}.qmp,server=on,wait=off"


@dataclass(frozen=True, slots=True)
class QmpAddress:
    """A Unix socket, or a port."""

    path: Path | None = None
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"tcp:{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str, folder: Path = Path()) -> QmpAddress:
        """``unix:PATH`` or ``tcp:HOST:PORT``, as QEMU's ``-qmp`` has it; raises InvalidConfiguration."""
        kind, _, rest = text.partition(":")
        place = rest.split(",", 1)[0]
        host, _, port = place.rpartition(":")
        if kind == "unix" and place:
            return cls(path=folder / place)
        if kind == "tcp" and port.isdecimal() and 0 < int(port) < 65536:
            return cls(host=host or "127.0.0.1", port=int(port))
        raise InvalidConfiguration(f"{text!r} is no address of QMP", fix="unix:PATH or tcp:HOST:PORT")

    def connect(self, timeout_s: float = 5) -> socket.socket:
        """A connected socket; raises ControlLost."""
        try:
            if self.path is None:
                return socket.create_connection((self.host, self.port), timeout=timeout_s)
            if len(os.fsencode(self.path)) > SOCKADDR_UN_MAX:
                raise InvalidConfiguration(
                    f"{self.path} is too long for a socket: {SOCKADDR_UN_MAX} bytes at most",
                    fix="give the monitor a shorter name",
                )
            sock = unix_socket()
            sock.settimeout(timeout_s)
            try:
                sock.connect(str(self.path))
            except BaseException:
                sock.close()
                raise
            return sock
        except OSError as error:
            raise ControlLost(
                f"no QEMU takes commands at {self}: {error.strerror or error}",
                fix="start the machine, with that address on its command line",
            ) from error


def qmp_address(qemu: Running) -> QmpAddress | None:
    """The first monitor that anybody may connect to; None when there is none."""
    for value in qemu.values("-qmp") + qemu.values("-qmp-pretty"):
        if value.startswith(("unix:", "tcp:")):
            return QmpAddress.parse(value, qemu.folder)
    chardevs = {settings.get("id", ""): settings for settings in map(_settings, qemu.values("-chardev"))}
    for monitor in map(_settings, qemu.values("-mon")):
        backend = chardevs.get(monitor.get("chardev", monitor.get("", "")), {})
        if (
            monitor.get("mode") != "control"
            or backend.get("") != "socket"
            or backend.get("server", "off") == "off"
        ):
            continue
        if "path" in backend:
            return QmpAddress(path=qemu.folder / backend["path"])
        if backend.get("port", "").isdecimal():
            return QmpAddress(host=backend.get("host", "127.0.0.1"), port=int(backend["port"]))
    return None


def _settings(value: str) -> dict[str, str]:
    """``socket,id=x,server`` → {"": "socket", "id": "x", "server": "on"}."""
    first, *rest = value.split(",")
    found = dict([first.split("=", 1)]) if "=" in first else {"": first}
    for part in rest:
        key, sign, setting = part.partition("=")
        found[key] = setting if sign else "on"
    return found
