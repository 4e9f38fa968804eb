"""passt: user-mode networking in a process of its own, which takes a VMM's frames from a socket.

It is told every address, so that it needs none of the host's, and runs where the host has no network at all: the guest
finds the host's loopback at the network's address 2, and ports of the loopback lead to the guest.
"""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from harness.errors import HostLacks
from harness.host.loopback import free_port
from harness.host.paths import private_directory
from harness.host.processes import spawn
from harness.machines.ends import PATIENCE_S, RUNTIME
from harness.machines.network import PREFIX, Network, SocketPair
from harness.runtimes.programs import host_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.host.processes import OwnedProcess

MTU = 65520
"""What passt offers by DHCP: its frames need not be those of a wire."""
_LOOK_AGAIN_S = 0.05


@contextmanager
def passt_network(address: str, ports: tuple[int, ...]) -> Iterator[tuple[Network, Mapping[int, int]]]:
    """The network whose other end is a passt that runs, and for each port of the guest the host's that leads to it.

    Raises ToolMissing, and HostLacks where passt does not run.
    """
    program = host_program("passt", RUNTIME)
    theirs, ours = socket.socketpair()
    with theirs, private_directory() as folder:
        with ours:
            network = Network(SocketPair(theirs.fileno(), peer="passt"), address, MTU)
            forwards = {port: free_port() for port in ports}
            argv = [*program, *_options(network, forwards, ours.fileno(), folder / "pid")]
            with (folder / "stderr.log").open("wb") as stderr:
                process = spawn(argv, purpose="passt", stderr=stderr, pass_fds=[ours.fileno()])
        try:
            _await(process, folder / "pid", folder / "stderr.log")
            yield network, forwards
        finally:
            process.kill()
            with suppress(TimeoutError):
                process.wait(10)


def _options(network: Network, forwards: Mapping[int, int], fd: int, pid: Path) -> list[str]:
    host = str(network.host)
    lead = [f"--tcp-ports=127.0.0.1/{here}:{there}" for there, here in forwards.items()]
    return [
        "--foreground", "--quiet", "--ipv4-only", f"--fd={fd}", f"--pid={pid}",
        f"--address={network.address}", f"--netmask={PREFIX}", f"--gateway={host}", f"--map-host-loopback={host}",
        f"--mtu={network.mtu}", "--dns=none", "--udp-ports=none", *lead,
    ]  # fmt: skip


def _await(process: OwnedProcess, pid: Path, log: Path) -> None:
    """Until its ports listen: then it writes its process number."""
    deadline = time.monotonic() + PATIENCE_S
    while not (pid.is_file() and pid.stat().st_size):
        if process.exited is not None or time.monotonic() > deadline:
            said = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise HostLacks(
                f"passt does not run here: {said[0] if said else 'it said nothing'}",
                fix=f"run it by hand: {' '.join(process.argv)}",
            )
        time.sleep(_LOOK_AGAIN_S)
