"""A round trip through vsock ÷ through a virtio-serial port of the same guest, and their bandwidths."""

from __future__ import annotations

import statistics
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.guests.catalogue import ensure_built
from harness.guests.model import Arch
from harness.machines.model import MachineSpec
from harness.machines.qemu.backend import QemuBackend
from harness.machines.transports import VIRTIO_SERIAL, VSOCK, ask, guest_streams
from harness.measure.order import turns
from tests.selfbench.result import Result

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

LIMIT = 1.2
BANDWIDTH_LEAST = 1.0
"""Of vsock ÷ virtio-serial."""
ROUNDS, CALLS = 12, 50
SMALL = 12
FRAME = 3_686_400
"""A frame of 720p, four bytes a pixel: what the bandwidth is of, from the guest to the host."""


def run() -> Result:
    """The ratio of the medians, of round trips of SMALL bytes; both in one guest, in turns."""
    with _streams() as streams:
        round_trips: dict[str, list[float]] = {name: [] for name in streams}
        frames: dict[str, list[float]] = {name: [] for name in streams}
        for number in range(ROUNDS):
            for name in turns(tuple(streams), number):
                round_trips[name] += [ask(streams[name], SMALL, SMALL) for _ in range(CALLS)]
                frames[name].append(ask(streams[name], 0, FRAME))
    trips = {name: statistics.median(values) for name, values in round_trips.items()}
    rates = {name: FRAME / statistics.median(values) for name, values in frames.items()}
    bandwidth = rates[VSOCK] / rates[VIRTIO_SERIAL]
    detail = {
        "round_trip_us": {name: round(value * 1e6, 1) for name, value in trips.items()},
        "bandwidth_mb_s": {name: round(value / 1e6, 1) for name, value in rates.items()},
        "bandwidth_ratio": round(bandwidth, 3), "n": ROUNDS * CALLS,
    }  # fmt: skip
    ratio = trips[VSOCK] / trips[VIRTIO_SERIAL]
    return Result("vsock", ratio, "ratio", LIMIT, detail, holds=bandwidth >= BANDWIDTH_LEAST)


@contextmanager
def _streams() -> Iterator[dict[str, socket.socket]]:
    """Two to the guest tiny, somebody who answers at the other end of each."""
    spec = MachineSpec(ensure_built("tiny", Arch.ARM64), vsock=True)
    with QemuBackend("tcg").machine(spec) as machine:
        machine.boot()
        with guest_streams(machine) as streams:
            yield {name: streams[name] for name in (VSOCK, VIRTIO_SERIAL)}
