"""The network scenario's other half: what a restricted network keeps a guest from, and what it lets in."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import WrongAnswer
from harness.host.loopback import free_port
from harness.host.nameserver import ask, nameserver
from harness.machines.ends import PATIENCE_S, GuestEnd, HostEnd
from harness.machines.lanes import PING_PORT, REQUEST
from harness.machines.media import ANY, LOOPBACK, forwarded_port
from harness.machines.network import Network, UserMode
from harness.machines.reach import NAME, check_restricted, reach
from harness.machines.transports import ask as exchange
from harness.machines.transports import connected_tcp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.machines.model import Machine
    from harness.machines.native import NativeRunner
    from harness.plugin.measure import Measure


CONNECTIONS = 5
"""Of a round, to each forwarded port."""


class Forwarded(NamedTuple):
    """A port of the host's loopback, and whose samples its answers are."""

    port: int
    measure: Measure


def user_networks() -> tuple[Network, Network]:
    """An open one and a restricted one, with the same forwarded port."""
    return (
        Network(UserMode(forwards=(PING_PORT,)), "10.0.3.15"),
        Network(UserMode(restrict=True, forwards=(PING_PORT,)), "10.0.4.15"),
    )


def check_isolation(machine: Machine, measure: Measure) -> None:
    """What the guest reaches through its open network, and not through the restricted one; what the host's nameserver
    says, the guest's says too. Raises IsolationBroken, WrongAnswer, MeasurementError."""
    free, restricted = machine.spec.networks
    server = nameserver()
    expected = ask(server, NAME) if server else None
    reached = reach(machine.ssh, free, resolves=expected is not None)
    check_restricted(machine.ssh, restricted)
    if expected is None:
        measure.leave_out(
            code="no-nameserver", reason="the host's nameserver does not answer, so no guest's can",
            fix="name one that does in /etc/resolv.conf",
        )  # fmt: skip
    elif reached.answer != expected:
        raise WrongAnswer(
            f"the host's nameserver says {expected} of {NAME}, and the guest's {reached.answer}"
        )


@contextmanager
def forwards(machine: Machine, native: NativeRunner, measure: Measure) -> Iterator[dict[str, Forwarded]]:
    """Ports that lead to somebody who answers: in the guest, through each network, and on the host itself."""
    guest, host = GuestEnd.prepare(machine), HostEnd.prepare(native, iperf3=False)
    port = free_port()
    serve = "serve", f"tcp:{LOOPBACK}:{port}"
    with (
        host.serving([*host.transport, *serve], "listening"),
        guest.serving([*guest.transport, "serve", f"tcp:{ANY}:{PING_PORT}"], "listening"),
    ):
        baseline = measure.variant("loopback", native=True)
        found = {"loopback": Forwarded(port, baseline)}
        for network in machine.spec.networks:
            name = network.carrier.name
            port = forwarded_port(machine, network, PING_PORT)
            found[name] = Forwarded(port, measure.variant(name, against=baseline))
        yield found


def answers_of(forwarded: Forwarded) -> None:
    """A few connections, one after the other, and an answer through each."""
    forwarded.measure.record_all(
        "first-answer", [_first_answer(forwarded.port) for _ in range(CONNECTIONS)], unit="s", better="lower",
        definition="from connecting to a forwarded port to the last byte of an answer of 12",
    )  # fmt: skip


def _first_answer(port: int) -> float:
    started = time.perf_counter()
    with connected_tcp(port) as stream:
        stream.settimeout(PATIENCE_S)
        exchange(stream, REQUEST, REQUEST)
        return time.perf_counter() - started
