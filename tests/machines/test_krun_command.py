"""krunkit's command line: whatever the typed configuration says, krunkit's own rules read the same out of it."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InvalidConfiguration, UnknownName
from harness.guests.model import Arch, GuestImage
from harness.host.transcript import Transcript
from harness.host.vmm_programs import VmmProgram, variable
from harness.machines.disk import ImageFormat
from harness.machines.krun.command import build
from harness.machines.krun.config import ENTITLEMENT, Blk, KrunkitConfig, SocketNet
from harness.machines.krun.program import define
from harness.machines.model import GpuMode, MachineSpec
from harness.machines.rest.devices import SerialLog, SharedFolder, VsockPort
from harness.machines.rest.proof import judged
from harness.machines.rest.vmm import Place
from tests.doubles.krunkit_options import parse
from tests.machines.conftest import DOUBLES

MAC = "5a:94:ef:e4:0c:ee"
KRUNKIT = VmmProgram("krunkit", Path("krunkit"), (1, 3, 1))
CONFIG = KrunkitConfig(Path("krunkit"))


def read(config):
    return parse(build(config)[1:])


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "a disk with ü"
    path.write_bytes(bytes(512))
    return path


def test_a_machine(disk, tmp_path):
    rest = tmp_path / "r ü.sock"
    options = read(replace(CONFIG, rest=rest, cpus=2, memory_mib=1024, devices=(Blk(disk),)))
    assert (options.cpus, options.memory_mib, options.rest) == (2, 1024, rest)
    assert options.devices == [("virtio-blk", {"path": str(disk), "format": "raw"})]
    assert read(CONFIG).rest is None


def test_every_device_is_read_as_it_was_meant(disk):
    devices = {
        Blk(disk, ImageFormat.QCOW2): ("virtio-blk", {"path": str(disk), "format": "qcow2"}),
        SocketNet(Path("/tmp/n"), MAC): (
            "virtio-net",
            {"type": "unixgram", "path": "/tmp/n", "mac": MAC, "offloading": "on", "vfkitMagic": "on"},
        ),
        SocketNet(Path("/tmp/n"), MAC, gvproxy=False): (
            "virtio-net", {"type": "unixgram", "path": "/tmp/n", "mac": MAC},
        ),
        VsockPort(5, Path("/tmp/v")): ("virtio-vsock", {"port": "5", "socketURL": "/tmp/v", "listen": ""}),
        VsockPort(6, Path("/tmp/v"), listen=False): (
            "virtio-vsock", {"port": "6", "socketURL": "/tmp/v", "connect": ""},
        ),
        SerialLog(Path("/tmp/c")): ("virtio-serial", {"logFilePath": "/tmp/c"}),
        SharedFolder(Path("/tmp"), "tag"): ("virtio-fs", {"sharedDir": "/tmp", "mountTag": "tag"}),
    }  # fmt: skip
    assert read(replace(CONFIG, devices=tuple(devices))).devices == list(devices.values())


@given(st.text(max_size=40))
def test_a_path_arrives_or_is_refused(name):
    path = Path("/tmp") / f"p{name}"
    try:
        options = read(replace(CONFIG, devices=(SerialLog(path),)))
    except InvalidConfiguration:
        assert any(character in name for character in ",=\0\n\r")
        return
    assert options.devices == [("virtio-serial", {"logFilePath": str(path)})]


@pytest.mark.parametrize(
    ("device", "said"),
    [
        (Blk(Path("a,b")), "cannot be told"),
        (Blk(Path("a=b")), "cannot be told"),
        (SocketNet(Path("/tmp/n"), "nonsense"), "no MAC address"),
        (SocketNet(Path("/tmp") / ("x" * 100), MAC), "at most 103"),
        (VsockPort(0, Path("/tmp/v")), "no vsock port"),
        (VsockPort(5, Path("/tmp") / ("x" * 100)), "at most 103"),
        (SharedFolder(Path("/tmp"), "a tag"), "no tag to mount"),
    ],
)
def test_what_krunkit_would_misread_is_refused(device, said):
    with pytest.raises(InvalidConfiguration, match=said):
        build(replace(CONFIG, devices=(device,)))


def tiny(tmp_path, **more):
    stub = {"efi_stub": tmp_path / "stub"} | more
    return GuestImage("tiny", Arch.ARM64, tmp_path / "kernel", append="console=ttyAMA0 quiet", **stub)


def test_the_reference_guest_gets_virtio_s_console_and_asks_dhcp(tmp_path):
    krunkit = define(MachineSpec(tiny(tmp_path), gpu=GpuMode.VENUS), KRUNKIT)
    assert krunkit.command_line == "console=hvc0 quiet visorbench.ip=dhcp"
    assert (krunkit.settings["vmm"], krunkit.settings["boot"]) == ("krunkit 1.3.1", "efi")
    alone = define(MachineSpec(tiny(tmp_path), extra={"network": "none"}), KRUNKIT)
    assert alone.command_line == "console=hvc0 quiet"


def test_by_hand_its_network_is_started_first(disk, tmp_path, monkeypatch):
    for name in ("gvproxy", "vmnet-helper"):
        monkeypatch.setenv(variable(name), str(DOUBLES / name))
    place = Place(Path("/run/by hand"), tmp_path, "test")
    hand = define(MachineSpec(GuestImage("own", Arch.ARM64, disk=disk)), KRUNKIT).by_hand(place)
    options = parse(shlex.split(hand.command.replace("\\\n", ""))[1:])
    devices = dict(options.devices)
    assert devices["virtio-serial"] == {"logFilePath": "/run/by hand/console.log"}
    assert f"unixgram://{devices['virtio-net']['path']}" in shlex.split(hand.differs["network"])
    assert list(hand.differs) == ["console", "REST", "disk", "network"]


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        ({"extra": {"netwrok": "none"}}, UnknownName, "did you mean 'network'"),
        ({"extra": {"network": "nat"}}, InvalidConfiguration, "network cannot be 'nat'"),
        ({"extra": {"share": "/nowhere"}}, InvalidConfiguration, "no folder that could be shared"),
        ({"gpu": GpuMode.TWO_D}, InvalidConfiguration, "Venus without a display"),
        ({"machine_type": "virt"}, InvalidConfiguration, "no machine types"),
        ({"memory_mib": 1 << 20}, InvalidConfiguration, "61440 MiB"),
        ({"extra": {"vsock": "5000"}}, InvalidConfiguration, "connect:PORT"),
        ({"extra": {"vsock": "listen:0"}}, InvalidConfiguration, "no vsock port"),
    ],
)
def test_what_krun_has_not_is_named_before_anything_is_made(tmp_path, spec, error, said):
    with pytest.raises(error) as raised:
        define(MachineSpec(tiny(tmp_path), **spec), KRUNKIT)
    assert said in f"{raised.value.message} {raised.value.fix}"


def test_a_kernel_without_a_stub_is_named(tmp_path):
    with pytest.raises(InvalidConfiguration, match="without an EFI stub") as raised:
        define(MachineSpec(tiny(tmp_path, efi_stub=None)), KRUNKIT)
    assert "--efi" in raised.value.fix


@pytest.mark.parametrize(
    ("complaint", "code", "fix"),
    [
        ("Error: HV_DENIED (0xfae94007)", "no-entitlement", "codesign"),
        ("Building the microVM failed: Internal(Vm(VmCreate)) 0xfae9400f", "no-device", "Mac"),
        ("Error: unable to set virtio-blk disk", "refused", "brew reinstall krunkit"),
    ],
)
def test_what_macos_refuses_is_told_apart(complaint, code, fix):
    said = Transcript(("krunkit",), b"", complaint.encode(), 1, "ended", 0.1)
    probe = judged("krun", Arch.ARM64, KRUNKIT, said, entitlement=ENTITLEMENT)
    assert (probe.usable, probe.code) == (False, code)
    assert fix in probe.fix
