"""Disk and network figures through the harness ÷ the same fio or iperf3 line started by hand in the same guest."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.guests.catalogue import ensure_built
from harness.guests.model import Arch
from harness.host.loopback import free_port
from harness.host.paths import private_directory, scratch_dir
from harness.host.qemu_img import find_qemu_img
from harness.machines.disk import Disk
from harness.machines.ends import RUNTIME, GuestEnd, HostEnd
from harness.machines.fio import Fio, FioJob
from harness.machines.guest_disk import GuestDisk
from harness.machines.lanes import Lane, Way, iperf_options
from harness.machines.model import MachineSpec
from harness.machines.native import NativeRunner
from harness.machines.network import Network, UserMode
from harness.machines.qemu.backend import QemuBackend
from harness.machines.runner import SshRunner
from harness.runtimes.catalogue import ensure
from tests.selfbench.pairs import measured_in_turns
from tests.selfbench.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.machines.model import Machine

LIMIT = 0.03
PAIRS = (20, 100)
"""At least and at most."""
SECONDS, SIZE_MIB = 1, 64
PATIENCE_S = 300
JOB = FioJob("random-read", "randread", "64k", 1)
"""One run of it differs from the next by 4 %; of those with more in flight, larger or smaller blocks, by 7 to 11 %."""


def run() -> Result:
    """The larger distance from 1 of both ratios, of interleaved pairs, the order of every other turned round."""
    with _disk() as sides:
        disk = _compare(*sides)
    with _network() as sides:
        network = _compare(*sides)
    distance = max(abs(each["ratio"] - 1) for each in (disk, network))
    return Result("io_overhead", distance, "distance from 1", LIMIT, {"disk": disk, "network": network})


def _compare(harness: Callable[[], float], by_hand: Callable[[], float]) -> dict[str, Any]:
    limits = [1 - LIMIT, 1 + LIMIT]
    pairs = measured_in_turns(harness, by_hand, limits, PAIRS)
    return pairs.to_detail("harness_mb_s", "by_hand_mb_s", 1e-6, 2)


@contextmanager
def _disk() -> Iterator[tuple[Callable[[], float], Callable[[], float]]]:
    with private_directory(root=scratch_dir()) as folder:
        image = Disk("data", folder / "data.qcow2")
        find_qemu_img().create(image.file, SIZE_MIB << 20, image.format)
        spec = MachineSpec(ensure_built("storage", Arch.X86_64), disks=(image,))
        with QemuBackend("tcg").machine(spec) as machine:
            machine.boot(timeout_s=PATIENCE_S)
            device = GuestDisk.find(machine, image.name).device
            fio = Fio(SshRunner.of(machine), ("fio",), device, SIZE_MIB)
            fio.fill()
            line = " ".join(["fio", *JOB.options(device, SIZE_MIB, SECONDS)])
            yield (
                lambda: fio.run(JOB, SECONDS).bytes_per_s,
                lambda: float(_said(machine, line)["jobs"][0]["read"]["bw_bytes"]),
            )


@contextmanager
def _network() -> Iterator[tuple[Callable[[], float], Callable[[], float]]]:
    ensure(RUNTIME)
    host = HostEnd.prepare(NativeRunner())
    card = Network(UserMode(), "10.0.3.15")
    spec = MachineSpec(ensure_built("network", Arch.X86_64), networks=(card,))
    with QemuBackend("tcg").machine(spec) as machine:
        machine.boot(timeout_s=PATIENCE_S)
        way = Way("127.0.0.1", free_port(), str(card.host), 0)
        way = way._replace(at_port=way.port)
        lane = Lane("io-overhead", GuestEnd.prepare(machine), host, way, way)
        line = " ".join(["iperf3", *iperf_options(way.at, way.at_port, SECONDS)])

        def by_hand() -> float:
            words = ["-s", "-1", "-4", "-B", way.bind, "-p", str(way.port), "--forceflush"]
            with subprocess.Popen([*host.iperf3, *words], stdout=subprocess.PIPE, text=True) as server:
                assert server.stdout
                next(said for said in server.stdout if "listening" in said)
                received = _said(machine, line)["end"]["sum_received"]
                server.stdout.read()
            return float(received["bits_per_second"]) / 8

        yield (lambda: lane.throughput(SECONDS).bytes_per_s, by_hand)


def _said(machine: Machine, line: str) -> Any:
    """The tool's own figures, from its JSON itself: nothing of the harness's readers."""
    return json.loads(machine.ssh.run(line, timeout_s=PATIENCE_S).stdout)
