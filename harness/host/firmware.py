"""UEFI firmware for guests that boot a disk: found through the descriptors that firmware packages install.

Format and search order: https://www.qemu.org/docs/master/interop/firmware.json (a user's folder, then /etc, then
/usr/share; within them by file name); Homebrew installs the same descriptors under its own prefix.
"""

from __future__ import annotations

import hashlib
import json
import os
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TARGETS = {"arm64": ("aarch64", "virt-9.0"), "x86-64": ("x86_64", "pc-q35-9.0")}
"""Architecture → QEMU's word for it and a machine type that a descriptor must accept."""
_LOCKED = frozenset({"secure-boot", "enrolled-keys", "requires-smm"})
_CONFIDENTIAL = frozenset({"amd-sev", "amd-sev-es", "amd-sev-snp", "intel-tdx"})
"""Beside flash: something more that a plain build can do; without flash: all that the build is for."""
_SYSTEM = (
    "/etc/qemu/firmware",
    "/usr/share/qemu/firmware",
    "/opt/homebrew/share/qemu/firmware",
    "/usr/local/share/qemu/firmware",
)


def firmware_for(
    arch: str, *, qemu: Path | None = None, folders: Iterable[Path] | None = None
) -> Path | None:
    """The code of the plain UEFI firmware for ``arch``, as a raw image; None when none is installed.

    Plain: no Secure Boot, no confidential computing. The firmware that was installed with the binary ``qemu`` counts
    too; ``folders`` replaces the platform's.
    """
    for descriptor in _descriptors(_folders(qemu) if folders is None else folders):
        found = _read(descriptor, arch)
        if found is not None:
            return found
    return None


def identity(firmware: Path) -> str:
    """What tells one build from another: its file's name and the first half of its SHA-256."""
    with firmware.open("rb") as file:
        return f"{firmware.name} {hashlib.file_digest(file, 'sha256').hexdigest()[:32]}"


def _folders(qemu: Path | None) -> list[Path]:
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "qemu/firmware"
    beside = [qemu.resolve().parent.parent / "share/qemu/firmware"] if qemu is not None else []
    return [own, *beside, *map(Path, _SYSTEM)]


def _descriptors(folders: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Every descriptor in order; a name in an earlier folder hides the same name in a later one."""
    seen: set[str] = set()
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            if path.name in seen:
                continue
            seen.add(path.name)
            try:
                content = json.loads(path.read_text("utf-8"))
            except (OSError, ValueError):
                continue  # an empty file is how the specification lets a user hide one
            if isinstance(content, dict):
                yield content


def _read(descriptor: dict[str, Any], arch: str) -> Path | None:
    target, machine = _TARGETS[arch]
    try:
        fits = any(
            entry["architecture"] == target
            and any(fnmatch(machine, pattern) for pattern in entry["machines"])
            for entry in descriptor["targets"]
        )
        mapping = descriptor["mapping"]
        unwanted = _LOCKED if mapping["device"] == "flash" else _LOCKED | _CONFIDENTIAL
        if not fits or "uefi" not in descriptor["interface-types"] or unwanted & set(descriptor["features"]):
            return None
        code = mapping["executable"] if mapping["device"] == "flash" else mapping
        path = Path(code["filename"])
        raw = code.get("format", "raw") == "raw"  # Fedora describes the same build as qcow2 first
    except (KeyError, TypeError, AttributeError):
        return None
    return path if raw and path.is_file() else None
