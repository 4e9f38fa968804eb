"""Configurations of QEMU machines for hypothesis, and what a real QEMU says to them."""

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import strategies as st

from harness.channels.qmp import Qmp
from harness.errors import ControlError
from harness.guests.model import Arch
from harness.host.qemu import QemuBinary, find_qemus
from harness.machines.by_hand import shell_quoted
from harness.machines.disk import Aio, Cache, DiskInterface
from harness.machines.model import GpuMode
from harness.machines.qemu import defaults, gpu
from harness.machines.qemu.command import build
from harness.machines.qemu.config import QemuConfig
from harness.machines.qemu.devices import (
    Connecting,
    Device,
    DgramNet,
    Drive,
    Forward,
    Inherited,
    IvshmemCard,
    Listening,
    Nowhere,
    OnReboot,
    Port,
    Stdio,
    StreamNet,
    ToFile,
    UserNet,
)

MACHINES = {
    Arch.X86_64: ["q35", "pc", "microvm,pcie=on"],
    Arch.ARM64: ["virt", "virt,gic-version=3", "virt,highmem=off"],
}
CPUS = {Arch.X86_64: ["max", "qemu64", "max,+aes,-avx"], Arch.ARM64: ["cortex-a57", "max,pauth-impdef=on"]}
NETWORK_CARDS = ["virtio-net-pci", "virtio-net", "e1000", "e1000e", "rtl8139"]
OTHERS = [
    Device("pvpanic-pci", {"events": 1}), Device("qemu-xhci"), Device("virtio-balloon-pci", {"deflate-on-oom": True}),
    Device("virtio-keyboard"), Device("virtio-tablet-pci"), Device("virtio-rng-pci", {"max-bytes": 99, "period": 9}),
]  # fmt: skip
VIDEO = {Arch.X86_64: [None, "VGA", "virtio-gpu-pci,xres=800"], Arch.ARM64: [None, "ramfb", "virtio-gpu-pci"]}
names = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Cn"), blacklist_characters="/\0\n\r"),
    min_size=1,
    max_size=12,
).filter(lambda text: text.strip(". ") and len(text.encode()) < 200)


@lru_cache(maxsize=1)
def qemus() -> list[QemuBinary]:
    """Every QEMU of this host: what one lacks, another may have."""
    return [qemu for qemu in find_qemus() if not qemu.too_old] or pytest.skip("no QEMU on this host")


class Files:
    """Images of 1 MiB, whatever their names, in a folder with a name that option parsers dislike; a TCP port that takes
    whoever connects; and networks through sockets that somebody else has the other ends of."""

    def __init__(self, folder: Path, sockets: Path) -> None:
        self.folder = folder
        self.sockets = sockets
        self._pairs = [socket.socketpair(type=kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
        self.nets = tuple(
            kind(pair[0].fileno()) for kind, pair in zip((StreamNet, DgramNet), self._pairs, strict=True)
        )
        self._server = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self._server.getsockname()[1]

    def close(self) -> None:
        self._server.close()
        for end in (end for pair in self._pairs for end in pair):
            end.close()

    def __call__(self, name: str, kind: str = "raw") -> Path:
        path = self.folder / f"{kind}-{name}"
        if not path.exists():
            path.write_bytes(b"")
            os.truncate(path, 1 << 20)
            if kind == "kernel":
                write_linux_header(path)
            if kind == "qcow2":
                plain = self.folder / "plain.qcow2"
                subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", plain, "1M"], check=True)
                plain.replace(path)
        return path


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
        file=file(draw(names), kind), format=kind, interface=draw(st.sampled_from(DiskInterface)),
        name=draw(st.none() | st.integers(0, 1 << 40).map(lambda number: f"disk-{number}")),
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
    chardevs = (
        st.sampled_from([Nowhere(), Connecting("127.0.0.1", file.port)])
        | names.map(lambda name: ToFile(file(name, "log")))
        | st.integers(0, 9).map(lambda n: Listening(file.sockets / f"socket, {n}"))
    )
    known = set(qemu.features.devices)
    others = [device for device in OTHERS if device.driver in known]
    networks = st.builds(
        UserNet, restrict=st.booleans(),
        device=st.sampled_from([card for card in NETWORK_CARDS if card in known]),
        mac=st.none() | st.just("52:54:00:12:34:56"),
        forwards=st.lists(st.builds(Forward, st.integers(1, 65535)), max_size=2).map(tuple),
        subnet=st.none() | st.just(IPv4Network("10.9.8.0/24")),
    )  # fmt: skip
    cards = [None, *(IvshmemCard(mib) for mib in (1, 16) if IvshmemCard.driver in known)]
    wired = [(), file.nets] if qemu.version >= (7, 2, 0) else [()]
    return QemuConfig(
        binary=qemu.path, features=qemu.features, arch=arch, machine=draw(st.sampled_from(MACHINES[arch])),
        cpu=draw(st.sampled_from(CPUS[arch])), accelerator=defaults.accelerator("tcg", arch),
        memory_mib=draw(st.integers(32, 2048)), cpus=draw(st.integers(1, 4)),
        kernel=file(kernel, "kernel") if kernel else None,
        initrd=file(kernel, "initrd") if kernel and draw(st.booleans()) else None,
        append=draw(names) if kernel else "",
        firmware=file(draw(names), "firmware") if draw(st.booleans()) else None,
        drives=tuple(draw(st.lists(drives(file), max_size=2, unique_by=lambda drive: drive.file))),
        networks=(*draw(st.lists(networks, max_size=2)), *draw(st.sampled_from(wired))),
        console=draw(st.none() | st.builds(Stdio, st.booleans()) | chardevs),
        ports=tuple(draw(st.lists(st.builds(Port, names, chardevs), max_size=3, unique_by=lambda port: port.name))),
        ivshmem=draw(st.sampled_from(cards)), rng=draw(st.booleans()), name=draw(names), **draw(graphics(qemu)),
        devices=tuple(draw(st.lists(st.sampled_from(others), max_size=3, unique_by=lambda each: each.driver))),
        on_reboot=draw(st.sampled_from(OnReboot)), paused=True,
    )  # fmt: skip


def chardevs_of(config):
    return [config.console, *(port.chardev for port in config.ports)]


@contextmanager
def accepted(config: QemuConfig, files: Files):
    """The QMP of a real QEMU that has taken the whole command line; fails with what it says against it."""
    ours, theirs = socket.socketpair()
    argv = build(replace(config, monitor=Inherited(theirs.fileno()), paused=True))
    process = subprocess.Popen(
        argv, pass_fds=[theirs.fileno(), *(net.fd for net in files.nets)],
        env=gpu.environment(config.environment, files.sockets),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    theirs.close()
    qmp = Qmp(ours)
    try:
        qmp.negotiate(timeout_s=20)
        qmp.execute("query-status", timeout_s=20)  # it greets before it has made its devices
        yield qmp
        qmp.execute("quit")
    except ControlError as error:
        process.kill()
        pytest.fail(f"{error}\n{shell_quoted(argv)}\n{process.communicate()[1]}")
    finally:
        qmp.close()
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 0, stderr
