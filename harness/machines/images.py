"""What a disk image is, by its own magic: QEMU is always told, so that a guest cannot make it guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration

if TYPE_CHECKING:
    from pathlib import Path

_QCOW2 = b"QFI\xfb"
_FOREIGN = {
    b"KDMV": "VMDK",
    b"vhdxfile": "VHDX",
    b"conectix": "VHD",
    b"<<< ": "VDI",
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ": "xz",
}


def image_format(path: Path) -> str:
    """``qcow2`` or ``raw``; raises InvalidConfiguration for what must be converted or unpacked first, and for what is
    called qcow2 and is not: half a download, or an error's page in its place, would boot as a raw disk with nothing
    on it."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise InvalidConfiguration(
            f"the disk image {path} cannot be read: {error.strerror}", fix="correct the path"
        ) from error
    if head.startswith(_QCOW2):
        return "qcow2"
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise InvalidConfiguration(
                f"{path} is a {name} file",
                fix=f"unpack it, or `qemu-img convert -O qcow2 '{path}' disk.qcow2`",
            )
    if path.suffix.lower() == ".qcow2":
        raise InvalidConfiguration(
            f"{path} is called .qcow2 and is no qcow2 image",
            fix="fetch or make it again; if it is a raw disk, call it .raw",
        )
    return "raw"
