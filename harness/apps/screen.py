"""The display that applications show their windows on: a private X server without a screen, or the user's own."""

from __future__ import annotations

import os
import secrets
import select
import shutil
import socket
import struct
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HostLacks, ToolMissing, WindowError
from harness.host.paths import private_directory
from harness.host.processes import spawn
from harness.runtimes import catalogue
from harness.runtimes.model import Way
from harness.runtimes.ways import way_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.archive.fetch import Progress

RUNTIME = "x11"
SIZE = "1280x800x24"
_READY_S = 60
_KEYMAPS = Path("/usr/bin/xkbcomp")
_LOCAL, _WILD = 256, 0xFFFF
"""Families of an authority file's entries: a host by its name, and whatever the address (X11/Xauth.h)."""
_PROTOCOL = b"MIT-MAGIC-COOKIE-1"
_OTHERS = ("WAYLAND_DISPLAY", "WAYLAND_SOCKET")
"""Where applications would rather go: their windows are seen through X11, on a Wayland desktop through its Xwayland."""


@dataclass(frozen=True, slots=True)
class Screen:
    """An X display, by its name, and what a program needs to get there."""

    display: str
    private: bool
    what: str
    """For people: ``Xvfb 1280x800x24``, ``the display :0``."""
    own: Mapping[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        """The harness's own, with this display in place of any other."""
        kept = {key: value for key, value in os.environ.items() if key not in _OTHERS}
        return {**kept, "DISPLAY": self.display, **self.own, **more}


def real_screen() -> Screen:
    """The display of this session; raises HostLacks where there is none."""
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise HostLacks("this session has no X display ($DISPLAY)", fix="leave out --real for a private one")
    return Screen(display, private=False, what=f"the display {display}")


def xvfb_command(progress: Progress | None = None, mirror: str | None = None) -> list[str]:
    """How to run Xvfb: the host's own, else the runtime's, which is installed now if it is not.

    Raises ToolMissing where there is neither, and what installing raises.
    """
    own = shutil.which("Xvfb")
    if own:
        return [own]
    if not catalogue.possible_here():
        raise ToolMissing(
            "windows are seen through X11, and this host has no X server without a screen",
            fix="run this on Linux, or on a host with Xvfb",
        )
    runtime = catalogue.ensure(RUNTIME, progress=progress, mirror=mirror)
    way = way_for(runtime)
    if way is not Way.BWRAP and not _KEYMAPS.is_file():  # which no option of Xvfb's names
        raise ToolMissing(
            f"the runtime's Xvfb needs {_KEYMAPS}, which it has where user namespaces are allowed",
            fix="install an Xvfb (Debian: apt install xvfb), or allow them",
        )
    return runtime.command(["Xvfb"], way)


@contextmanager
def private_screen(xvfb: list[str]) -> Iterator[Screen]:
    """An X server of the harness's own, to which nobody else has the key; raises WindowError, ToolMissing."""
    with private_directory() as folder:
        authority = folder / "authority"
        cookie = secrets.token_bytes(16)
        authority.touch(mode=0o600)
        authority.write_bytes(_entry(_WILD, b"", b"", cookie))
        told, tells = os.pipe()
        try:
            argv = [
                *xvfb,
                "-displayfd",
                str(tells),
                "-screen",
                "0",
                SIZE,
                "-nolisten",
                "tcp",
                "-auth",
                str(authority),
            ]
            with (folder / "stderr.log").open("w+b") as stderr:
                server = spawn(argv, purpose="X server", stderr=stderr, pass_fds=[tells])
            os.close(tells)
            tells = -1
            try:
                number = _read_number(told, folder / "stderr.log")
                with authority.open("ab") as file:  # some clients look for nothing but this host and display
                    file.write(_entry(_LOCAL, socket.gethostname().encode(), b"%d" % number, cookie))
                own = {"XAUTHORITY": str(authority)}
                yield Screen(f":{number}", private=True, what=f"Xvfb {SIZE}", own=own)
            finally:
                with suppress(TimeoutError):
                    server.end()
        finally:
            os.close(told)
            if tells >= 0:
                os.close(tells)


def _read_number(told: int, log: Path) -> int:
    """The display's number, which the server tells once it takes clients."""
    said = b""
    while not said.endswith(b"\n"):
        ready, _, _ = select.select([told], [], [], _READY_S)
        more = os.read(told, 16) if ready else b""
        if not more:
            complaint = log.read_text(errors="replace").strip()[-300:]
            raise WindowError(f"Xvfb did not start: {complaint or 'it said nothing'}", fix="run it by hand")
        said += more
    return int(said)


def _entry(family: int, address: bytes, number: bytes, cookie: bytes) -> bytes:
    """An entry of an authority file (libXau: AuWrite.c): family, then address, number, name and data with lengths."""
    parts = (address, number, _PROTOCOL, cookie)
    return struct.pack(">H", family) + b"".join(struct.pack(">H", len(part)) + part for part in parts)
