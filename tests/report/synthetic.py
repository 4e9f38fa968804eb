"""Runs as a bench would record them, made of random numbers: to draw and test reports, never to publish."""

from __future__ import annotations

import random
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from harness.host.facts import HostFacts, fingerprint
from harness.host.noise import noise
from harness.results.recorder import RunRecorder

if TYPE_CHECKING:
    from pathlib import Path

    from harness.results.models import Run

HOST = HostFacts(
    os_name="Debian GNU/Linux",
    os_version="12",
    kernel="6.1.0-28-amd64",
    arch="x86-64",
    cpu_model="Imaginary CPU @ 2.50 GHz",
    physical_cores=2,
    logical_cores=2,
    usable_cores=2,
    memory_mib=7936,
    memory_available_mib=5120,
    swap_used_mib=0,
    load=(0.42, 0.31, 0.2),
    virtualised="KVM",
    container="",
)


def recorded(host: HostFacts) -> dict[str, Any]:
    """A host as the plugin tells it to the recorder."""
    return {
        **asdict(host),
        "fingerprint": fingerprint(host),
        "noise": [str(each) for each in noise(host)],
    }


PHASES = {
    "vmm-ready": 0.12, "first-console": 0.9, "init": 4.9, "guest-ready": 5.9, "ssh-banner": 6.5, "first-command": 7.1,
}  # fmt: skip

KERNELS = {
    "integer": ("op/s", 3.1e9, 9.5),
    "floating-point": ("op/s", 1.9e9, 26),
    "memory-bandwidth": ("B/s", 11.2e9, 5.1),
    "system-calls": ("op/s", 2.4e6, 12),
    "context-switches": ("op/s", 1.5e5, 19),
    "process-creation": ("op/s", 2.1e3, 31),
}
"""Kernel → unit, native median, how many times slower a guest is."""

LIFECYCLE = {"pause": 0.0021, "resume": 0.0017, "reset": 0.0031, "powerdown": 1.31, "kill": 0.006}


def synthetic_run(reports: Path, *, rounds: int = 12, seed: int = 1, speed: float = 1.0) -> Run:
    """A finished run of two TCG subjects and native; ``speed`` scales the guests, to compare two runs."""
    dice = random.Random(seed)
    with RunRecorder("standard", recorded(HOST), reports=reports, commit="0123abc") as recorder:
        native = recorder.subject(backend="native", backend_version="host", arch="x86-64")
        guests = [
            recorder.subject(
                backend="tcg", backend_version="QEMU 7.2.22", guest="tiny", arch=arch,
                config={"machine": machine, "cpu": "max", "memory_mib": 512, "cpus": 2},
            )
            for arch, machine in (("arm64", "virt"), ("x86-64", "q35"))
        ]  # fmt: skip
        for _ in range(rounds):
            for rank, guest in enumerate(guests):
                _boot(recorder, guest, dice, speed * (1 + 0.1 * rank))
                _lifecycle(recorder, guest, dice)
            for metric, (unit, top, slower) in KERNELS.items():
                for subject in (native, *guests):
                    cost = 1 if subject == native else slower / speed
                    value = top / cost * dice.lognormvariate(0, 0.02)
                    recorder.sample(
                        "compute", metric, unit=unit, better="higher", subject=subject, value=value
                    )
        for guest in guests:
            recorder.note("boot", "ssh-banner", subject=guest, text="polled every 20 ms")
        recorder.skip(
            "boot", subject="kvm-x86-64", code="hangs",
            reason="/dev/kvm opens, but the proof guest printed nothing within 4 s",
            fix="nested virtualisation is off on the machine that hosts this one: ask for it, or use bare metal",
        )  # fmt: skip
        recorder.skip(
            "boot", subject="hvf-arm64", code="wrong-os", reason="hvf exists on macOS only", fix="use a Mac"
        )
        log = recorder.logs / "tcg-x86-64-7.console"
        log.write_text("[    0.00] Linux version 6.12\n[    4.10] Kernel panic - not syncing: init died!\n")
        recorder.fail(
            "lifecycle", error="GuestPanicked", subject=guests[1], logs=[log],
            message="the guest's kernel panicked after reset: attempted to kill init!",
        )  # fmt: skip
        return recorder.finish()


def _boot(recorder: RunRecorder, guest: str, dice: random.Random, speed: float) -> None:
    stretch = dice.lognormvariate(0, 0.03) / speed
    for phase, seconds in PHASES.items():
        value = seconds * stretch * dice.lognormvariate(0, 0.005)
        recorder.sample("boot", phase, unit="s", better="lower", subject=guest, value=value)


def _lifecycle(recorder: RunRecorder, guest: str, dice: random.Random) -> None:
    for metric, seconds in LIFECYCLE.items():
        value = seconds * dice.lognormvariate(0, 0.15)
        recorder.sample("lifecycle", metric, unit="s", better="lower", subject=guest, value=value)
