"""Files out of a binary package, read straight from its compressed tar: nothing is unpacked to disk.

A package is an ar archive with a ``data.tar.*`` (deb(5)). Names are normalised and checked, so that no entry and no
link leaves the tree; device nodes and set-id bits are not taken.
"""

from __future__ import annotations

import io
import posixpath
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import IO, TYPE_CHECKING, BinaryIO

from harness.errors import ArchiveCorrupt, PackageNotFound

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from typing_extensions import Buffer


@dataclass(frozen=True, slots=True)
class Member:
    """One file or symbolic link of a package."""

    path: str
    """Relative and normalised: ``usr/bin/busybox``."""
    executable: bool
    target: str | None
    """A symbolic link's target; None for a regular file."""
    content: BinaryIO | None
    """A regular file's bytes, to be read before the next member is asked for; None for a link.

    Reading raises ArchiveCorrupt where the package breaks off.
    """


def members(package: Path, patterns: Sequence[str] | None = None) -> Iterator[Member]:
    """The files of ``package`` whose path matches a glob (``*`` crosses slashes), in the package's order; None: all.

    Raises ArchiveCorrupt for a package that cannot be read or names a path outside the tree, PackageNotFound
    when a pattern matched nothing.
    """
    from debian.debfile import DebFile  # noqa: PLC0415 - only who asks an archive pays for it

    unmatched = set(patterns or ())
    with _readable(package), DebFile(filename=str(package)) as deb:
        for info in deb.data.tgz():
            path = _inside(info.name)
            hits = [pattern for pattern in patterns or () if fnmatchcase(path, pattern.lstrip("/"))]
            if (hits or patterns is None) and (member := _member(package, path, info, deb.data.tgz())):
                unmatched.difference_update(hits)
                yield member
    if unmatched:
        raise PackageNotFound(
            f"the package {package} has no file {', '.join(sorted(unmatched))}",
            fix="correct the guest's description", path=package,
        )  # fmt: skip


@contextmanager
def _readable(package: Path) -> Iterator[None]:
    """What its formats' readers raise becomes ArchiveCorrupt."""
    import lzma  # noqa: PLC0415
    import tarfile  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    from debian.arfile import ArError  # noqa: PLC0415
    from debian.debfile import DebError  # noqa: PLC0415

    try:
        yield
    except OSError as error:
        if error.errno is not None:  # the disk's trouble; python-debian raises bare ones for a bad header
            raise
        raise ArchiveCorrupt(f"the package {package} cannot be read: {error}", path=package) from None
    except (ArError, DebError, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, ValueError) as error:
        raise ArchiveCorrupt(f"the package {package} cannot be read: {error}", path=package) from None


class _Content(io.RawIOBase):
    """As Member.content says."""

    def __init__(self, package: Path, source: IO[bytes]) -> None:
        self._package = package
        self._source = source

    def readable(self) -> bool:
        return True

    def readall(self) -> bytes:
        with _readable(self._package):
            return self._source.read()

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer)
        with _readable(self._package):
            data = self._source.read(len(view))
            view[: len(data)] = data
        return len(data)


def _member(package: Path, path: str, info: tarfile.TarInfo, tar: tarfile.TarFile) -> Member | None:
    if info.issym():
        target = info.linkname
        if not target.startswith("/"):  # an absolute one means the guest's own root
            _inside(posixpath.join(posixpath.dirname(path), target))
        return Member(path, executable=False, target=target, content=None)
    if info.isfile() or info.islnk():
        if info.islnk():
            _inside(info.linkname)
        content = tar.extractfile(info)
        readable = io.BufferedReader(_Content(package, content)) if content else None
        return Member(path, executable=bool(info.mode & 0o111), target=None, content=readable)
    return None


def _inside(name: str) -> str:
    """The normalised relative path; ValueError when it leads out of the tree."""
    path = posixpath.normpath(name.lstrip("/"))
    if path == ".." or path.startswith("../"):
        raise ValueError(f"the path {name!r} leads out of the package")
    return path
