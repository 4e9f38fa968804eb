"""One file of a guest, before it is in an archive or an image."""

from __future__ import annotations

import stat
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One file; ``data`` is a regular file's content or a symbolic link's target."""

    path: str
    """Relative, normalised, without ``..``: ``usr/bin/sh``."""
    mode: int
    """Type and permission bits, as in ``st_mode``."""
    data: bytes = b""
    device: tuple[int, int] = (0, 0)
    """Major and minor number of a device node."""
    uid: int = 0
    gid: int = 0

    def __post_init__(self) -> None:
        if not all(part not in ("", ".", "..") for part in self.path.split("/")) or "\0" in self.path:
            raise ValueError(f"not a normalised relative path: {self.path!r}")


def file(path: str, data: bytes, permissions: int = 0o644) -> Entry:
    """A regular file."""
    return Entry(path, stat.S_IFREG | permissions, data)


def directory(path: str, permissions: int = 0o755) -> Entry:
    """A directory; parents that nobody names get 0755."""
    return Entry(path, stat.S_IFDIR | permissions)


def symlink(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def character_device(path: str, major: int, minor: int, permissions: int = 0o600) -> Entry:
    """A character device node, such as /dev/console."""
    return Entry(path, stat.S_IFCHR | permissions, device=(major, minor))
