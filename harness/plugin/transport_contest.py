"""The transports scenario's parts: every byte stream between host and guest in turns with the host's own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from harness.machines.qemu.ivshmem import offers_ivshmem
from harness.machines.qemu.machine import QemuMachine
from harness.machines.transports import (
    IVSHMEM,
    LOOPBACK,
    SHARED_MEMORY,
    SHARED_MIB,
    UNIX_SOCKET,
    USER_NET,
    VIRTIO_SERIAL,
    VSOCK,
    ask,
    guest_streams,
    native_streams,
)
from harness.plugin.skips import skip_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.machines.model import Machine
    from harness.machines.transports import Stream
    from harness.plugin.fixtures import MachineFactory
    from harness.plugin.measure import Measure

FRAME = 4 * 1280 * 720
"""Bytes: a picture of 720p, four bytes a pixel."""
CALLS = 50
"""Round trips of a repetition, one after the other."""
WARM_UP = 5
SIZES = {"12-bytes": 12, "4-KiB": 4096}
BASELINES = {VIRTIO_SERIAL: UNIX_SOCKET, VSOCK: UNIX_SOCKET, USER_NET: LOOPBACK, IVSHMEM: SHARED_MEMORY}
"""What each is compared with: what carries it on the host."""


class Entrant(NamedTuple):
    """A transport that takes part."""

    stream: Stream
    measure: Measure


def connected_machine(machine_factory: MachineFactory, *, vsock: bool) -> Machine:
    """A defined machine with every transport that its backend has."""
    machine = machine_factory(vsock=vsock)
    if not isinstance(machine, QemuMachine) or not offers_ivshmem(machine.config):
        return machine
    extra = {**machine.spec.extra, "ivshmem": str(SHARED_MIB)}
    return machine_factory(vsock=vsock, extra=tuple(extra.items()))


@contextmanager
def entrants(machine: Machine, measure: Measure, *, vsock: bool) -> Iterator[dict[str, Entrant]]:
    """Every transport of a machine that runs, and of the host; whatever the machine lacks is left out by name."""
    with native_streams() as native, guest_streams(machine, vsock=vsock) as guests:
        if not guests:
            skip_scenario("no-transport", "the machine has no byte stream that is measured here")
        measures = {name: measure.variant(name, native=True) for name in native}
        for name, baseline in BASELINES.items():
            if name in guests:
                measures[name] = measure.variant(name, against=measures[baseline])
            else:
                measure.leave_out(name, code=f"no-{name}", reason=f"this machine has no {name}")
        streams = native | guests
        for stream in streams.values():
            for _ in range(WARM_UP):
                ask(stream, FRAME, 1)
        yield {name: Entrant(streams[name], measures[name]) for name in streams}


def exchange(entrant: Entrant) -> None:
    """One repetition: round trips of both sizes, and a frame each way."""
    stream, measure = entrant
    ask(stream, 0, 1)  # who looks for requests by itself has gone to sleep meanwhile
    for name, size in SIZES.items():
        measure.record_all(
            f"{name}/round-trip", [ask(stream, size, size) for _ in range(CALLS)], unit="s", better="lower",
            definition="from the first byte of a request to the last byte of an answer of the same size",
        )  # fmt: skip
    measure.record(
        "720p-frame/to-host", FRAME / ask(stream, 0, FRAME), unit="B/s", better="higher",
        definition="bytes of a frame of 1280x720 ÷ from asking for it to its last byte",
    )  # fmt: skip
    measure.record(
        "720p-frame/to-guest", FRAME / ask(stream, FRAME, 1), unit="B/s", better="higher",
        definition="bytes of a frame of 1280x720 ÷ from its first byte to a byte that says it has come",
    )  # fmt: skip
