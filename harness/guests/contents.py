"""The files of a guest, wherever they go: an initramfs or a root image."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, BinaryIO

from harness.archive import deb
from harness.guests.image.entry import Entry, character_device, directory, file, symlink

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

DEVICES = {"console": (5, 1), "null": (1, 3), "urandom": (1, 9)}
"""Nodes that there are before devtmpfs is mounted (Linux, admin-guide/devices.txt): major and minor numbers."""

Content = tuple[Entry, BinaryIO | None]
"""A file, and what its bytes are read from where they are not in the entry: before the next one is asked for."""


def skeleton() -> Iterator[Entry]:
    """The folders and device nodes that every system has."""
    for name, numbers in DEVICES.items():
        yield character_device(f"dev/{name}", *numbers)
    for path in ("proc", "sys", "run", "tmp", "etc", "mnt"):
        yield directory(path)
    yield directory("root", 0o700)


def described(links: Mapping[str, str], files: Mapping[str, bytes]) -> Iterator[Entry]:
    """What the description itself names; a file that begins as a script does is executable."""
    for path, target in links.items():
        yield symlink(path.lstrip("/"), target)
    for path, data in files.items():
        yield file(path.lstrip("/"), data, 0o755 if data.startswith(b"#!") else 0o644)


def packaged(
    package: Path, patterns: Sequence[str] | None = None, exclude: Sequence[str] = ()
) -> Iterator[Content]:
    """The files of a package that match a glob of ``patterns`` (None: all), less those that match one of
    ``exclude``; raises what :func:`harness.archive.deb.members` raises.
    """
    left_out = [glob.lstrip("/") for glob in exclude]
    for member in deb.members(package, patterns):
        if any(fnmatchcase(member.path, glob) for glob in left_out):
            continue
        if member.content is None:
            yield symlink(member.path, member.target or ""), None
        else:
            yield file(member.path, b"", 0o755 if member.executable else 0o644), member.content
