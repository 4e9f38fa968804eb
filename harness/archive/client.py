"""The archive as the rest of the harness sees it: packages by name, as checked files on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.archive import transfer
from harness.archive.fetch import Download, Fetcher, silent
from harness.archive.index import Index, Package, read_index
from harness.archive.memo import memo_path, recall, remember
from harness.archive.mirrors import mirrors
from harness.archive.release import Checksum, Release, read_release
from harness.errors import ArchiveUnreachable, ArchiveUntrusted, PackageNotFound, VisorbenchError, nearest
from harness.host.paths import cache_dir, shipped
from harness.host.storage import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from harness.archive.fetch import Progress

INRELEASE_LIMIT_BYTES = 4 << 20
COMPONENT = "main"


@dataclass(frozen=True, slots=True)
class Archive:
    """One suite of a Debian archive for one architecture, cached in ``folder``."""

    folder: Path
    suite: str
    debian_arch: str
    """As Debian names it: ``amd64``, ``arm64``."""
    keyring: Path
    fetcher: Fetcher
    fresh: bool = False
    """Only what a mirror says now will do, not what the cache has of an earlier day."""

    def release(self) -> Release:
        """The newest trusted Release that can be had: from a mirror, else the one in the cache.

        A mirror that is older than the cache is not followed back in time. Raises ArchiveUnreachable when
        there is neither, or no mirror where it must be ``fresh``, ArchiveUntrusted when mirrors answered, and none with
        a Release to be trusted.
        """
        path = self.folder / self.suite / "InRelease"
        cached = self._cached(path)
        failure: VisorbenchError | None = None
        for mirror in () if self.fetcher.offline else self.fetcher.mirrors:
            try:
                raw = transfer.get_small(f"{mirror}/dists/{self.suite}/InRelease", INRELEASE_LIMIT_BYTES)
                release = read_release(raw, suite=self.suite, keyring=self.keyring)
            except (ArchiveUnreachable, ArchiveUntrusted) as error:
                if not isinstance(failure, ArchiveUntrusted):  # a bad signature says more than a dead mirror
                    failure = error
                continue
            if cached is not None and cached.date > release.date:
                return cached
            write_whole(path, raw)
            return release
        if isinstance(failure, ArchiveUntrusted):
            raise failure
        if self.fresh and cached is not None:
            raise ArchiveUnreachable(
                f"today's packages of {self.suite} were asked for, and no mirror answers"
                + (f": {failure.message}" if failure else ""),
                fix=f"{transfer.FIX}; without --refresh, what is there is used",
            )
        if cached is None:
            raise failure or ArchiveUnreachable(
                f"nothing of the suite {self.suite} is in the cache, and this is offline", fix=transfer.FIX
            )
        return cached

    def packages(self, release: Release, names: Iterable[str]) -> dict[str, Package]:
        """The named packages and, for a metapackage ``X``, the versioned packages ``X`` stands for.

        Raises PackageNotFound with the nearest name, and what :meth:`Fetcher.fetch` raises.
        """
        asked = sorted(set(names))
        memo = memo_path(self.folder / self.suite, self.index_checksum(release).sha256, asked)
        if (known := recall(memo)) is not None:
            return {package.name: package for package in known}
        index = self.index(release)
        kernels = [name for name in index if name.startswith("linux-image-")]
        for name in asked:
            if name not in index:
                guess = nearest(name, [*(other for other in asked if other in index), *kernels])
                raise PackageNotFound(
                    f"suite {self.suite} has no package {name} for {self.debian_arch}",
                    fix=f"did you mean {guess}?" if guess else "correct the guest's description",
                )
        wanted = {name: index[name] for name in asked}
        versioned = {group[0] for package in wanted.values() for group in package.depends}
        wanted |= {name: index[name] for name in sorted(versioned.intersection(kernels))}
        remember(memo, wanted.values())
        return wanted

    def index(self, release: Release) -> Index:
        """Every package of the suite; raises what :meth:`Fetcher.fetch` raises."""
        checksum = self.index_checksum(release)
        return read_index(
            self.fetcher.fetch(
                Download(
                    f"package index of {f'{self.suite} {release.version}'.strip()} for {self.debian_arch}",
                    _index_addresses(self.suite, self._index_path, checksum, by_hash=release.by_hash),
                    checksum,
                )
            )
        )

    def index_checksum(self, release: Release) -> Checksum:
        """What the signed Release says the index is; raises PackageNotFound for an architecture without one."""
        checksum = release.files.get(self._index_path)
        if checksum is None:
            raise PackageNotFound(f"suite {self.suite} has no packages for {self.debian_arch}")
        return checksum

    def fetch(self, package: Package) -> Path:
        """The package file, checked."""
        return self.fetcher.fetch(
            Download(f"{package.name} {package.version}", (package.filename,), package.checksum)
        )

    @property
    def _index_path(self) -> str:
        return f"{COMPONENT}/binary-{self.debian_arch}/Packages.xz"

    def _cached(self, path: Path) -> Release | None:
        """The Release in the cache, verified again: a key may have expired since."""
        try:
            return read_release(path.read_bytes(), suite=self.suite, keyring=self.keyring)
        except (FileNotFoundError, ArchiveUntrusted):
            return None


def open_archive(
    suite: str,
    debian_arch: str,
    *,
    mirror: str | None = None,
    keyring: Path | None = None,
    progress: Progress | None = None,
    offline: bool = False,
) -> Archive:
    """``suite`` as the harness uses it: cached, from ``mirror`` or those that are known, signed by the shipped keys.

    ``offline`` forbids the network, ``keyring`` replaces the folder of keys. Raises InvalidConfiguration for a mirror
    that is none.
    """
    folder = cache_dir() / "archive"
    fetcher = Fetcher(folder / "sha256", mirrors(mirror), offline=offline, progress=progress or silent)
    return Archive(folder, suite, debian_arch, keyring or shipped("fixtures", "keyrings"), fetcher)


def _index_addresses(suite: str, path: str, checksum: Checksum, *, by_hash: bool) -> tuple[str, ...]:
    plain = f"dists/{suite}/{path}"
    hashed = f"{plain.rpartition('/')[0]}/by-hash/SHA256/{checksum.sha256}"
    return (hashed, plain) if by_hash else (plain,)
