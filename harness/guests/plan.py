"""What a guest will be made of today: its packages, known from the signed indexes alone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.archive.selection import Selection, select
from harness.guests.spec import BUILDER_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.archive.client import Archive
    from harness.archive.index import Package
    from harness.guests.spec import GuestSpec


@dataclass(frozen=True, slots=True)
class Plan:
    """The inputs of a build."""

    spec: GuestSpec
    kernel: Package
    packages: tuple[Package, ...]
    """All of them, the kernel's and those of the root image among them."""
    suite_version: str
    root: tuple[Package, ...] = ()
    """Those that the root image is made of."""

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
    root: tuple[Package, ...] = ()
    if spec.root:
        root = select(archive, Selection(spec.root.packages, spec.root.without, spec.root.newer)).packages
    chosen = {real.name: real} | {name: found[name] for name in spec.packages}
    chosen |= {package.name: package for package in root}
    return Plan(spec, real, tuple(chosen[name] for name in sorted(chosen)), release.version, root)
