"""Files out of a binary package, read straight from its compressed tar: nothing is unpacked to disk.

A package is an ar archive with a ``data.tar.*`` (deb(5)). Names are normalised and checked, so that no entry and no
link leaves the tree; device nodes and set-id bits are not taken.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, BinaryIO

from harness.errors import ArchiveCorrupt, PackageNotFound

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Member:
    """One file or symbolic link of a package."""

    path: str
    """Relative and normalised: ``usr/bin/busybox``."""
    executable: bool
    target: str | None
    """A symbolic link's target; None for a regular file."""
    content: BinaryIO | None
    """A regular file's bytes, to be read before the next member is asked for; None for a link."""


def members(package: Path, patterns: Sequence[str] | None = None) -> Iterator[Member]:
    """The files of ``package`` whose path matches a glob (``*`` crosses slashes), in the package's order; None: all.

    Raises ArchiveCorrupt for a package that cannot be read or names a path outside the tree, PackageNotFound
    when a pattern matched nothing.
    """
    import lzma  # noqa: PLC0415 - only who asks an archive pays for these
    import tarfile  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    from debian.arfile import ArError  # noqa: PLC0415
    from debian.debfile import DebError, DebFile  # noqa: PLC0415

    unmatched = set(patterns or ())
    try:
        with DebFile(filename=str(package)) as deb:
            for info in deb.data.tgz():
                path = _inside(info.name)
                hits = [pattern for pattern in patterns or () if fnmatchcase(path, pattern.lstrip("/"))]
                if (hits or patterns is None) and (member := _member(path, info, deb.data.tgz())):
                    unmatched.difference_update(hits)
                    yield member
    except OSError as error:
        if error.errno is not None:  # the disk's trouble; python-debian raises bare ones for a bad header
            raise
        raise ArchiveCorrupt(f"the package {package} cannot be read: {error}", path=package) from None
    except (ArError, DebError, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, ValueError) as error:
        raise ArchiveCorrupt(f"the package {package} cannot be read: {error}", path=package) from None
    if unmatched:
        raise PackageNotFound(
            f"the package {package} has no file {', '.join(sorted(unmatched))}",
            fix="correct the guest's description", path=package,
        )  # fmt: skip


def _member(path: str, info: tarfile.TarInfo, tar: tarfile.TarFile) -> Member | None:
    if info.issym():
        target = info.linkname
        if not target.startswith("/"):  # an absolute one means the guest's own root
            _inside(posixpath.join(posixpath.dirname(path), target))
        return Member(path, executable=False, target=target, content=None)
    if info.isfile() or info.islnk():
        if info.islnk():
            _inside(info.linkname)
        content = tar.extractfile(info)
        return Member(path, executable=bool(info.mode & 0o111), target=None, content=content)  # type: ignore[arg-type] # IO[bytes] is one
    return None


def _inside(name: str) -> str:
    """The normalised relative path; ValueError when it leads out of the tree."""
    path = posixpath.normpath(name.lstrip("/"))
    if path == ".." or path.startswith("../"):
        raise ValueError(f"the path {name!r} leads out of the package")
    return path
