"""Packages by name out of one suite, some of them out of a newer one, with everything that they need."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.archive.closure import closure
from harness.archive.memo import memo_path, recall, remember

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.archive.client import Archive
    from harness.archive.index import Package


@dataclass(frozen=True, slots=True)
class Selection:
    """What to take from an archive; see :func:`harness.archive.closure.closure`."""

    names: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    newer: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Another suite, such as ``trixie-backports`` → globs of the packages taken from it if it has them."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What a selection is today."""

    packages: tuple[Package, ...]
    """Closed over what they need, in alphabetical order."""
    suites: Mapping[str, str]
    """Suite → its version, or for one without versions its date: ``trixie`` → ``13.2``."""


def select(archive: Archive, selection: Selection) -> Selected:
    """Ask ``archive`` and, for what is to be newer, the other suites on the same mirrors.

    Packages are fetched with ``archive.fetch`` whatever their suite. Raises PackageNotFound, ArchiveUntrusted,
    ArchiveUnreachable, and what :meth:`Fetcher.fetch` raises.
    """
    archives = [archive, *(replace(archive, suite=suite) for suite in selection.newer)]
    releases = [one.release() for one in archives]
    suites = {
        one.suite: release.version or f"{release.date:%Y-%m-%d}"
        for one, release in zip(archives, releases, strict=True)
    }
    checksums = [one.index_checksum(release).sha256 for one, release in zip(archives, releases, strict=True)]
    memo = memo_path(
        archive.folder / archive.suite,
        checksums,
        sorted(selection.names),
        sorted(selection.exclude),
        [sorted(globs) for globs in selection.newer.values()],
    )
    packages = recall(memo)
    if packages is None:
        index = archive.index(releases[0])
        for one, release in zip(archives[1:], releases[1:], strict=True):
            index = index.overlaid(one.index(release), selection.newer[one.suite])
        packages = closure(index, selection.names, exclude=selection.exclude)
        remember(memo, packages)
    return Selected(packages, suites)
