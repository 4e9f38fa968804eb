"""The two ends of a network, on which the same programs run: a guest, and the host or a network namespace of it."""

from __future__ import annotations

import shlex
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.errors import ChannelClosed, ChannelError, MeasurementError
from harness.guests.toolchain import guest_target, host_target
from harness.guests.workloads import workload
from harness.host.processes import PIPE, spawn
from harness.runtimes.programs import host_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from harness.channels.ssh import Completed
    from harness.machines.model import Machine
    from harness.machines.native import NativeRunner
    from harness.machines.network import Network

RUNTIME = "network"
"""Of iperf3 for the host, and of passt."""
PATIENCE_S = 300
"""For a program's start: a guest may be emulated on a host with other things to do."""
_PROGRAM = "/tmp/vb-transport"  # noqa: S108 - in a guest of ours, alone with itself
_CONFIGURE = """\
for address in /sys/class/net/*/address; do
    read -r mac < $address
    [ $mac = {mac} ] || continue
    card=${{address#/sys/class/net/}} card=${{card%/address}}
    ip link set $card mtu {mtu} && ip address add {address} dev $card && ip link set $card up && echo yes
done"""
_SERVE = """\
{command} > {log} 2>&1 < /dev/null &
until grep -q {says} {log}; do kill -0 $! 2> /dev/null || {{ cat {log} >&2; exit 1; }}; sleep 0.05; done
echo $!"""


class End(Protocol):
    """Runs iperf3 and vb-transport: to their ends, or in the background."""

    @property
    def iperf3(self) -> tuple[str, ...]:
        """The beginning of its command line."""
        ...

    @property
    def transport(self) -> tuple[str, ...]:
        """That of vb-transport."""
        ...

    def run(self, argv: Sequence[str], *, timeout_s: float, check: bool = True) -> Completed:
        """As :meth:`harness.machines.runner.Runner.run`."""
        ...

    def serving(self, argv: Sequence[str], says: str) -> AbstractContextManager[None]:
        """A program that runs until the block ends, from when it has said the word ``says``."""
        ...


@dataclass(frozen=True, slots=True)
class HostEnd:
    """The host; ``within`` is what runs a program in a network namespace of its own."""

    iperf3: tuple[str, ...]
    transport: tuple[str, ...]
    runner: NativeRunner
    within: tuple[str, ...] = ()

    @classmethod
    def prepare(cls, runner: NativeRunner, *, iperf3: bool = True) -> HostEnd:
        """Raises ToolMissing where there is no ``iperf3``, and what compiling raises."""
        program = str(workload("transport", host_target()))
        return cls(tuple(host_program("iperf3", RUNTIME)) if iperf3 else (), (program,), runner)

    def run(self, argv: Sequence[str], *, timeout_s: float, check: bool = True) -> Completed:
        """As :meth:`End.run`."""
        return self.runner.run([*self.within, *argv], timeout_s=timeout_s, check=check)

    @contextmanager
    def serving(self, argv: Sequence[str], says: str) -> Iterator[None]:
        """As :meth:`End.serving`."""
        process = spawn([*self.within, *argv], purpose=f"native {argv[0]}", stdout=PIPE)
        try:
            if process.stdout is None:
                raise AssertionError("a process without its pipe")
            if not any(says in line.decode(errors="replace") for line in process.stdout):
                raise ChannelClosed(f"{argv[0]} ended before it was {says}")
            yield
        finally:
            process.kill()
            with suppress(TimeoutError):
                process.wait(10)
            if process.stdout:
                process.stdout.close()


@dataclass(frozen=True, slots=True)
class GuestEnd:
    """A guest that runs, reached by SSH."""

    machine: Machine
    iperf3: tuple[str, ...] = ("iperf3",)
    transport: tuple[str, ...] = (_PROGRAM,)

    @classmethod
    def prepare(cls, machine: Machine) -> GuestEnd:
        """Put vb-transport there, and give its cards their addresses. Raises ChannelError, MeasurementError."""
        program = workload("transport", guest_target(machine.spec.guest.arch))
        machine.ssh.put(program, _PROGRAM, timeout_s=PATIENCE_S)
        for network in machine.spec.networks:
            configure(machine, network)
        return cls(machine)

    def run(self, argv: Sequence[str], *, timeout_s: float, check: bool = True) -> Completed:
        """As :meth:`End.run`."""
        return self.machine.ssh.run(list(argv), timeout_s=timeout_s, check=check)

    @contextmanager
    def serving(self, argv: Sequence[str], says: str) -> Iterator[None]:
        """As :meth:`End.serving`."""
        log = f"/run/serving-{time.monotonic_ns()}"
        command = _SERVE.format(command=shlex.join(argv), log=log, says=says)
        pid = int(self.machine.ssh.run(command, timeout_s=PATIENCE_S).number())
        try:
            yield
        finally:
            with suppress(ChannelError):  # a guest that does not answer any more serves nobody
                self.machine.ssh.run(f"kill {pid} 2> /dev/null; rm {log}", timeout_s=PATIENCE_S)


def configure(machine: Machine, network: Network) -> None:
    """Give the guest's card its address; raises MeasurementError when the guest has no driver for it."""
    said = machine.ssh.run(
        _CONFIGURE.format(mac=network.mac, mtu=network.mtu, address=network.interface), timeout_s=PATIENCE_S
    )
    if said.text().split() != ["yes"]:
        raise MeasurementError(f"the guest of {machine.name} does not see its card {network.mac}")
