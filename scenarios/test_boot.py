"""From spawn to a guest that answers, phase by phase."""

from __future__ import annotations

import pytest

from harness.guests.model import Arch
from harness.host.page_cache import drop_page_cache, droppable
from harness.machines.model import Phase
from harness.plugin.skips import skip_scenario

OTHER_MACHINE_TYPES = {Arch.X86_64: ["pc"], Arch.ARM64: ["virt,gic-version=2"]}
"""Compared with the default machine type, which test_boot measures.

microvm is not among them: under TCG (QEMU 7.2, Linux 6.12) 10 boots of 130 hung before their first console byte, at
"Calibrating delay loop...". Its ACPI is hardware-reduced: Linux takes no interrupt from the PIT, and learns the speed
of the TSC, and with it that of the local APIC's timer, from the PIT's counter alone. On a busy host TCG reads that too
unevenly ("tsc: Unable to calibrate against PIT"; q35 and pc then use the PM timer), and no timer ever ticks. Neither
rtc=on,pit=on,pic=on nor thread=single helps; with pit=off every boot hangs; with the TSC's true frequency on the kernel
command line (tsc_early_khz=) none of 60 did, but that frequency is the host's, and the harness cannot know it.
"""


def last_phase(guest):
    """How far a guest can be followed: one of the user's own takes no SSH keys of ours."""
    return Phase.FIRST_COMMAND if guest.ssh_user else Phase.GUEST_READY


@pytest.mark.needs("start")
def test_boot(machine_factory, guest, measure, profile):
    """With a warm page cache: every clock of a boot, from spawn to the first command done."""
    for _ in measure.rounds(profile.boots):
        with machine_factory() as machine:
            measure.record_phases(machine.boot(until=last_phase(guest)))


@pytest.mark.profile("cold_boots")
@pytest.mark.needs("start")
def test_cold_boot(machine_factory, guest, measure, profile):
    """With a cold page cache: VMM, firmware and kernel come from the disk."""
    if not droppable():
        skip_scenario("no-drop-caches", "only root on Linux may drop the page cache", "run the bench as root")
    for _ in measure.rounds(profile.cold_boots):
        with machine_factory() as machine:
            drop_page_cache()
            measure.record_phases(machine.boot(until=last_phase(guest)), prefix="cold/")


@pytest.mark.profile("machine_types")
@pytest.mark.needs("start", "machine_types")
def test_machine_types(machine_factory, measure, profile, subject):
    """The other machine types that this architecture has."""
    if subject.arch is Arch.ARM64 and subject.backend == "kvm":
        skip_scenario("no-choice", "under KVM the host's interrupt controller decides the GIC version")
    for _ in measure.rounds(max(1, profile.boots // 2)):
        for machine_type in OTHER_MACHINE_TYPES[subject.arch]:
            with machine_factory(machine_type=machine_type) as machine:
                measure.record_phases(machine.boot(until=Phase.GUEST_READY), on=machine)
