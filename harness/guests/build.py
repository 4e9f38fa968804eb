"""From a guest's description to a kernel and an initramfs: the same inputs give the same bytes."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.archive import deb
from harness.errors import InvalidConfiguration
from harness.guests import kernel
from harness.guests.image import cpio, modules
from harness.guests.image.entry import Entry, character_device, directory, file, symlink
from harness.guests.model import INITRD, KERNEL, MANIFEST
from harness.guests.spec import BUILDER_VERSION
from harness.host.storage import ELSEWHERE
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.archive.client import Archive
    from harness.archive.index import Package
    from harness.guests.spec import GuestSpec

DEVICES = {"console": (5, 1), "null": (1, 3), "urandom": (1, 9)}
"""Nodes that there are before devtmpfs is mounted (Linux, admin-guide/devices.txt): major and minor numbers."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a guest will be made of, known from the signed index alone."""

    spec: GuestSpec
    kernel: Package
    packages: tuple[Package, ...]
    """The kernel's package among them."""
    suite_version: str

    @property
    def manifest(self) -> Mapping[str, object]:
        """The inputs, as JSON values: what the guest's fingerprint is made from."""
        return {
            "guest": self.spec.name,
            "arch": str(self.spec.arch),
            "suite": f"{self.spec.suite} {self.suite_version}".strip(),
            "builder": BUILDER_VERSION,
            "recipe": self.spec.recipe,
            "append": self.spec.append,
            "kernel": self.kernel.name,
            "packages": {
                package.name: {"version": package.version, "sha256": package.checksum.sha256}
                for package in self.packages
            },
        }

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the manifest in its canonical form: keys sorted, no spaces."""
        canonical = json.dumps(self.manifest, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def plan(spec: GuestSpec, archive: Archive) -> Plan:
    """Ask the archive what the guest's packages are today; raises ArchiveError, ArchiveUnreachable."""
    release = archive.release()
    found = archive.packages(release, [spec.kernel, *spec.packages])
    meta = found[spec.kernel]
    real = next(
        (found[name] for name, *_ in meta.depends if name in found and name.startswith("linux-image-")), meta
    )
    chosen = {real.name: real} | {name: found[name] for name in spec.packages}
    return Plan(spec, real, tuple(chosen[name] for name in sorted(chosen)), release.version)


def build(plan: Plan, archive: Archive, folder: Path) -> None:
    """Fetch the packages and write ``vmlinuz``, ``initrd`` and ``manifest.json`` into ``folder``.

    Raises what :meth:`Archive.fetch` raises, PackageNotFound and ArchiveCorrupt for packages that do not have
    what the description names, DiskFull and CacheReadOnly.
    """
    spec = plan.spec
    files = {package.name: archive.fetch(package) for package in plan.packages}
    entries = [
        *(character_device(f"dev/{name}", *numbers) for name, numbers in DEVICES.items()),
        *(directory(path) for path in ("proc", "sys", "run", "tmp", "etc", "mnt")),
        directory("root", 0o700),
        *(symlink(path.lstrip("/"), target) for path, target in spec.links.items()),
        *(_own_file(path, data) for path, data in spec.files.items()),
    ]
    with naming_write_errors(f"guest {spec.name}", folder, elsewhere=ELSEWHERE):
        entries += _take_kernel(plan, files[plan.kernel.name], folder / KERNEL)
        for name, patterns in spec.packages.items():
            entries += _take_files(files[name], patterns)
        try:
            (folder / INITRD).write_bytes(cpio.pack(entries))
        except ValueError as error:
            raise InvalidConfiguration(f"guest {spec.name}: {error}", fix="correct its description") from None
        (folder / MANIFEST).write_text(
            json.dumps(plan.manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8"
        )


def _own_file(path: str, data: bytes) -> Entry:
    return file(path.lstrip("/"), data, 0o755 if data.startswith(b"#!") else 0o644)


def _take_files(package: Path, patterns: tuple[str, ...]) -> Iterator[Entry]:
    for member in deb.members(package, patterns):
        if member.content is None:
            yield symlink(member.path, member.target or "")
        else:
            yield file(member.path, member.content.read(), 0o755 if member.executable else 0o644)


def _take_kernel(plan: Plan, package: Path, to: Path) -> list[Entry]:
    """Write the kernel to ``to``; the entries of its modules."""
    compressed: dict[str, tuple[str, bytes]] = {}
    base = ""
    for member in deb.members(package, ("/boot/vmlinuz-*", f"/usr/lib/modules/*{modules.SUFFIX}")):
        if member.content is None:
            continue
        if member.path.startswith("boot/"):
            header = member.content.read(kernel.HEADER_BYTES)
            kernel.check(header, plan.spec.arch)
            with to.open("wb") as out:
                out.write(header)
                shutil.copyfileobj(member.content, out, 1 << 20)
        else:
            base = "/".join(member.path.split("/")[:4])
            compressed[modules.module_name(member.path)] = (member.path, member.content.read())
    return modules.entries(modules.closure(plan.spec.modules, compressed), base)
