"""The command line for every accelerator: a real QEMU accepts it, or refuses the accelerator and nothing else.

tcg runs everywhere, so what is no accelerator's own is put to a real QEMU with tcg in its place. The accelerators that
this host's QEMUs can at least start paused (kvm with /dev/kvm, hvf on a Mac) get the very command line.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.guests.model import Arch, GuestImage
from harness.host.accelerators import ACCELERATORS
from harness.host.system import host_arch
from harness.machines.disk import DiskInterface
from harness.machines.model import MachineSpec
from harness.machines.qemu.command import build
from harness.machines.qemu.definition import define
from tests.machines.qemu_configs import CPUS, MACHINES, VIDEO, accepted, names, qemus

if TYPE_CHECKING:
    from harness.host.qemu import QemuBinary

ACCELERATOR_S_OWN = {"-machine", "-cpu", "-accel", "-smp"}
"""What defaults may depend on the accelerator."""
CPUS_TO_TRY = ("host", "host,-arch-capabilities", "qemu64")
"""Nested KVMs there are that cannot take every model-specific register of the host's own model."""

each_accelerator = pytest.mark.parametrize("accelerator", ACCELERATORS)
few = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def specs(draw, file, arch: Arch):
    """What a scenario or ``visorbench boot`` asks for."""
    name = draw(names)
    from_kernel = draw(st.booleans())
    guest = GuestImage(
        name=draw(names), arch=arch, memory_mib=draw(st.integers(64, 1024)),
        kernel=file(name, "kernel") if from_kernel else None, initrd=file(name, "initrd") if from_kernel else None,
        append=draw(names) if from_kernel else "",
        disk=None if from_kernel and draw(st.booleans()) else file(name, "raw"),
        firmware=None if from_kernel else file(name, "firmware"),
        ready_port=draw(st.none() | st.just("org.visorbench.ready")), ssh_user=draw(st.none() | st.just("root")),
    )  # fmt: skip
    extra = {
        "rng": draw(st.sampled_from(["on", "off"])),
        "network": draw(st.sampled_from(["restricted", "open", "none"])),
        "disk-interface": draw(st.sampled_from([each.value for each in DiskInterface])),
        "video": draw(st.sampled_from(VIDEO[arch])) or "none",
    }
    return MachineSpec(
        guest, cpus=draw(st.none() | st.integers(1, 4)), extra=extra,
        machine_type=draw(st.none() | st.sampled_from(MACHINES[arch])),
        cpu_model=draw(st.none() | st.sampled_from(CPUS[arch])),
    )  # fmt: skip


@each_accelerator
@few
@given(st.data())
def test_all_but_the_accelerator_s_own_is_as_for_tcg_and_accepted(files, accelerator, data):
    qemu = data.draw(st.sampled_from(qemus()))
    spec = data.draw(specs(files, Arch(qemu.arch)))
    config, twin = (define(spec, qemu, name) for name in (accelerator, "tcg"))
    argv = build(config)
    pairs = zip(argv, build(twin), strict=True)
    assert {argv[n - 1] for n, (one, other) in enumerate(pairs) if one != other} <= ACCELERATOR_S_OWN
    assert argv[argv.index("-accel") + 1].partition(",")[0] == accelerator
    cpu = twin.cpu if config.cpu == "host" else config.cpu  # what it is, only an accelerator knows
    with accepted(replace(config, accelerator=twin.accelerator, cpu=cpu), files):
        pass


@pytest.mark.parametrize("accelerator", [name for name in ACCELERATORS if name != "tcg"])
@few
@given(st.data())
def test_a_real_qemu_accepts_it_or_refuses_the_accelerator_alone(files, accelerator, data):
    qemu = data.draw(st.sampled_from(qemus()))
    config = define(data.draw(specs(files, Arch(qemu.arch))), qemu, accelerator)
    cpu, complaint = starts(accelerator, qemu)
    if cpu is None:
        config = replace(config, paused=True)
        done = subprocess.run(build(config), capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr.strip()) == (1, complaint)
    else:
        own_model = config.cpu.startswith(("host", "max"))
        with accepted(replace(config, cpu=cpu if own_model else config.cpu), files):
            pass


@lru_cache
def starts(accelerator: str, qemu: QemuBinary) -> tuple[str | None, str]:
    """A CPU model with which the accelerator starts a paused machine with nothing in it; else what QEMU says."""
    machine = "q35" if qemu.arch == Arch.X86_64 else "virt"
    said = ""
    for cpu in CPUS_TO_TRY if qemu.arch == host_arch() else ("max",):
        argv = [qemu.path, "-machine", machine, "-cpu", cpu, "-accel", accelerator, "-nodefaults", "-S"]
        done = subprocess.run(
            [*argv, "-display", "none", "-chardev", "stdio,id=q", "-mon", "chardev=q,mode=control"],
            input='{"execute": "qmp_capabilities"}\n{"execute": "quit"}\n',
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return cpu, ""
        said = said or done.stderr.strip()
    assert accelerator in said.lower(), f"{argv}: not the accelerator is refused, but {said}"
    return None, said
