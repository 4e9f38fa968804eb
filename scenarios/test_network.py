"""Networks: what goes through each that a guest can have, and what a restricted one keeps a guest from."""

from __future__ import annotations

import pytest

from harness.plugin.isolation import answers_of, check_isolation, forwards, user_networks
from harness.plugin.network_contest import BOOT_TIMEOUT_S, entrants, lanes_in_turns

pytestmark = pytest.mark.long


@pytest.mark.guest("network")
@pytest.mark.needs("networks", "ssh")
@pytest.mark.runtime("network")
@pytest.mark.workload("transport")
def test_lanes(machine_factory, native, measure, profile):
    """Throughput and round trips: guest to host, host to guest, guest to guest, and the host's own loopback."""
    with entrants(machine_factory, native, measure) as taking_part:
        lanes_in_turns(taking_part, measure, profile)


@pytest.mark.guest("tiny")
@pytest.mark.needs("networks", "ssh")
@pytest.mark.workload("transport")
def test_isolation(machine_factory, native, measure, profile):
    """Through a restricted network a guest reaches nothing that it reaches through an open one, nameserver included;
    who comes by a forwarded port is answered through both."""
    with machine_factory(networks=user_networks()) as machine:
        machine.boot(timeout_s=BOOT_TIMEOUT_S)
        with forwards(machine, native, measure) as ports:
            check_isolation(machine, measure)
            for number in measure.rounds(profile.network_rounds):
                for port in measure.turns(number, *ports.values()):
                    answers_of(port)
