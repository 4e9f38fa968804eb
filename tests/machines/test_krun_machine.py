"""The backend krun through doubles of krunkit and gvproxy, which run the real guest and misbehave when told."""

import os
import platform
import signal
import time
from pathlib import Path

import psutil
import pytest

from harness.config.model import Config
from harness.errors import (
    AcceleratorUnusable,
    BootTimeout,
    ControlLost,
    ControlRefused,
    ControlTimeout,
    HostLacks,
    MachineDied,
    MeasurementError,
    WrongState,
)
from harness.guests.efi_stub import with_efi_stub
from harness.guests.model import Arch
from harness.host.firmware import firmware_for
from harness.host.vmm_programs import VmmProgram
from harness.machines.krun.backend import KRUN
from harness.machines.krun.proof import prove
from harness.machines.model import MachineSpec, Phase, State
from harness.machines.rest.backend import RestBackend
from harness.machines.rest.control import VmState
from harness.plugin.subjects import Subject, plan
from harness.results.recorder import RunRecorder
from tests.doubles.gvproxy_double import REFUSES
from tests.doubles.modes import Mode
from tests.machines.conftest import DOUBLES, gone
from tests.machines.scenarios_on import boots_and_pauses_as_measured
from tests.machines.vsock_speech import speaks_by_vsock

BOOT_S = 300
pytestmark = pytest.mark.skipif(
    platform.system() != "Linux", reason="the double's guest is a Linux host's QEMU"
)


@pytest.fixture
def krun(doubles, monkeypatch, tmp_path):
    """The backend on the doubles; told modes, krunkit misbehaves."""
    if firmware_for("arm64") is None:
        pytest.skip("no-firmware: `visorbench setup` installs UEFI firmware for arm64")

    def backend(*modes):
        monkeypatch.setenv("KRUNKIT_DOUBLE", ",".join(modes))
        return RestBackend(KRUN, logs=tmp_path / "logs")

    return backend


@pytest.fixture
def machine(krun, tiny, killed):
    """Makes a machine; its processes are all gone afterwards."""
    try:
        guest = with_efi_stub(tiny(Arch.ARM64))
    except HostLacks as lack:
        pytest.skip(f"no EFI stub: {lack}")

    def make(*modes, **spec):
        killed.append(krun(*modes).machine(MachineSpec(guest, **spec)))
        return killed[-1]

    return make


@pytest.mark.guest_boot
def test_the_reference_guest_boots_through_firmware_and_goes_through_a_whole_life(machine, vsock_device):
    one = machine(vsock=True)
    assert {"guest-ready", "pause", "resume"} <= boots_and_pauses_as_measured(one, KRUN.capabilities)
    assert list(one.timeline.phases) == list(Phase)
    assert "console=hvc0" in one.ssh.run("cat /proc/cmdline").text()
    krunkit, gvproxy = one.pids
    speaks_by_vsock(one)

    one.pause()
    one.pause()
    assert (one.state, psutil.Process(krunkit).status()) == (State.PAUSED, psutil.STATUS_STOPPED)
    for silent in (one.powerdown, lambda: one.control):
        with pytest.raises(WrongState, match="is paused"):
            silent()
    one.resume()
    one.resume()
    assert (one.state, one.control.state()) == (State.RUNNING, VmState.RUNNING)
    for cannot in (one.reset, lambda: one.screenshot(Path("picture.png"))):
        with pytest.raises(ControlRefused, match="krunkit cannot"):
            cannot()
    assert one.state is State.RUNNING
    # newer kernels end virtio before they say their own
    assert one.ssh.run("echo last words > /dev/console").status == 0

    one.powerdown(BOOT_S)
    assert one.state is State.STOPPED
    one.console.wait_for("last words", BOOT_S)
    one.kill()
    assert gone(krunkit)
    assert gone(gvproxy)


@pytest.mark.guest_boot
def test_the_proof_is_a_guest_that_powers_itself_off(krun, monkeypatch):
    krun()
    double = VmmProgram("krunkit", DOUBLES / "krunkit", (1, 3, 1))
    assert prove(double, Arch.ARM64, deadline_s=BOOT_S).usable
    monkeypatch.setenv("KRUNKIT_DOUBLE", Mode.DIES)
    proof = prove(double, Arch.ARM64, deadline_s=BOOT_S)
    assert (proof.usable, proof.code) == (False, "no-entitlement")
    assert "codesign" in proof.fix


def test_a_paused_machine_is_stopped_and_killed_like_any_other(machine):
    for end in ("stop", "kill"):
        one = machine(extra={"network": "none"})
        one.start()
        krunkit, *_ = one.pids  # the double may still have a child that is about to end
        one.pause()
        getattr(one, end)()
        assert one.state is State.STOPPED
        assert gone(krunkit)


def test_a_krunkit_that_is_killed_while_it_is_paused_is_dead(machine):
    one = machine(extra={"network": "none"})
    one.start()
    one.pause()
    os.kill(one.pids[0], signal.SIGKILL)
    with pytest.raises(MachineDied, match="was killed by SIGKILL"):
        one.wait_for(Phase.GUEST_READY, BOOT_S)
    with pytest.raises(MachineDied):
        one.resume()
    assert one.state is State.DEAD


def test_a_krunkit_that_somebody_else_has_stopped_is_not_paused(machine, monkeypatch):
    one = machine(extra={"network": "none"})
    one.start()
    krunkit, *_ = one.pids  # the double may still have a child that is about to end
    os.kill(krunkit, signal.SIGSTOP)
    while psutil.Process(krunkit).status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)
    assert one.state is State.RUNNING
    with pytest.raises(WrongState, match=rf"krunkit \(pid {krunkit}\) was stopped by a signal") as named:
        one.pause()
    assert named.value.fix == f"let it go on: kill -CONT {krunkit}"
    with monkeypatch.context() as impatient:
        impatient.setattr("harness.machines.rest.machine.EXIT_GRACE_S", 0.1)
        with pytest.raises(ControlTimeout, match="was stopped by a signal that was not the harness's"):
            one.powerdown(BOOT_S)
    one.stop(timeout_s=0.5)
    assert one.state is State.STOPPED


def test_a_guest_that_never_starts_is_a_timeout_and_is_stopped(machine):
    one = machine(Mode.MUTE, extra={"network": "none"})
    with pytest.raises(BootTimeout):
        one.boot(until=Phase.GUEST_READY, timeout_s=2)
    assert len(one.pids) == 1  # without a network there is no gvproxy
    one.stop(timeout_s=0.5)  # there is no guest that could
    assert one.state is State.STOPPED


def test_half_an_answer_ends_the_start_and_leaves_nothing(machine):
    one = machine(Mode.HALF, extra={"network": "none"})
    with pytest.raises(ControlLost, match="not JSON"):
        one.start()
    assert one.state is State.DEAD


def test_a_gvproxy_that_does_not_start_is_quoted(machine, monkeypatch):
    monkeypatch.setenv("GVPROXY_DOUBLE", REFUSES)
    one = machine()
    with pytest.raises(MachineDied, match=r"gvproxy made no network: listen tcp .* address already in use"):
        one.start()
    assert one.state is State.DEAD


def test_a_gvproxy_that_is_not_there_is_named(machine, monkeypatch):
    monkeypatch.setenv("VISORBENCH_GVPROXY", "/nowhere/gvproxy")
    with pytest.raises(HostLacks, match="VISORBENCH_GVPROXY names /nowhere/gvproxy"):
        machine().start()


@pytest.mark.parametrize(
    ("named", "code"), [("old", "old-krunkit"), ("/nowhere/krunkit", "no-krunkit"), ("true", "no-krunkit")]
)
def test_a_krunkit_that_cannot_be_used_is_named(krun, monkeypatch, named, code):
    backend = krun(*([Mode.OLD] if named == "old" else []))
    if named != "old":
        monkeypatch.setenv("VISORBENCH_KRUNKIT", "/bin/true" if named == "true" else named)
    probe = backend.probe(Arch.ARM64)
    assert (probe.usable, probe.code) == (False, code)
    assert probe.fix


def test_no_figure_of_a_double_is_ever_recorded(krun, machine, tmp_path):
    assert krun().probe(Arch.ARM64).code == "double"
    with pytest.raises(AcceleratorUnusable, match="a double of krunkit"):
        plan(Config(backends=("krun",), archs=(Arch.ARM64,)))
    with RunRecorder("quick", {}, reports=tmp_path) as recorder:
        for facts in ({"backend_version": "1.3.1+double"}, {"config": machine().settings}):
            with pytest.raises(MeasurementError, match="is a double here"):
                recorder.subject(backend="krun", arch="arm64", **facts)


def test_its_guests_boot_through_firmware_unasked():
    assert Subject("krun", Arch.ARM64).boots_firmware
    assert not Subject("vz", Arch.ARM64).boots_firmware
