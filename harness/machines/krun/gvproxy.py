"""A network for a krunkit: gvproxy, a process beside it, which also leads a port of the host to the guest's SSH.

gvproxy (gvisor-tap-vsock) is a user-mode network as QEMU's is. It gives one address, 192.168.127.2, to the one MAC that
it was written with, and forwards ``-ssh-port`` of 127.0.0.1 to that address's port 22.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import MachineDied
from harness.host.processes import OwnedProcess, spawn
from harness.host.vmm_programs import program

if TYPE_CHECKING:
    from pathlib import Path

    from harness.machines.rest.vmm import Place

MAC = "5a:94:ef:e4:0c:ee"
"""The one with a static lease (cmd/gvproxy/main.go)."""
_LOOPBACK = "127.0.0.1"
_UP_TIMEOUT_S = 30
_LOOK_S = 0.005


@dataclass(frozen=True, slots=True)
class GvproxyNetwork:
    """As :class:`harness.machines.rest.network.Network`: a running gvproxy."""

    process: OwnedProcess
    ssh_port: int

    def address(self) -> tuple[str, int]:
        """The forwarded port; that nobody answers there yet is for who connects to find."""
        return _LOOPBACK, self.ssh_port


def start(path: Path, place: Place) -> GvproxyNetwork:
    """A gvproxy that listens on ``path``. Raises VmmNotFound, MachineDied with what it complained about."""
    log, port = place.logs / "gvproxy.log", _free_port()
    argv = [str(program("gvproxy").path), "-listen-vfkit", f"unixgram://{path}", "-ssh-port", str(port)]
    with log.open("wb") as said:
        process = spawn(argv, purpose=f"{place.purpose}: network", stdout=said, stderr=said)
    deadline = time.monotonic() + _UP_TIMEOUT_S
    while not path.exists():
        with suppress(TimeoutError):
            process.wait(_LOOK_S)
        if process.exited or time.monotonic() >= deadline:
            raise _refused(process, log, place)
    return GvproxyNetwork(process, port)


def _refused(process: OwnedProcess, log: Path, place: Place) -> MachineDied:
    process.end()
    said = log.read_text(errors="replace").splitlines()[-1:]
    return MachineDied(
        f"{place.purpose}: gvproxy made no socket" + (f": {said[0]}" if said else ""),
        fix=f"run it by hand: {' '.join(process.argv)}", argv=process.argv, status=process.poll(), stderr=said,
        console=[], logs=place.logs,
    )  # fmt: skip


def _free_port() -> int:
    """A port that nobody has now; where another is faster, gvproxy says so."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port
