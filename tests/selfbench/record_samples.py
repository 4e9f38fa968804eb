"""Records the real samples that the gate is judged by: boots and compute repetitions of one unchanged host.

    python -m tests.selfbench.record_samples tests/selfbench/data/samples.json [ROUNDS]

Nothing differs between the rounds, so every difference between two parts of a series is noise, as this kind of
machine has it. Each step waits a while for others to leave the host alone, and with each sample goes the host's noise
while it was taken (:mod:`harness.host.disturbance`). The file is appended to, so that an interrupted recording goes on;
what it says of the host names no user, path or host name.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.guests.catalogue import ensure_built
from harness.guests.model import Arch
from harness.host.disturbance import Reading, between, read, watch
from harness.host.facts import collect
from harness.host.qemu import qemu_for
from harness.machines.catalogue import get
from harness.machines.compute import calibrate
from harness.machines.model import MachineSpec, Phase
from harness.machines.native import NativeRunner
from harness.machines.runner import SshRunner

ROUNDS = 240
TARGET_MS = 60
HOST_FACTS = (
    "os_name",
    "os_version",
    "kernel",
    "arch",
    "cpu_model",
    "logical_cores",
    "memory_mib",
    "virtualised",
)
QUIET = 0.1
WATCHED_S = 0.3
WAIT_S = 4
"""How quiet the host must have been, and for how long, before a step; and how long to wait for that."""
DIGITS = 5
"""Significant digits kept: far below the noise, and half the file."""


class Samples:
    """Series by name, each a list of samples, of the seconds at which they were taken, and of the noise then."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.series: dict[str, dict[str, Any]] = (
            json.loads(path.read_text())["series"] if path.exists() else {}
        )
        last = max((each["times"][-1] for each in self.series.values()), default=0.0)
        self.zero = time.monotonic() - last

    def add(self, name: str, value: float, *, unit: str, better: str, since: Reading) -> None:
        """Append one sample, taken between ``since`` and now."""
        empty: dict[str, Any] = {"unit": unit, "better": better, "samples": [], "times": [], "noise": []}
        one = self.series.setdefault(name, empty)
        one["samples"].append(float(f"{value:.{DIGITS}g}"))
        one["times"].append(round(time.monotonic() - self.zero, 1))
        one["noise"].append(round(between(since, read()).score, 3))

    def write(self) -> None:
        """Write what there is, one series a line."""
        facts = collect()
        host = {name: getattr(facts, name) for name in HOST_FACTS}
        host["qemu"] = ".".join(map(str, qemu_for(Arch.X86_64).version))
        lines = ",\n".join(
            f"{json.dumps(name)}: {json.dumps(one, separators=(',', ':'))}"
            for name, one in self.series.items()
        )
        head = json.dumps({"recorded": f"{datetime.now(UTC):%Y-%m-%d}", "host": host})
        self.path.write_text(f'{head[:-1]},\n"series": {{\n{lines}\n}}}}\n', encoding="utf-8")


def main(path: Path, rounds: int) -> None:
    """Each round boots both guests, then computes on the host and in one that stays; the file grows every five."""
    samples = Samples(path)
    with ExitStack() as stack:
        runners: dict[str, Any] = {"native": stack.enter_context(NativeRunner())}
        guest = ensure_built("tiny", Arch.X86_64)
        machine = stack.enter_context(get("tcg").machine(MachineSpec(guest=guest)))
        machine.boot(until=Phase.FIRST_COMMAND)
        runners["tcg-x86-64"] = SshRunner.of(machine)
        plans = {name: calibrate(runner, target_ms=TARGET_MS) for name, runner in runners.items()}
        for done in range(rounds):
            for arch in (Arch.ARM64, Arch.X86_64) if done % 2 else (Arch.X86_64, Arch.ARM64):
                wait_for_quiet()
                boot(arch, samples)
            wait_for_quiet()
            for name, plan in plans.items():
                before = read()
                for each in plan.once(runners[name]):
                    metric = f"compute/{each.kernel}/{name}"
                    samples.add(metric, each.value, unit=each.unit, better="higher", since=before)
            if done % 5 == 4:
                samples.write()
    samples.write()


def boot(arch: Arch, samples: Samples) -> None:
    """One boot of tiny under TCG: every phase up to a ready guest."""
    before = read()
    with get("tcg").machine(MachineSpec(guest=ensure_built("tiny", arch))) as machine:
        timeline = machine.boot(until=Phase.GUEST_READY)
    for phase in timeline.phases:
        name = f"boot/{phase.value}/tcg-{arch.value}"
        samples.add(name, timeline.seconds(phase), unit="s", better="lower", since=before)


def wait_for_quiet() -> None:
    """Wait until others leave the host alone, WAIT_S at most."""
    deadline = time.monotonic() + WAIT_S
    while watch(WATCHED_S).score > QUIET and time.monotonic() < deadline:
        pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS)
