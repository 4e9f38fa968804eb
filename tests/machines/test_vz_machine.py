"""The backend vz through a double of vfkit, which runs the real reference guest and misbehaves when told."""

import os
import platform
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from harness.cli.main import main
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
from harness.guests.model import Arch
from harness.host.vmm_programs import VmmProgram
from harness.machines.model import MachineSpec, Phase, State
from harness.machines.rest import vmm, worker
from harness.machines.rest.backend import RestBackend
from harness.machines.rest.control import VmState
from harness.machines.rest.leases import address_of
from harness.machines.vz.backend import VZ
from harness.machines.vz.proof import prove
from harness.plugin.subjects import plan
from harness.results.recorder import RunRecorder
from tests.doubles.modes import Mode
from tests.doubles.vmnet_helper_double import REFUSES
from tests.machines.conftest import DOUBLES, gone
from tests.machines.scenarios_on import boots_and_pauses_as_measured
from tests.machines.vsock_speech import speaks_by_vsock

BOOT_S = 300
pytestmark = pytest.mark.skipif(
    platform.system() != "Linux", reason="the double's guest is a Linux host's QEMU"
)


@pytest.fixture
def vz(doubles, monkeypatch, tmp_path, tmp_path_factory):
    """The backend on the double; told modes, it misbehaves. One at a time: of two workers that are born together,
    nobody knows whose they are."""

    def backend(*modes):
        monkeypatch.setenv("VFKIT_DOUBLE", ",".join(modes))
        return RestBackend(VZ, logs=tmp_path / "logs")

    with FileLock(tmp_path_factory.getbasetemp().parent / "vz.lock"):
        yield backend


@pytest.fixture
def machine(vz, tiny, killed):
    """Makes a machine; its processes are all gone afterwards."""

    def make(*modes, **spec):
        killed.append(vz(*modes).machine(MachineSpec(tiny(Arch.ARM64), **spec)))
        return killed[-1]

    return make


@pytest.mark.guest_boot
def test_the_reference_guest_boots_unchanged_and_goes_through_a_whole_life(machine, vsock_device):
    one = machine(vsock=True)
    with pytest.raises(WrongState, match="has not started"):
        one.pause()
    assert {"guest-ready", "pause", "resume"} <= boots_and_pauses_as_measured(one, VZ.capabilities)
    assert list(one.timeline.phases) == list(Phase)
    assert "console=hvc0" in one.ssh.run("cat /proc/cmdline").text()
    (child,) = worker.workers() & set(one.pids)
    assert child != one.pids[0]
    inspected = one.control.inspect()
    assert (inspected["vcpus"], inspected["memoryBytes"]) == (one.settings["cpus"], 512 << 20)
    speaks_by_vsock(one)

    one.pause()
    one.pause()
    assert (one.state, one.control.state()) == (State.PAUSED, VmState.PAUSED)
    with pytest.raises(WrongState, match="is paused"):
        one.powerdown()
    one.resume()
    one.resume()
    assert (one.state, one.control.state()) == (State.RUNNING, VmState.RUNNING)
    assert one.ssh.run("true").status == 0
    for cannot in (one.reset, lambda: one.screenshot(Path("picture.png"))):
        with pytest.raises(ControlRefused, match="vfkit cannot"):
            cannot()

    one.powerdown(BOOT_S)
    assert one.state is State.STOPPED
    assert gone(child)


@pytest.mark.guest_boot
def test_the_command_boots_it_and_a_bench_does_not(vz, tiny, tmp_path, capsys, monkeypatch):
    tiny(Arch.ARM64)
    vz()
    named = ["--backend", "vz", "--arch", "arm64"]
    with pytest.raises(SystemExit) as ended:
        main(["boot", "tiny", *named, "--until", "visorbench: init", "--timeout", str(BOOT_S)])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "visorbench: init" in said
    assert "on a double of vz" in said
    monkeypatch.setenv("VISORBENCH_REPORTS", str(tmp_path / "reports"))
    with pytest.raises(SystemExit) as ended:
        main(["bench", *named, "-k", "boot"])
    assert ended.value.code == 3
    assert not (tmp_path / "reports").exists()


@pytest.mark.slow
@pytest.mark.guest_boot
def test_the_reference_guest_boots_through_firmware_on_another_network(vz, tiny):
    from harness.guests.efi_stub import with_efi_stub
    from harness.host.firmware import firmware_for

    guest = tiny(Arch.ARM64)
    if firmware_for("arm64") is None:
        pytest.skip("no-firmware: `visorbench setup` installs UEFI firmware for arm64")
    with vz().machine(MachineSpec(with_efi_stub(guest), efi=True, extra={"network": "vmnet"})) as one:
        one.boot(timeout_s=BOOT_S)
        assert (one.settings["boot"], one.settings["network"]) == ("efi", "vmnet")
        assert "efi" in one.ssh.run("ls /sys/firmware").text()
        one.stop()
        assert one.state is State.STOPPED


def test_a_worker_that_outlives_its_vfkit_is_ended_and_its_guest_is_dead(machine, monkeypatch):
    monkeypatch.setattr(worker, "GRACE_S", 0.1)
    one = machine(Mode.ORPHAN)
    one.start()
    vfkit, child = one.pids
    os.kill(vfkit, signal.SIGKILL)
    with pytest.raises(MachineDied, match="was killed by SIGKILL"):
        one.wait_for(Phase.GUEST_READY, BOOT_S)
    one.kill()
    assert gone(child)
    assert one.state is State.DEAD, "one that had died stays dead"


def test_a_network_that_macos_refuses_is_quoted(machine, monkeypatch):
    monkeypatch.setenv("VMNET_HELPER_DOUBLE", REFUSES)
    one = machine(extra={"network": "vmnet"})
    with pytest.raises(MachineDied, match=r"vmnet-helper made no network: .*VMNET_FAILURE"):
        one.start()
    assert one.state is State.DEAD


def test_a_network_that_only_root_may_make_is_named_before_anything_starts(machine, monkeypatch):
    monkeypatch.setattr(platform, "mac_ver", lambda: ("15.5", ("", "", ""), "arm64"))
    monkeypatch.setattr("harness.machines.rest.network.is_root", lambda: False)
    one = machine(extra={"network": "vmnet"})
    with pytest.raises(HostLacks, match=r"root only before macOS 26, and this is macOS 15\.5") as named:
        one.start()
    assert "--option network=gvproxy" in named.value.fix


def test_a_guest_that_never_comes_is_a_boot_that_timed_out(machine):
    with pytest.raises(BootTimeout):
        machine(Mode.MUTE).boot(until=Phase.GUEST_READY, timeout_s=0.5)


def test_a_vfkit_that_ends_at_its_start_is_quoted(machine):
    with pytest.raises(MachineDied, match="the process lacks an entitlement") as died:
        machine(Mode.DIES).start()
    assert died.value.facts["status"] == 1
    assert died.value.fix.startswith("sign it: codesign ")
    assert "virtualization.plist" in died.value.fix


@pytest.mark.parametrize(
    ("mode", "error", "said"),
    [
        (Mode.JAMMED, ControlTimeout, "did not answer GET /vm/state|was not there"),
        (Mode.DRIPS, ControlTimeout, "did not answer GET /vm/state|was not there"),
        (Mode.HALF, ControlLost, "that ended after"),
        (Mode.GARBAGE, ControlLost, "not HTTP"),
    ],
)
def test_a_control_socket_that_makes_no_sense_ends_the_start_and_leaves_nothing(
    machine, monkeypatch, mode, error, said
):
    before = worker.workers()
    if error is ControlTimeout:
        monkeypatch.setattr(vmm, "UP_TIMEOUT_S", 3)
    one = machine(mode)
    with pytest.raises(error, match=said):
        one.start()
    assert one.state is State.DEAD
    for pid in worker.workers() - before:  # its vfkit has just been killed, and takes it along
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(BOOT_S)


def test_a_change_that_is_refused_changes_nothing(machine):
    one = machine(Mode.ERROR)
    one.start()
    with pytest.raises(ControlRefused, match="VZErrorDomain"):
        one.pause()
    assert one.state is State.RUNNING


def test_the_proof_is_a_guest_that_powers_itself_off(vz, monkeypatch):
    vz()
    double = VmmProgram("vfkit", DOUBLES / "vfkit", (0, 6, 1))
    assert prove(double, Arch.ARM64, deadline_s=BOOT_S).usable
    monkeypatch.setenv("VFKIT_DOUBLE", Mode.DIES)
    proof = prove(double, Arch.ARM64, deadline_s=BOOT_S)
    assert (proof.usable, proof.code) == (False, "no-entitlement")
    assert "codesign" in proof.fix


@pytest.mark.parametrize(
    ("named", "code"), [("old", "old-vfkit"), ("/nowhere/vfkit", "no-vfkit"), ("true", "no-vfkit")]
)
def test_a_vfkit_that_cannot_be_used_is_named(vz, monkeypatch, named, code):
    backend = vz(*([Mode.OLD] if named == "old" else []))
    if named != "old":
        monkeypatch.setenv("VISORBENCH_VFKIT", "/bin/true" if named == "true" else named)
    probe = backend.probe(Arch.ARM64)
    assert (probe.usable, probe.code) == (False, code)
    assert probe.fix


def test_without_macos_it_is_said_in_one_sentence(tiny, monkeypatch, capsys):
    tiny(Arch.ARM64)
    monkeypatch.delenv("VISORBENCH_VFKIT", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["boot", "tiny", "--arch", "arm64", "--backend", "vz"])
    assert ended.value.code == 3
    said = capsys.readouterr().err
    assert "vz exists on macOS only" in said
    assert "Apple silicon" in said
    assert "Traceback" not in said


def test_no_figure_of_a_double_is_ever_recorded(vz, tiny, tmp_path):
    backend = vz()
    assert backend.probe(Arch.ARM64).code == "double"
    with pytest.raises(AcceleratorUnusable, match="a double of vfkit"):
        plan(Config(backends=("vz",), archs=(Arch.ARM64,)))
    settings = backend.machine(MachineSpec(tiny(Arch.ARM64))).settings
    with RunRecorder("quick", {}, reports=tmp_path) as recorder:
        for facts in ({"backend_version": "0.6.1+double"}, {"config": settings}):
            with pytest.raises(MeasurementError, match="is a double here"):
                recorder.subject(backend="vz", arch="arm64", **facts)
        assert recorder.subject(backend="vz", arch="arm64", backend_version="0.6.1") == "vz-arm64"


def test_the_lease_that_ends_last_counts():
    text = """{
\tname=tiny
\tip_address=192.168.64.5
\thw_address=1,52:54:0:70:2b:71
\tlease=0x674d1e2f
}
{
\tip_address=192.168.64.9
\thw_address=1,52:54:0:70:2b:71
\tlease=0x674d1eff
}
{
\tip_address=192.168.64.7
\thw_address=ff,f1:f5:dd:7f:0:2:0:0
\tlease=0x774d1eff
}
"""
    assert address_of("52:54:00:70:2b:71", text) == "192.168.64.9"
    assert address_of("52:54:00:70:2b:72", text) is None
    assert address_of("52:54:00:70:2b:71", "{ip_address=1.2.3.4\nhw_address=1,nonsense\n}{") is None
