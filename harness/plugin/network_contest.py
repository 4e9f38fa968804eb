"""The network scenario's parts: every network that a guest can have here, in turns with the host's loopback."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import HostLacks
from harness.machines.ends import GuestEnd, HostEnd
from harness.machines.media import MEDIA, host_lane
from harness.plugin.skips import skip_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.config.model import Profile
    from harness.machines.lanes import Lane
    from harness.machines.media import Medium
    from harness.machines.native import NativeRunner
    from harness.plugin.fixtures import MachineFactory
    from harness.plugin.measure import Measure

BOOT_TIMEOUT_S = 300
BANDWIDTH = "bytes that one TCP stream of iperf3 brought ÷ the seconds that its receiver counted"
ROUND_TRIP = "from a request of 12 bytes, and its head of 8, to the last byte of an answer of 12, on an open connection"


class Entrant(NamedTuple):
    """A direction of a network, and whose samples its numbers are."""

    lane: Lane
    measure: Measure


@contextmanager
def entrants(
    machine_factory: MachineFactory, native: NativeRunner, measure: Measure
) -> Iterator[list[Entrant]]:
    """The host's loopback, and every lane of two machines on every network that this host has; the others are left out
    by name. A host without iperf3 is a named skip."""
    try:
        host = HostEnd.prepare(native)
    except HostLacks as error:
        skip_scenario("no-iperf3", error.message, error.fix or "")
    with ExitStack() as stack:
        media = list(_media(stack, measure))
        one = stack.enter_context(machine_factory(networks=[medium.cards[0] for medium in media]))
        peers = [medium.cards[1] for medium in media if len(medium.cards) > 1]
        peer = stack.enter_context(machine_factory(networks=peers))
        one.boot(timeout_s=BOOT_TIMEOUT_S)
        peer.boot(timeout_s=BOOT_TIMEOUT_S)
        ends = GuestEnd.prepare(one), GuestEnd.prepare(peer), host
        baseline = measure.variant("loopback", native=True)
        yield [
            Entrant(host_lane(host), baseline),
            *(
                Entrant(lane, measure.variant(lane.name, against=baseline))
                for medium in media
                for lane in medium.lanes(*ends)
            ),
        ]


def lanes_in_turns(taking_part: list[Entrant], measure: Measure, profile: Profile) -> None:
    """Throughput and round trips of every lane, the lanes in turns."""
    for number in measure.rounds(profile.network_rounds):
        for entrant in measure.turns(number, *taking_part):
            _record(entrant, profile.network_seconds)


def _record(entrant: Entrant, seconds: int) -> None:
    lane, measure = entrant
    told = lane.throughput(seconds)
    measure.record(
        "bandwidth", told.bytes_per_s, unit="B/s", better="higher", definition=BANDWIDTH,
        facts={"iperf3": told.version, "congestion control": told.congestion},
    )  # fmt: skip
    measure.record_all("round-trip", lane.round_trips(), unit="s", better="lower", definition=ROUND_TRIP)


def _media(stack: ExitStack, measure: Measure) -> Iterator[Medium]:
    for name, medium in MEDIA.items():
        try:
            yield stack.enter_context(medium())
        except HostLacks as error:
            measure.leave_out(name, code=f"no-{name}", reason=error.message, fix=error.fix or "")
    reason = "vmnet is macOS's" if sys.platform != "darwin" else "vmnet is not measured yet"
    measure.leave_out("vmnet", code="no-vmnet", reason=reason, fix="user-net is there on every host")
