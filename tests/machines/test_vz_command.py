"""vfkit's command line: whatever the typed configuration says, vfkit's own rules read the same out of it."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InvalidConfiguration, UnknownName
from harness.guests.model import Arch, GuestImage
from harness.host.vmm_programs import VmmProgram
from harness.machines.disk import Disk
from harness.machines.model import GpuMode, MachineSpec
from harness.machines.rest.devices import SerialLog, SharedFolder, VsockPort
from harness.machines.rest.vmm import Place
from harness.machines.vz.command import build
from harness.machines.vz.config import (
    Blk,
    EfiBoot,
    Gpu2d,
    LinuxBoot,
    NatNet,
    Rng,
    Rosetta,
    SerialPty,
    SerialStdio,
    SocketNet,
    VfkitConfig,
)
from harness.machines.vz.program import define
from harness.machines.vz.proof import image
from tests.doubles.vfkit_options import Refused, parse

MAC = "52:54:00:12:34:56"
VFKIT = VmmProgram("vfkit", Path("vfkit"), (0, 6, 1))


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    path = tmp_path_factory.mktemp("an image with ü") / "Image"
    path.write_bytes(image())
    return path


@pytest.fixture
def config(kernel):
    return VfkitConfig(Path("vfkit"), LinuxBoot(kernel, cmdline="console=hvc0"))


def read(config):
    return parse(build(config)[1:])


def test_a_linux_machine(config, kernel, tmp_path):
    boot = LinuxBoot(kernel, tmp_path / "initrd", "console=hvc0 a=1,2 quiet")
    options = read(replace(config, boot=boot, cpus=2, memory_mib=1024, rest=tmp_path / "r ü.sock"))
    assert (options.cpus, options.memory_mib, options.rest) == (2, 1024, tmp_path / "r ü.sock")
    assert options.boot == {
        "kind": "linux", "kernel": str(kernel), "initrd": str(tmp_path / "initrd"),
        "cmdline": "console=hvc0 a=1,2 quiet",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("device", "kind", "keys"),
    [
        (NatNet(MAC), "virtio-net", {"nat": "", "mac": MAC}),
        (NatNet(), "virtio-net", {"nat": ""}),
        (SocketNet(Path("/tmp/n"), MAC), "virtio-net", {"unixSocketPath": "/tmp/n", "mac": MAC}),
        (SerialPty(), "virtio-serial", {"pty": ""}),
        (SerialLog(Path("/tmp/log")), "virtio-serial", {"logFilePath": "/tmp/log"}),
        (SerialStdio(), "virtio-serial", {"stdio": ""}),
        (
            VsockPort(5, Path("/tmp/v")),
            "virtio-vsock",
            {"port": "5", "socketURL": "/tmp/v", "listen": ""},
        ),
        (
            VsockPort(5, Path("/tmp/v"), listen=False),
            "virtio-vsock",
            {"port": "5", "socketURL": "/tmp/v", "connect": ""},
        ),
        (Rng(), "virtio-rng", {}),
        (SharedFolder(Path("/tmp"), "tag"), "virtio-fs", {"sharedDir": "/tmp", "mountTag": "tag"}),
        (Gpu2d(1280, 720), "virtio-gpu", {"width": "1280", "height": "720"}),
        (
            Rosetta("r", install=True, ignore_if_missing=True),
            "rosetta",
            {"mountTag": "r", "install": "", "ignore-if-missing": ""},
        ),
    ],
)
def test_every_device_is_read_as_it_was_meant(config, device, kind, keys):
    assert read(replace(config, devices=(device,))).devices == [(kind, keys)]


def test_a_disk_behind_firmware(config, tmp_path):
    disk = tmp_path / "disk.raw"
    disk.write_bytes(bytes(512))
    options = read(replace(config, boot=EfiBoot(tmp_path / "variables"), devices=(Blk(disk, "root"),)))
    store = {"kind": "efi", "variable-store": str(tmp_path / "variables"), "create": ""}
    assert options.boot == store
    assert options.devices == [("virtio-blk", {"path": str(disk), "deviceId": "root"})]


@given(st.text(max_size=60))
def test_a_kernel_command_line_arrives_or_is_refused(text):
    config = VfkitConfig(Path("vfkit"), EfiBoot(Path("v")))
    try:
        argv = build(replace(config, boot=LinuxBoot(Path("nowhere"), cmdline=text)))
    except InvalidConfiguration:
        assert any(character in text for character in '"\0\n\r')
        return
    with pytest.raises(Refused, match="open nowhere"):  # every option was understood before
        parse(argv[1:])
    assert argv[argv.index("--bootloader") + 1].endswith(f'cmdline="{text}"')


@pytest.mark.parametrize(
    ("device", "said"),
    [
        (Blk(Path("a,b")), "cannot be told"),
        (Blk(Path('a"b')), "cannot be told"),
        (NatNet("nonsense"), "no MAC address"),
        (VsockPort(0, Path("/tmp/v")), "no vsock port"),
        (VsockPort(5, Path("/tmp") / ("x" * 100)), "at most 103"),
        (SocketNet(Path("/tmp") / ("x" * 80) / "n"), "too long for a network's sockets"),
        (SharedFolder(Path("/tmp"), "a tag"), "no tag to mount"),
        (Gpu2d(0, 600), "a display of 0 pixels"),
    ],
)
def test_what_vfkit_would_misread_is_refused(config, device, said):
    with pytest.raises(InvalidConfiguration, match=said):
        build(replace(config, devices=(device,)))


def tiny(kernel, **more):
    return GuestImage("tiny", Arch.ARM64, kernel, append="console=ttyAMA0 quiet", **more)


def test_the_reference_guest_gets_virtio_s_console_and_asks_dhcp(kernel):
    vfkit = define(MachineSpec(tiny(kernel)), VFKIT)
    assert vfkit.command_line == "console=hvc0 quiet visorbench.ip=dhcp"
    assert vfkit.settings["vmm"] == "vfkit 0.6.1"
    alone = define(MachineSpec(tiny(kernel), extra={"network": "none"}), VFKIT)
    assert alone.command_line == "console=hvc0 quiet"


def test_by_hand_it_is_the_same_machine_on_a_terminal(kernel, tmp_path):
    place = Place(Path("/run/by hand"), tmp_path, "test")
    hand = define(MachineSpec(tiny(kernel, initrd=kernel)), VFKIT).by_hand(place)
    options = parse(shlex.split(hand.command.replace("\\\n", ""))[1:])
    assert (options.boot["kernel"], options.rest) == (str(kernel), place.rest)
    assert [kind for kind, _ in options.devices] == ["virtio-net", "virtio-serial"]
    assert options.devices[1] == ("virtio-serial", {"stdio": ""})
    assert list(hand.differs) == ["console", "REST", "initrd"]


def test_by_hand_a_packed_kernel_and_a_disk_are_said_to_differ(tmp_path):
    packed, disk = tmp_path / "vmlinuz", tmp_path / "disk.raw"
    packed.write_bytes(b"\x1f\x8b".ljust(512, b"\0"))
    disk.write_bytes(bytes(512))
    guest = GuestImage("own", Arch.ARM64, packed, disk=disk)
    differs = define(MachineSpec(guest), VFKIT).by_hand(Place(tmp_path, tmp_path, "test")).differs
    assert "visorbench kernel unpack" in differs["kernel"]
    assert "a copy" in differs["disk"]


def test_extra_devices_are_those_that_were_asked_for(kernel, tmp_path):
    extra = {"rng": "on", "rosetta": "on", "share": str(tmp_path), "size": "1280x720"}
    vfkit = define(MachineSpec(tiny(kernel), gpu=GpuMode.TWO_D, extra=extra), VFKIT)
    assert vfkit.extras == (
        Rng(), SharedFolder(tmp_path, "visorbench"), Rosetta("rosetta"), Gpu2d(1280, 720),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        ({"extra": {"netwrok": "nat"}}, UnknownName, "did you mean 'network'"),
        ({"extra": {"network": "open"}}, InvalidConfiguration, "network cannot be 'open'"),
        ({"extra": {"share": "/nowhere"}}, InvalidConfiguration, "no folder that could be shared"),
        ({"extra": {"size": "9x9"}}, InvalidConfiguration, "a size without a GPU"),
        ({"gpu": GpuMode.VENUS}, InvalidConfiguration, "a plain display"),
        ({"machine_type": "virt"}, InvalidConfiguration, "no machine types"),
        ({"cpus": 0}, InvalidConfiguration, "0 CPUs"),
        ({"disks": (Disk("disk", Path("disk.img")),)}, InvalidConfiguration, "is given no disks"),
    ],
)
def test_what_vz_has_not_is_named_before_anything_is_made(kernel, spec, error, said):
    with pytest.raises(error) as raised:
        define(MachineSpec(tiny(kernel), **spec), VFKIT)
    assert said in f"{raised.value.message} {raised.value.fix}"


def test_a_guest_of_another_architecture_and_a_qcow2_disk_are_named(kernel, tmp_path):
    with pytest.raises(InvalidConfiguration, match="which runs arm64"):
        define(MachineSpec(GuestImage("tiny", Arch.X86_64, kernel)), VFKIT)
    disk = tmp_path / "disk.qcow2"
    disk.write_bytes(b"QFI\xfb".ljust(512, b"\0"))
    with pytest.raises(InvalidConfiguration, match="takes raw ones only") as raised:
        define(MachineSpec(GuestImage("own", Arch.ARM64, disk=disk)), VFKIT)
    assert "qemu-img convert" in raised.value.fix
