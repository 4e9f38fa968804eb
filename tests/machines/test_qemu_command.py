"""The command builder: what it builds, a real QEMU accepts; what QEMU would refuse, the builder refuses first."""

import os
import shutil
import socket
import subprocess
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.channels.qmp import Qmp
from harness.errors import ControlError, GpuUnavailable, InvalidConfiguration, UnknownName
from harness.guests.model import Arch
from harness.host.introspection import QemuFeatures
from harness.host.qemu import QemuBinary, find_qemus
from harness.machines.model import GpuMode
from harness.machines.qemu import defaults, gpu
from harness.machines.qemu.command import build, shell_quoted
from harness.machines.qemu.config import QemuConfig
from harness.machines.qemu.devices import (
    Accelerator,
    Aio,
    Cache,
    Device,
    Drive,
    DriveInterface,
    Forward,
    Inherited,
    Nowhere,
    OnReboot,
    Port,
    ToFile,
    UserNet,
)
from harness.machines.qemu.graphics import Display, Gl, Gpu
from harness.machines.qemu.options import joined

MACHINES = {
    Arch.X86_64: ["q35", "pc", "microvm,pcie=on"],
    Arch.ARM64: ["virt", "virt,gic-version=3", "virt,highmem=off"],
}
CPUS = {Arch.X86_64: ["max", "qemu64", "max,+aes,-avx"], Arch.ARM64: ["cortex-a57", "max,pauth-impdef=on"]}
VIDEO = {Arch.X86_64: [None, "VGA", "virtio-gpu-pci,xres=800"], Arch.ARM64: [None, "ramfb", "virtio-gpu-pci"]}
names = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/\0\n\r"), min_size=1, max_size=12
).filter(lambda text: text.strip(". ") and len(text.encode()) < 200)


@lru_cache(maxsize=1)
def qemus() -> list[QemuBinary]:
    """Every QEMU of this host: what one lacks, another may have."""
    return [qemu for qemu in find_qemus() if not qemu.too_old] or pytest.skip("no QEMU on this host")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder in which ``file(name, format)`` makes an image of 1 MiB, whatever its name."""
    folder = tmp_path_factory.mktemp("images, with a comma and ü:")

    def file(name: str, kind: str = "raw") -> Path:
        path = folder / f"{kind}-{name}"
        if not path.exists():
            path.write_bytes(b"")
            os.truncate(path, 1 << 20)
            if kind == "kernel":
                write_linux_header(path)
            if kind == "qcow2":
                plain = folder / "plain.qcow2"
                subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", plain, "1M"], check=True)
                plain.replace(path)
        return path

    return file


def write_linux_header(path: Path) -> None:
    """What QEMU's x86 loader reads of a kernel (Linux: Documentation/arch/x86/boot.rst, protocol 2.12)."""
    fields = {0x1F1: "04", 0x1FE: "55aa", 0x202: b"HdrS".hex(), 0x206: "0c02", 0x211: "01", 0x22C: "ffffff37"}
    with path.open("r+b") as kernel:
        for offset, value in (fields | {0x238: "ff07"}).items():
            kernel.seek(offset)
            kernel.write(bytes.fromhex(value))


@st.composite
def drives(draw, file):
    cache = draw(st.sampled_from(Cache))
    direct = cache in (Cache.NONE, Cache.DIRECTSYNC)
    kinds = ["raw", "qcow2"] if shutil.which("qemu-img") else ["raw"]
    kind = draw(st.sampled_from(kinds))
    return Drive(
        file=file(draw(names), kind), format=kind, interface=draw(st.sampled_from(DriveInterface)),
        readonly=draw(st.booleans()), snapshot=draw(st.booleans()), cache=cache,
        aio=draw(st.sampled_from([Aio.THREADS, Aio.NATIVE] if direct and os.name == "posix" else [Aio.THREADS])),
    )  # fmt: skip


def graphics(qemu: QemuBinary):
    """A display device, or a GPU with a display that renders for it where this QEMU has one."""
    arch = Arch(qemu.arch)
    devices = [{"video": video} for video in VIDEO[arch]]
    for mode in (GpuMode.TWO_D, GpuMode.VIRGL, GpuMode.VENUS):
        if gpu.probe(mode, arch, qemu).usable:
            surface = gpu.surface_for(mode, arch, qemu)
            devices += [
                {"gpu": made, "display": surface.display, "environment": surface.environment}
                for made in (
                    gpu.GPUS[mode],
                    replace(gpu.GPUS[mode], hostmem_mib=16 if gpu.GPUS[mode].gl else 0),
                )
            ]
    return st.sampled_from(devices)


@st.composite
def configs(draw, file):
    qemu = draw(st.sampled_from(qemus()))
    arch = Arch(qemu.arch)
    kernel = draw(st.none() | names)
    chardevs = st.just(Nowhere()) | names.map(lambda name: ToFile(file(name, "log")))
    networks = st.builds(
        UserNet, restrict=st.booleans(), mac=st.none() | st.just("52:54:00:12:34:56"),
        forwards=st.lists(st.builds(Forward, st.integers(1, 65535)), max_size=2).map(tuple),
    )  # fmt: skip
    return QemuConfig(
        binary=qemu.path, features=qemu.features, arch=arch, machine=draw(st.sampled_from(MACHINES[arch])),
        cpu=draw(st.sampled_from(CPUS[arch])), accelerator=defaults.accelerator("tcg", arch),
        memory_mib=draw(st.integers(32, 2048)), cpus=draw(st.integers(1, 4)),
        kernel=file(kernel, "kernel") if kernel else None,
        initrd=file(kernel, "initrd") if kernel and draw(st.booleans()) else None,
        append=draw(names) if kernel else "",
        firmware=file(draw(names), "firmware") if draw(st.booleans()) else None,
        drives=tuple(draw(st.lists(drives(file), max_size=2, unique_by=lambda drive: drive.file))),
        networks=tuple(draw(st.lists(networks, max_size=2))),
        console=draw(st.none() | chardevs),
        ports=tuple(draw(st.lists(st.builds(Port, names, chardevs), max_size=3, unique_by=lambda port: port.name))),
        rng=draw(st.booleans()), name=draw(names), **draw(graphics(qemu)),
        devices=draw(st.sampled_from([(), (Device("pvpanic-pci", {"events": 1}),), (Device("qemu-xhci"),)])),
        on_reboot=draw(st.sampled_from(OnReboot)), paused=True,
    )  # fmt: skip


def chardevs_of(config):
    return [config.console, *(port.chardev for port in config.ports)]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_real_qemu_accepts_what_is_built(files, data):
    config = data.draw(configs(files))
    ours, theirs = socket.socketpair()
    argv = build(replace(config, monitor=Inherited(theirs.fileno())))
    logs = [chardev.path for chardev in chardevs_of(config) if isinstance(chardev, ToFile)]
    for log in logs:
        log.unlink(missing_ok=True)
    environment = gpu.environment(config.environment, files("").parent)
    process = subprocess.Popen(
        argv, pass_fds=[theirs.fileno()], stderr=subprocess.PIPE, text=True, env=environment
    )
    theirs.close()
    qmp = Qmp(ours)
    try:
        qmp.negotiate(timeout_s=20)
        drives = [
            Path(each["inserted"]["file"])
            for each in qmp.execute("query-block")
            if each.get("inserted") and "flash" not in each["device"]
        ]
        name = qmp.execute("query-name")
        qmp.execute("quit")
    except ControlError as error:
        process.kill()
        pytest.fail(f"{error}\n{shell_quoted(argv)}\n{process.communicate()[1]}")
    finally:
        qmp.close()
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 0, stderr
    assert name == {"name": config.name}
    if not any(drive.snapshot for drive in config.drives):
        assert drives == [drive.file for drive in config.drives]
    assert all(path.is_file() for path in logs)


SDL = {"display": Display("sdl", Gl.ON)}
VENUS = Gpu(gl=True, hostmem_mib=256, blob=True, venus=True)
FEATURES = QemuFeatures(
    "x86_64", ("tcg",), ("q35", "pc", "microvm"), virtio_gpu_gl=True, venus=False, spice=False, dbus_display=False,
    vhost_user_vsock=False, displays=("none", "sdl"),
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
    ]:
        with pytest.raises((InvalidConfiguration, UnknownName), match=words):
            build(replace(sound, drives=(drive,)))


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
