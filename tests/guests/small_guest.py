"""A guest of a few bytes, and the signed archive that has its packages."""

from __future__ import annotations

import lzma

from harness.guests.model import Arch
from harness.guests.spec import GuestSpec
from tests.archive.miniature import Miniature, deb, regular, special

BZIMAGE = bytes(0x1FE) + b"\x55\xaa\xeb\x66HdrS" + b"kernel" * 1000
KERNEL = "linux-image-6.1-cloud-amd64"
MODULES = "./usr/lib/modules/6.1-cloud-amd64/kernel"


def module(*, depends: str, alias: str = "") -> bytes:
    return lzma.compress(f"\x7fELF\0license=GPL\0alias={alias}\0depends={depends}\0name=x\0".encode())


def fill(archive: Miniature, *, tool: bytes = b"\x7fELF tool", version: str = "1") -> None:
    archive.stanzas.clear()
    archive.add("linux-image-cloud-amd64", "6.1", deb([]), depends=f"{KERNEL} (= 6.1)")
    archive.add(
        KERNEL,
        "6.1",
        deb(
            [
                regular("./boot/vmlinuz-6.1-cloud-amd64", BZIMAGE),
                regular(
                    f"{MODULES}/net/virtio_net.ko.xz",
                    module(depends="net_failover,failover", alias="virtio:d1"),
                ),
                regular(f"{MODULES}/net/net_failover.ko.xz", module(depends="failover")),
                regular(f"{MODULES}/net/failover.ko.xz", module(depends="")),
                regular(f"{MODULES}/sound/unwanted.ko.xz", module(depends="")),
            ]
        ),
        depends="kmod, linux-base",
    )
    archive.add(
        "tool",
        version,
        deb(
            [
                regular("./usr/bin/tool", tool, 0o755),
                special("./usr/bin/t", b"2", "tool"),
                regular("./usr/doc", b""),
            ]
        ),
    )
    archive.publish()


SPEC = GuestSpec(
    name="mini",
    arch=Arch.X86_64,
    description="a guest of a few bytes",
    suite="trixie",
    debian_arch="amd64",
    kernel="linux-image-cloud-amd64",
    append="console=ttyS0",
    memory_mib=128,
    packages={"tool": ("/usr/bin/*",)},
    modules=("virtio-net",),
    links={"/bin": "usr/bin"},
    files={"/init": b"#!/bin/sh\n", "/etc/motd": b"hello\n"},
)
