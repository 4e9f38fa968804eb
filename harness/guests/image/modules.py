"""Kernel modules for an initramfs: the wanted ones and what they need, uncompressed, with modprobe's tables.

A package's modules come without ``modules.dep`` (depmod writes it at installation), so dependencies and aliases
are read from the ``.modinfo`` section of each module, NUL-terminated ``key=value`` strings (Linux,
include/linux/moduleparam.h).
"""

from __future__ import annotations

import lzma
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import PackageNotFound, nearest
from harness.guests.image import cpio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SUFFIX = ".ko.xz"

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
    """Decompress a ``.ko.xz``; raises lzma.LZMAError."""
    data = lzma.decompress(compressed)
    depends = _DEPENDS.search(data)
    names = depends[1].decode().replace("-", "_").split(",") if depends else []
    aliases = sorted({alias.decode() for alias in _ALIAS.findall(data)})
    return Module(path.removesuffix(".xz"), data, tuple(name for name in names if name), tuple(aliases))


def closure(wanted: Iterable[str], available: Mapping[str, Module]) -> list[str]:
    """The wanted modules and all they depend on, each after what it needs; raises PackageNotFound."""
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in ordered:
            return
        if name not in available:
            guess = nearest(name, available)
            raise PackageNotFound(
                f"the kernel has no module {name}",
                fix=f"did you mean {guess}?"
                if guess
                else "it may be built in: take it out of the description",
            )
        for needed in available[name].depends:
            visit(needed)
        ordered[name] = None

    for name in wanted:
        visit(name.replace("-", "_"))
    return list(ordered)


def entries(names: Iterable[str], available: Mapping[str, Module], base: str) -> list[cpio.Entry]:
    """The modules' files, ``modules.dep`` and ``modules.alias`` below ``base``, the release's folder."""
    chosen = [(name, available[name]) for name in names]
    dependencies = "".join(
        f"{_below(module.path, base)}: "
        + " ".join(_below(available[n].path, base) for n in reversed(closure([name], available)[:-1]))
        + "\n"
        for name, module in chosen
    )
    aliases = "".join(f"alias {alias} {name}\n" for name, module in chosen for alias in module.aliases)
    return [
        *(cpio.file(module.path, module.data) for _, module in chosen),
        cpio.file(f"{base}/modules.dep", dependencies.encode()),
        cpio.file(f"{base}/modules.alias", aliases.encode()),
    ]


def _below(path: str, base: str) -> str:
    return path.removeprefix(f"{base}/")
