"""Downloads that end as a whole, checked file or not at all.

A file is stored under its SHA-256, so it is fetched once for every guest and every process. It grows in a
``.part`` file that a later attempt resumes, and gets its name only when its size and hash are right. A mirror that
fails is followed by the next one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.archive import transfer
from harness.errors import ArchiveCorrupt, ArchiveError, ArchiveUnreachable
from harness.host.storage import ELSEWHERE, locked
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.archive.release import Checksum

TRIES = 4
"""How often a transfer that breaks off is resumed on the same mirror."""


class Progress(Protocol):
    """Told how far a piece of work is; called often, must be quick."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """``done`` of ``total`` bytes of ``what``."""
        ...


def silent(what: str, done: int, total: int) -> None:
    """A Progress for who does not care."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file to have: where on a mirror, and what it must be."""

    what: str
    """Its name to people: ``busybox-static 1:1.37.0-6``."""
    paths: tuple[str, ...]
    """Below the mirror's base address, best first."""
    checksum: Checksum


@dataclass(frozen=True, slots=True)
class Fetcher:
    """The store of downloads at ``folder`` and the mirrors that fill it; ``offline`` asks none."""

    folder: Path
    mirrors: Sequence[str]
    offline: bool = False
    progress: Progress = silent

    def fetch(self, download: Download) -> Path:
        """The file in the store, downloaded if it is not there.

        Raises ArchiveUnreachable when no mirror answers, ArchiveCorrupt when what they send is not what the index
        promises, DiskFull, CacheReadOnly.
        """
        path = self.folder / download.checksum.sha256
        if _stored(path, download.checksum):
            return path
        if self.offline:
            raise ArchiveUnreachable(
                f"{download.what} is not in the cache, and this is offline", fix=transfer.FIX
            )
        with locked(self.folder.parent / "lock"):
            if not _stored(path, download.checksum):  # another process may have been first
                part = path.with_suffix(".part")
                with naming_write_errors("a download", self.folder, elsewhere=ELSEWHERE):
                    self.folder.mkdir(parents=True, exist_ok=True)
                self._from_any_mirror(download, part)
                with naming_write_errors("a download", self.folder, elsewhere=ELSEWHERE):
                    part.replace(path)
        return path

    def _from_any_mirror(self, download: Download, part: Path) -> None:
        failure: ArchiveError | ArchiveUnreachable | None = None
        for mirror in self.mirrors:
            for path in download.paths:
                try:
                    self._from(f"{mirror}/{path}", download, part)
                except (ArchiveError, ArchiveUnreachable) as error:
                    if not isinstance(failure, ArchiveError):  # a wrong hash says more than a dead mirror
                        failure = error
                else:
                    return
        raise failure or ArchiveUnreachable(f"no mirror to fetch {download.what} from", fix=transfer.FIX)

    def _from(self, url: str, download: Download, part: Path) -> None:
        def on_progress(done: int) -> None:
            self.progress(download.what, done, download.checksum.size)

        for attempt in range(TRIES):
            before = _size(part)
            try:
                transfer.resume(url, part, download.checksum.size, on_progress)
            except ArchiveUnreachable:
                if attempt == TRIES - 1 or _size(part) == before:  # not one byte more: this mirror is dead
                    raise
            else:
                break
        if _sha256(part) != download.checksum.sha256:
            part.unlink()
            raise ArchiveCorrupt(
                f"{url} does not have the SHA-256 that the signed index promises",
                fix="try again later, or use another mirror", url=url,
            )  # fmt: skip


def _stored(path: Path, checksum: Checksum) -> bool:
    """Whether the store has it; its hash was checked when it got its name, its size is checked again."""
    return _size(path) == checksum.size


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
