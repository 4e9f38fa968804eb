"""How a guest's console comes out of vfkit, so that every line is stamped when it arrives.

vfkit offers no socket for it. It makes a pseudo-terminal and says where (``/vm/inspect``, and a line of its log); its
log file would have to be polled, and its standard output has the REST server's own log in it.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.channels.console import Console
from harness.errors import ControlLost

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from harness.machines.rest.control import RestControl

_PTY_LINE = re.compile(r"\(pty path: ([^)]+)\)")


@dataclass(frozen=True, slots=True)
class PtyConsole:
    """As :class:`harness.machines.rest.vmm.ConsoleWay`: a vfkit whose logs are in this folder."""

    logs: Path

    def open(self, control: RestControl) -> Console:
        """Behind the pseudo-terminal that vfkit tells; raises ControlError."""
        said = (self.logs / "stderr.log").read_text(errors="replace")
        return pty_console(pty_name(control.inspect(), said), self.logs / "console.log")

    def end(self) -> None:
        """The pseudo-terminal goes with vfkit."""


def pty_name(inspected: dict[str, Any], log: str) -> str:
    """Where vfkit's pseudo-terminal is; raises ControlLost when it says so nowhere."""
    devices = inspected.get("devices")
    for device in devices if isinstance(devices, list) else []:
        if isinstance(device, dict) and device.get("kind") == "virtioserial" and device.get("ptyName"):
            return str(device["ptyName"])
    if found := _PTY_LINE.search(log):
        return found[1]
    raise ControlLost("vfkit has a console and does not say where", fix="use vfkit 0.6.1 or newer")


def pty_console(name: str, log: Path) -> Console:
    """The console behind a pseudo-terminal; raises ControlLost."""
    try:
        fd = os.open(name, os.O_RDWR | getattr(os, "O_NOCTTY", 0))
    except OSError as error:
        raise ControlLost(f"vfkit's console {name} cannot be opened: {error.strerror}") from error
    if sys.platform != "win32":
        import termios  # noqa: PLC0415 - only Unix has it
        import tty  # noqa: PLC0415

        with suppress(termios.error):
            tty.setraw(fd)  # or it would echo to the guest what the guest says
    return Console(fd, log=log)
