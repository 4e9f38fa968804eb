"""From a kernel as it is shipped to one that a VMM takes: an uncompressed arm64 Image, an x86 bzImage.

Virtualization.framework takes nothing else on arm64, and QEMU only some of the rest. A bzImage is compressed too, but
unpacks itself wherever it is started.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import KernelCorrupt, KernelUnusable
from harness.guests import kernel as headers
from harness.guests.image.pe import read_pe, section_data
from harness.host.write_errors import naming_write_errors
from harness.kernels.decompress import compression, decompress, known
from harness.kernels.zboot import read_zboot

if TYPE_CHECKING:
    from pathlib import Path

    from harness.guests.model import Arch

MOST_BYTES = 512 << 20
"""No kernel is larger, packed or not: a debug build of everything is below 300 MiB."""
IMAGE = "Image"

_MOST_LAYERS = 4
_ZBOOT_NAMES = {"zstd22": "zstd", "xzkern": "xz"}
"""Kbuild's names of compressions → ours."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A kernel that boots directly; ``layers`` is what it was packed in, the outermost first."""

    arch: Arch
    data: bytes
    layers: tuple[str, ...] = ()


def direct_kernel(kernel: Path, arch: Arch, folder: Path) -> Path:
    """``kernel`` if it boots ``arch`` directly as it is, else the file ``Image`` in ``folder``, unpacked from it.

    For backends whose VMM unpacks nothing. Raises KernelUnusable, KernelCorrupt, DiskFull, CacheReadOnly.
    """
    if boots_directly(kernel, arch):
        return kernel
    unpacked = unpack_file(kernel)
    if unpacked.arch is not arch:
        raise KernelUnusable(
            f"the kernel {kernel} is for {unpacked.arch}, and the guest is {arch}",
            fix=f"give it a kernel for {arch}", path=kernel,
        )  # fmt: skip
    return write_kernel(unpacked, folder / IMAGE)


def boots_directly(kernel: Path, arch: Arch) -> bool:
    """Whether it boots ``arch`` as it is; raises KernelUnusable."""
    try:
        with kernel.open("rb") as file:
            return headers.kind(file.read(headers.HEADER_BYTES)) is arch
    except OSError as error:
        raise _unreadable(kernel, error) from None


def unpack_file(path: Path) -> Unpacked:
    """The kernel in the file ``path``; raises KernelUnusable, KernelCorrupt."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise KernelUnusable(
                f"{path} has {size >> 20} MiB, and no kernel has",
                fix="give the kernel itself, not the disk image that has it", path=path,
            )  # fmt: skip
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None
    return unpack(data, path)


def unpack(data: bytes, path: Path) -> Unpacked:
    """The kernel in ``data``, which came from ``path``; raises KernelUnusable, KernelCorrupt."""
    layers: list[str] = []
    try:
        while (arch := headers.kind(data)) is None:
            layer = _outermost(data)
            if layer is None or len(layers) == _MOST_LAYERS:
                raise _no_kernel(path, layers)
            data = layer.content
            if layer.compression:
                if not known(layer.compression):
                    raise KernelUnusable(
                        f"the kernel {path} is packed with {layer.compression}, which is not unpacked here",
                        fix=f"unpack it with {layer.compression}, or take one packed with gzip, zstd or xz",
                        path=path,
                    )
                data = decompress(data, layer.compression, MOST_BYTES)
            layers.append(layer.name)
    except ValueError as error:
        raise KernelCorrupt(
            f"the kernel {path} cannot be unpacked: {error}",
            fix="get it again, and compare it with the hash that its publisher gives", path=path,
        ) from None  # fmt: skip
    return Unpacked(arch, data, tuple(layers))


def write_kernel(kernel: Unpacked, to: Path) -> Path:
    """Write it to ``to`` and return that; raises DiskFull, CacheReadOnly."""
    with naming_write_errors("the unpacked kernel", to.parent, elsewhere="write it elsewhere"):
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(kernel.data)
    return to


def _unreadable(path: Path, error: OSError) -> KernelUnusable:
    return KernelUnusable(
        f"the kernel {path} cannot be read: {error.strerror}", fix="correct the path", path=path
    )


@dataclass(frozen=True, slots=True)
class _Layer:
    """What a kernel is packed in: its name, what is inside, and the compression of that, if any."""

    name: str
    content: bytes
    compression: str | None = None


def _outermost(data: bytes) -> _Layer | None:
    """Raises ValueError for what begins as a layer and is none."""
    if zboot := read_zboot(data):
        content = data[zboot.offset : zboot.offset + zboot.size]
        packed = _ZBOOT_NAMES.get(zboot.compression, zboot.compression)
        return _Layer("EFI-zboot", content, packed)
    if (pe := read_pe(data)) and (inside := section_data(data, pe, ".linux")) is not None:
        return _Layer("unified kernel image", inside)
    if name := compression(data):
        return _Layer(name, data, name)
    return None


def _no_kernel(path: Path, layers: list[str]) -> KernelUnusable:
    what = f"what {path} has in its {' in '.join(reversed(layers))}" if layers else str(path)
    return KernelUnusable(
        f"{what} is no kernel for arm64 or x86-64",
        fix="give an Image or a bzImage, as it is or in gzip, zstd, xz, EFI-zboot or a unified kernel image",
        path=path,
    )
