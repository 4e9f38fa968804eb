"""The command builder: what it builds, a real QEMU accepts; what QEMU would refuse, the builder refuses first."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import GpuUnavailable, InvalidConfiguration, UnknownName
from harness.guests.model import Arch
from harness.host.introspection import QemuFeatures
from harness.machines.by_hand import shell_quoted
from harness.machines.disk import Aio, DiskInterface
from harness.machines.qemu.command import build
from harness.machines.qemu.config import QemuConfig
from harness.machines.qemu.devices import (
    Accelerator,
    Device,
    DgramNet,
    Drive,
    Forward,
    Inherited,
    IvshmemCard,
    Nowhere,
    Port,
    StreamNet,
    TapNet,
    ToFile,
    UserNet,
)
from harness.machines.qemu.graphics import Display, Gl, Gpu
from harness.machines.qemu.options import joined
from tests.machines.qemu_configs import accepted, chardevs_of, configs


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_real_qemu_accepts_what_is_built(files, data):
    config = data.draw(configs(files))
    logs = [chardev.path for chardev in chardevs_of(config) if isinstance(chardev, ToFile)]
    for log in logs:
        log.unlink(missing_ok=True)
    with accepted(config, files) as qmp:
        drives = [
            Path(each["inserted"]["file"])
            for each in qmp.execute("query-block")
            if each.get("inserted") and "flash" not in each["device"]
        ]
        name = qmp.execute("query-name")
    assert name == {"name": config.name}
    if not any(drive.snapshot for drive in config.drives):
        assert drives == [drive.file for drive in config.drives]
    assert all(path.is_file() for path in logs)


SDL = {"display": Display("sdl", Gl.ON)}
VENUS = Gpu(gl=True, hostmem_mib=256, blob=True, venus=True)
FEATURES = QemuFeatures(
    "x86_64", ("tcg",), ("q35", "pc", "microvm"), virtio_gpu_gl=True, venus=False, spice=False, dbus_display=False,
    vhost_user_vsock=False, displays=("none", "sdl"), cpus=("max", "qemu64", "qemu64-v1"),
    devices=("virtio-serial-pci", "virtserialport",
             "VGA", "e1000", "nvme", "virtio-blk-pci", "virtio-net-pci", "virtio-gpu-pci"),
)  # fmt: skip


@pytest.fixture
def sound(tmp_path):
    """A configuration without a fault."""
    kernel = tmp_path / "kernel"
    kernel.write_bytes(b"x")
    return QemuConfig(
        binary=Path("/usr/bin/qemu"), arch=Arch.X86_64, machine="q35", cpu="max",
        accelerator=Accelerator("tcg"), kernel=kernel, features=FEATURES,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"machine": "q53"}, UnknownName, "did you mean 'q35'"),
        ({"machine": ""}, InvalidConfiguration, "machine type"),
        ({"machine": "microvm"}, InvalidConfiguration, "microvm,pcie=on"),
        ({"machine": "q35\n"}, InvalidConfiguration, "machine type"),
        ({"accelerator": Accelerator("kmv")}, UnknownName, "did you mean 'kvm'"),
        ({"cpu": "host"}, InvalidConfiguration, "hardware acceleration"),
        ({"cpu": "-device"}, InvalidConfiguration, "CPU model"),
        ({"cpu": "qemu46,+aes"}, UnknownName, "CPU model 'qemu46' in /usr/bin/qemu .did you mean 'qemu64'"),
        ({"video": "VAG"}, UnknownName, "unknown device 'VAG' in /usr/bin/qemu .did you mean 'VGA'"),
        ({"devices": (Device("e100"),)}, UnknownName, "did you mean 'e1000'"),
        ({"networks": (UserNet(device="virtio-net-pic"),)}, UnknownName, "did you mean 'virtio-net-pci'"),
        ({"rng": True}, UnknownName, "unknown device 'virtio-rng-pci'"),
        ({"ivshmem": IvshmemCard(48)}, InvalidConfiguration, "power of two"),
        ({"ivshmem": IvshmemCard(16)}, UnknownName, "unknown device 'ivshmem-plain'"),
        ({"memory_mib": 4}, InvalidConfiguration, "32 to"),
        ({"memory_mib": 1 << 40}, InvalidConfiguration, "MiB"),
        ({"cpus": 0}, InvalidConfiguration, "1 to 255"),
        (
            {"cpus": 9, "arch": Arch.ARM64, "machine": "virt", "features": None},
            InvalidConfiguration,
            "1 to 8",
        ),
        ({"initrd": Path("/nowhere/initrd")}, InvalidConfiguration, "is not a file"),
        ({"append": "a\0b"}, InvalidConfiguration, "NUL"),
        ({"kernel": None, "append": "quiet"}, InvalidConfiguration, "without a kernel"),
        ({"video": "no/such"}, InvalidConfiguration, "display device"),
        ({"display": Display("sdk")}, UnknownName, "did you mean 'sdl'"),
        ({"gpu": Gpu(), "video": "VGA"}, InvalidConfiguration, "would have two"),
        ({"gpu": Gpu(gl=True)}, InvalidConfiguration, "`-display none` does not"),
        ({"gpu": Gpu(gl=True), "display": Display("sdl")}, InvalidConfiguration, "sdl,gl=on"),
        ({"gpu": Gpu(gl=True), "display": Display("sdl", Gl.OFF)}, InvalidConfiguration, "with OpenGL"),
        ({**SDL, "gpu": Gpu(gl=True, venus=True)}, InvalidConfiguration, "without blob=on and hostmem"),
        ({**SDL, "gpu": Gpu(gl=True, venus=True, blob=True)}, InvalidConfiguration, "without hostmem"),
        ({**SDL, "gpu": Gpu(gl=True, hostmem_mib=300)}, InvalidConfiguration, "power of two"),
        ({"gpu": Gpu(venus=True)}, InvalidConfiguration, "virtio-gpu-gl"),
        ({**SDL, "gpu": VENUS}, GpuUnavailable, "does not know venus.*runtime install gpu"),
        (
            {**SDL, "gpu": Gpu(gl=True), "features": replace(FEATURES, virtio_gpu_gl=False)},
            GpuUnavailable,
            "has no virtio-gpu-gl",
        ),
        ({"devices": (Device("bad name"),)}, InvalidConfiguration, "device"),
        ({"devices": (Device("e1000", {"bad key": 1}),)}, InvalidConfiguration, "QEMU option"),
        ({"ports": (Port("a", Nowhere()), Port("a", Nowhere()))}, InvalidConfiguration, "same name"),
        ({"console": Inherited(5), "monitor": Inherited(5)}, InvalidConfiguration, "descriptor"),
        ({"networks": (UserNet(forwards=(Forward(0),)),)}, InvalidConfiguration, "1 to 65535"),
        (
            {"networks": (UserNet(forwards=(Forward(1, 2222), Forward(2, 2222))),)},
            InvalidConfiguration,
            "twice",
        ),
    ],
)
def test_what_is_refused_before_qemu_sees_it(sound, change, error, words):
    with pytest.raises(error, match=words):
        build(replace(sound, **change))


def test_drives_are_refused_when_they_do_not_fit(sound, tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(b"")
    for drive, words in [
        (Drive(disk, "qcow"), "did you mean 'qcow2'"),
        (Drive(tmp_path / "none", "raw"), "is not a file"),
        (Drive(disk, "raw", aio=Aio.NATIVE), "cache=none"),
        (Drive(disk, "raw", name="drive1"), "cannot be called 'drive1'"),
        (Drive(disk, "raw", name="a" * 21), "up to 20"),
        (Drive(disk, "raw", name="a,b"), "cannot be called"),
    ]:
        with pytest.raises((InvalidConfiguration, UnknownName), match=words):
            build(replace(sound, drives=(drive,)))
    twice = (Drive(disk, "raw", name="a"), Drive(disk, "raw", name="a"))
    with pytest.raises(InvalidConfiguration, match="two disks have the same name"):
        build(replace(sound, drives=twice))


def test_the_name_of_a_disk_is_its_serial_number_and_its_node(sound, tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(b"")
    named = Drive(disk, "raw", DiskInterface.NVME, "mine")
    argv = build(replace(sound, drives=(Drive(disk, "raw", DiskInterface.NVME), named)))
    assert "nvme,drive=drive0,serial=drive0" in argv
    assert "nvme,drive=drive1,serial=mine" in argv
    assert [word for word in argv if "node-name=mine" in word and "id=drive1" in word]


def test_commas_are_doubled_and_switches_spelt():
    options = {"path": Path("/a,b/ü c"), "append": True, "left": None, "n": 3}
    assert joined("file", options) == "file,path=/a,,b/ü c,append=on,n=3"


def test_the_quoted_form_is_read_back_by_a_shell(sound, tmp_path):
    kernel = tmp_path / "it's a $HOME `kernel` ü"
    kernel.write_bytes(b"x")
    argv = build(replace(sound, kernel=kernel, append='a="b c" \\'))
    script = f"show() {{ printf '%s\\0' \"$@\"; }}; show {shell_quoted(argv)}"
    said = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout
    assert said.decode().split("\0")[:-1] == argv


def test_guests_are_restricted_unless_told(sound):
    argv = build(replace(sound, networks=(UserNet(forwards=(Forward(22),)),)))
    assert "user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:0-:22" in argv


def test_a_network_names_what_qemu_inherits_and_the_card_its_address(sound):
    cards = (TapNet(7, mac="52:54:0a:00:06:0f"), StreamNet(8), DgramNet(9))
    argv = build(replace(sound, networks=cards))
    assert [argv[at + 1] for at, word in enumerate(argv) if word == "-netdev"] == [
        "tap,id=net0,fd=7",
        "stream,id=net1,server=off,addr.type=fd,addr.str=8",
        "dgram,id=net2,local.type=fd,local.str=9",
    ]
    assert "virtio-net-pci,netdev=net0,mac=52:54:0a:00:06:0f,romfile=" in argv
    for cards, words in (
        ((TapNet(7), StreamNet(7)), "share a descriptor"),
        ((TapNet(7, mac="53:54:0a:00:06:0f"),), "a network card's address"),
    ):
        with pytest.raises(InvalidConfiguration, match=words):
            build(replace(sound, networks=cards))


def test_of_hundreds_of_names_a_message_shows_the_nearest():
    error = UnknownName("device", "e100", [f"device-{n}" for n in range(500)] + ["e1000", "e1000e"])
    assert "did you mean 'e1000'? known: e1000, e1000e, " in str(error)
    assert "and 494 others" in str(error)
    assert len(str(error)) < 200
    assert len(error.known) == 502


def test_shared_memory_is_a_file_that_qemu_inherits(sound):
    argv = build(replace(sound, features=None, ivshmem=IvshmemCard(16, fd=5)))
    assert "memory-backend-file,id=ivshmem,size=16M,share=on,mem-path=/proc/self/fd/5" in argv
    assert "ivshmem-plain,memdev=ivshmem,master=on" in argv
