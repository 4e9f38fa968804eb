"""A round trip through vsock ÷ through a virtio-serial port of the same guest, and their bandwidths."""

from __future__ import annotations

import statistics
import struct
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from harness.channels.virtio_serial import VirtioSerial
from harness.guests.catalogue import ensure_built
from harness.guests.model import Arch
from harness.guests.toolchain import guest_target
from harness.guests.workloads import workload
from harness.machines.model import MachineSpec
from harness.machines.qemu.backend import QemuBackend
from harness.measure.order import turns
from tests.selfbench.result import Result

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

LIMIT = 1.2
BANDWIDTH_LEAST = 1.0
"""Of vsock ÷ virtio-serial."""
ROUNDS, CALLS = 12, 50
PATIENCE_S = 60
SMALL = 12
FRAME = 3_686_400
"""A frame of 720p, four bytes a pixel: what the bandwidth is of, from the guest to the host."""
PROGRAM = "/run/vb-transport"
PORT = "org.visorbench.transport"
FIND_PORT = (
    f"until port=$(grep -ls {PORT} /sys/class/virtio-ports/*/name); do :; done; "
    "echo /dev/$(basename $(dirname $port))"
)


def run() -> Result:
    """The ratio of the medians, of round trips of SMALL bytes; both in one guest, in turns."""
    with _streams() as streams:
        round_trips: dict[str, list[float]] = {name: [] for name in streams}
        frames: dict[str, list[float]] = {name: [] for name in streams}
        for number in range(ROUNDS):
            for name in turns(tuple(streams), number):
                round_trips[name] += [_ask(streams[name], SMALL, SMALL) for _ in range(CALLS)]
                frames[name].append(_ask(streams[name], 0, FRAME))
    trips = {name: statistics.median(values) for name, values in round_trips.items()}
    rates = {name: FRAME / statistics.median(values) for name, values in frames.items()}
    bandwidth = rates["vsock"] / rates["virtio-serial"]
    detail = {
        "round_trip_us": {name: round(value * 1e6, 1) for name, value in trips.items()},
        "bandwidth_mb_s": {name: round(value / 1e6, 1) for name, value in rates.items()},
        "bandwidth_ratio": round(bandwidth, 3), "n": ROUNDS * CALLS,
    }  # fmt: skip
    ratio = trips["vsock"] / trips["virtio-serial"]
    return Result("vsock", ratio, "ratio", LIMIT, detail, holds=bandwidth >= BANDWIDTH_LEAST)


@contextmanager
def _streams() -> Iterator[dict[str, socket.socket]]:
    """Two to the guest tiny, somebody who answers at the other end of each."""
    spec = MachineSpec(ensure_built("tiny", Arch.ARM64), vsock=True)
    with QemuBackend("tcg").machine(spec) as machine, ExitStack() as undo:
        machine.boot()
        run = machine.ssh.run
        machine.ssh.put(workload("transport", guest_target(Arch.ARM64)), PROGRAM)
        run(f"mkfifo /run/said; {PROGRAM} serve vsock:7 > /run/said 2>&1 & read -r line < /run/said")
        port = undo.enter_context(VirtioSerial(machine.control.qmp, PORT))
        device = run(FIND_PORT).text().strip()
        streams = {
            "vsock": undo.enter_context(machine.vsock.connect(7)),
            "virtio-serial": undo.enter_context(port.connect()),
        }
        # A port ends at once for who reads it before the guest has learnt that somebody is at its other end.
        run(f"while :; do {PROGRAM} serve file:{device}; done > /dev/null 2>&1 &")
        for stream in streams.values():
            stream.settimeout(PATIENCE_S)
        yield streams


def _ask(stream: socket.socket, there: int, back: int) -> float:
    """Seconds until ``back`` bytes have come for a request of ``there``."""
    request = struct.pack("<II", there, back) + bytes(there)
    started = time.perf_counter()
    stream.sendall(request)
    while back > 0:
        got = len(stream.recv(min(back, 1 << 18)))
        if not got:
            raise ConnectionError("the guest hung up")
        back -= got
    return time.perf_counter() - started
