"""From a runtime's description to its folder: packages fetched, unpacked, and given wrappers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.archive.selection import select
from harness.host.storage import ELSEWHERE
from harness.host.write_errors import naming_write_errors
from harness.runtimes import launchers, tree
from harness.runtimes.model import FORMAT, MANIFEST, TREE, fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.archive.client import Archive
    from harness.archive.fetch import Progress
    from harness.archive.selection import Selected
    from harness.runtimes.spec import RuntimeSpec

_AT_ONCE = 4
"""Decompression is most of the work, and leaves the interpreter free meanwhile."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a runtime will be made of, known from the signed indexes alone."""

    name: str
    spec: RuntimeSpec
    debian_arch: str
    selected: Selected

    @property
    def manifest(self) -> Mapping[str, object]:
        """The inputs, as JSON values: what the runtime's fingerprint is made from."""
        return {
            "format": FORMAT,
            "runtime": self.name,
            "arch": self.debian_arch,
            "suites": dict(self.selected.suites),
            "programs": list(self.spec.programs),
            "drop": list(self.spec.drop),
            "packages": {
                package.name: {"version": package.version, "sha256": package.checksum.sha256}
                for package in self.selected.packages
            },
        }

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.manifest)

    @property
    def download_bytes(self) -> int:
        return sum(package.checksum.size for package in self.selected.packages)


def plan(name: str, spec: RuntimeSpec, archive: Archive) -> Plan:
    """Ask the archive what the runtime's packages are today; raises ArchiveError, ArchiveUnreachable."""
    return Plan(name, spec, archive.debian_arch, select(archive, spec.selection))


def build(plan: Plan, archive: Archive, folder: Path, progress: Progress, *, home: Path) -> None:
    """Fetch the packages and make the runtime in ``folder``, which will be moved to ``home``.

    ``progress`` is told of all downloads as one, then of all packages unpacked as one. Raises what
    :meth:`Archive.fetch` raises, ArchiveCorrupt, DiskFull and CacheReadOnly.
    """
    files = _fetch(plan, archive, progress)
    root = folder / TREE
    with naming_write_errors(f"runtime {plan.name}", folder, elsewhere=ELSEWHERE):
        tree.prepare(root)
        with ThreadPoolExecutor(_AT_ONCE, "unpack") as pool:
            try:
                done = 0
                unpacked = pool.map(lambda file: tree.unpack(file, root, plan.spec.drop), files)
                for file, _ in zip(files, unpacked, strict=True):
                    done += file.stat().st_size
                    progress(f"unpacking runtime {plan.name}", done, plan.download_bytes)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        launchers.write(folder, plan.spec.programs, home=home)
        text = json.dumps(plan.manifest, indent=2, sort_keys=True) + "\n"
        (folder / MANIFEST).write_text(text, encoding="utf-8")


def _fetch(plan: Plan, archive: Archive, progress: Progress) -> list[Path]:
    """The package files, ``progress`` told of them as one download."""
    files: list[Path] = []
    what, before = f"fetching runtime {plan.name}", 0
    for package in plan.selected.packages:
        fetcher = replace(archive.fetcher, progress=_shifted(progress, what, before, plan.download_bytes))
        files.append(replace(archive, fetcher=fetcher).fetch(package))
        before += package.checksum.size
        progress(what, before, plan.download_bytes)
    return files


def _shifted(progress: Progress, whole: str, before: int, whole_bytes: int) -> Progress:
    """A Progress for a part of ``whole``, ``before`` bytes of which are done."""

    def told(what: str, done: int, total: int) -> None:  # noqa: ARG001 - the interface
        progress(whole, before + done, whole_bytes)

    return told
