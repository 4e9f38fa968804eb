"""systemd's EFI stub, which makes one program for UEFI firmware of a kernel: from the signed Debian archive, once.

It is no part of a guest: guests are built, and have their fingerprints, without it, and every kernel goes with it. It
lies in ``<cache>/efi-stubs/<arch>/``, as ``stub`` and ``package.json``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.guests.model import Arch
from harness.host.paths import cache_dir
from harness.host.storage import locked, new_folder

if TYPE_CHECKING:
    from pathlib import Path

    from harness.archive.fetch import Progress
    from harness.guests.model import GuestImage

SUITE = "trixie"
PACKAGE = "systemd-boot-efi"

_DEBIAN_ARCHS = {Arch.ARM64: "arm64", Arch.X86_64: "amd64"}
_FILES = {Arch.ARM64: "linuxaa64.efi.stub", Arch.X86_64: "linuxx64.efi.stub"}
_STUB, _FACTS = "stub", "package.json"


def stubs_folder() -> Path:
    """Where the stubs of all architectures are."""
    return cache_dir() / "efi-stubs"


def has_stub(arch: Arch) -> bool:
    """Whether the cache has this architecture's."""
    return (stubs_folder() / arch / _FACTS).is_file()


def with_efi_stub(
    image: GuestImage,
    *,
    progress: Progress | None = None,
    offline: bool = False,
    mirror: str | None = None,
    keyring: Path | None = None,
) -> GuestImage:
    """``image``, to be booted through firmware; its manifest, and so its fingerprint, names the stub too.

    The other arguments are those of :func:`harness.guests.catalogue.ensure`. Raises ArchiveUnreachable, ArchiveError,
    DiskFull, CacheReadOnly.
    """
    folder = stubs_folder() / image.arch
    if not has_stub(image.arch):
        with locked(folder.with_name(f"{folder.name}.lock")):
            if not has_stub(image.arch):  # another process was first
                _take(folder, image.arch, progress, mirror, keyring, offline=offline)
    manifest = {**image.manifest, "efi_stub": json.loads((folder / _FACTS).read_bytes())}
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    fingerprint = hashlib.sha256(canonical.encode()).hexdigest()
    return replace(image, efi_stub=folder / _STUB, manifest=manifest, fingerprint=fingerprint)


def _take(
    folder: Path,
    arch: Arch,
    progress: Progress | None,
    mirror: str | None,
    keyring: Path | None,
    *,
    offline: bool,
) -> None:
    """Out of its package, into ``folder``."""
    from harness.archive import deb  # noqa: PLC0415 - only who fetches pays for these
    from harness.archive.client import open_archive  # noqa: PLC0415

    archive = open_archive(
        SUITE, _DEBIAN_ARCHS[arch], mirror=mirror, keyring=keyring, progress=progress, offline=offline
    )
    package = archive.packages(archive.release(), [PACKAGE])[PACKAGE]
    file = archive.fetch(package)
    with new_folder(folder) as draft:
        for member in deb.members(file, (f"/usr/lib/systemd/boot/efi/{_FILES[arch]}",)):
            if member.content is not None:
                with (draft / _STUB).open("wb") as out:
                    shutil.copyfileobj(member.content, out)
        facts = {"package": PACKAGE, "version": package.version, "sha256": package.checksum.sha256}
        (draft / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
