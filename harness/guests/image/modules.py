"""Kernel modules for an initramfs: the wanted ones and what they need, uncompressed, with modprobe's tables.

A package's modules come without ``modules.dep`` (depmod writes it at installation), so dependencies and aliases
are read from the ``.modinfo`` section of each module, NUL-terminated ``key=value`` strings (Linux,
include/linux/moduleparam.h).

The distribution's signature at a module's end (include/linux/module_signature.h) is cut off: where the module comes
from was proved when its package was fetched, and an emulated machine takes 30 ms to check each one again at every
boot. The kernel notes the taint ``E``.
"""

from __future__ import annotations

import lzma
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import ArchiveCorrupt, PackageNotFound, nearest
from harness.guests.image.entry import Entry, file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SUFFIX = ".ko.xz"

_SIGNED = b"~Module signature appended~\n"
_SIGNATURE_TRAILER_BYTES = 12
"""struct module_signature: its last four bytes are the length of the signature before it, big-endian."""

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
_ALIAS = re.compile(rb"\0alias=([^\0]+)(?=\0)")


@dataclass(frozen=True, slots=True)
class Module:
    """One module, decompressed."""

    path: str
    """Below the root, as it will be in the guest: ``lib/modules/6.12/kernel/net/core/failover.ko``."""
    data: bytes
    depends: tuple[str, ...]
    aliases: tuple[str, ...]


def module_name(path: str) -> str:
    """``kernel/…/virtio-rng.ko.xz`` → ``virtio_rng``: the kernel does not tell ``-`` from ``_``."""
    return posixpath.basename(path).removesuffix(SUFFIX).replace("-", "_")


def read_module(path: str, compressed: bytes) -> Module:
    """Decompress a ``.ko.xz``; raises ArchiveCorrupt."""
    try:
        data = _unsigned(lzma.decompress(compressed))
    except lzma.LZMAError as error:
        raise ArchiveCorrupt(f"the kernel module {path} cannot be decompressed: {error}", path=path) from None
    depends = _DEPENDS.search(data)
    names = depends[1].decode().replace("-", "_").split(",") if depends else []
    aliases = sorted({alias.decode() for alias in _ALIAS.findall(data)})
    return Module(path.removesuffix(".xz"), data, tuple(name for name in names if name), tuple(aliases))


def closure(wanted: Iterable[str], compressed: Mapping[str, tuple[str, bytes]]) -> dict[str, Module]:
    """The wanted modules and all they depend on, by name, each after what it needs.

    ``compressed`` has every module of the kernel, name → (path, bytes): a hundred megabytes if they were all
    decompressed, so only those visited are. Raises PackageNotFound for a module that is not there.
    """
    ordered: dict[str, Module] = {}

    def visit(name: str) -> None:
        if name in ordered:
            return
        if name not in compressed:
            guess = nearest(name, compressed)
            raise PackageNotFound(
                f"the kernel has no module {name}",
                fix=f"did you mean {guess}?"
                if guess
                else "it may be built in: take it out of the description",
            )
        module = read_module(*compressed[name])
        for needed in module.depends:
            visit(needed)
        ordered[name] = module

    for name in wanted:
        visit(name.replace("-", "_"))
    return ordered


def entries(chosen: dict[str, Module], base: str) -> list[Entry]:
    """The modules' files, ``modules.dep`` and ``modules.alias`` below ``base``, the kernel release's folder.

    ``chosen`` is complete and in order, as :func:`closure` gives it. modprobe loads a line's modules from its end.
    """
    needs: dict[str, set[str]] = {}
    dependencies = ""
    for name, module in chosen.items():
        needs[name] = {needed for direct in module.depends for needed in (direct, *needs[direct])}
        last_first = [chosen[needed].path for needed in reversed(chosen) if needed in needs[name]]
        dependencies += (
            f"{_below(module.path, base)}: {' '.join(_below(path, base) for path in last_first)}\n"
        )
    aliases = "".join(
        f"alias {alias} {name}\n" for name, module in chosen.items() for alias in module.aliases
    )
    return [
        *(file(module.path, module.data) for module in chosen.values()),
        file(f"{base}/modules.dep", dependencies.encode()),
        file(f"{base}/modules.alias", aliases.encode()),
    ]


def _unsigned(data: bytes) -> bytes:
    """The module without the signature that ``scripts/sign-file`` appends: signature, trailer, magic."""
    if not data.endswith(_SIGNED):
        return data
    trailer = data[: -len(_SIGNED)][-_SIGNATURE_TRAILER_BYTES:]
    length = int.from_bytes(trailer[-4:], "big") + _SIGNATURE_TRAILER_BYTES + len(_SIGNED)
    return data[:-length] if length < len(data) else data


def _below(path: str, base: str) -> str:
    return path.removeprefix(f"{base}/")
