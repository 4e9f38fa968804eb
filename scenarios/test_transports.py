"""Bytes between host and guest: virtio-serial, vsock, user-mode TCP and ivshmem, beside what the host has by itself."""

from __future__ import annotations

import pytest

from harness.plugin.transport_contest import connected_machine, entrants, exchange


@pytest.mark.long
@pytest.mark.needs("ssh")
@pytest.mark.workload("transport")
def test_transports(machine_factory, measure, profile, capabilities):
    """Round trips of 12 bytes and 4 KiB, and frames of 720p each way."""
    machine = connected_machine(machine_factory, vsock=capabilities.vsock)
    machine.boot(timeout_s=300)
    with entrants(machine, measure, vsock=capabilities.vsock) as taking_part:
        for number in measure.rounds(profile.transport_rounds):
            for name in measure.turns(number, *taking_part):
                exchange(taking_part[name])
