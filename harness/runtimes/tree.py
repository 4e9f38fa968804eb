"""Packages unpacked into a folder that is to be the root of a file system, as dpkg would, but nothing is run.

What maintainer scripts would add is not needed: libraries are found through the loader's library path instead of
``ld.so.cache``, and no package of a runtime has alternatives.
"""

from __future__ import annotations

import fnmatch
import os
import posixpath
import re
import shutil
import sys
from typing import TYPE_CHECKING

from harness.archive import deb

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MERGED = ("bin", "lib", "lib64", "sbin")
"""Folders of the root that are links into ``usr`` (Debian's merged /usr)."""
FROM_HOST = ("resolv.conf", "hosts", "passwd", "group", "nsswitch.conf", "localtime", "machine-id")
"""Files of /etc that programs take from the host: here they are empty, to be mounted over."""


def prepare(tree: Path) -> None:
    """Make the parts of a root that belong to no package."""
    for name in MERGED:
        (tree / "usr" / name).mkdir(parents=True, exist_ok=True)
        (tree / name).symlink_to(f"usr/{name}")
    (tree / "usr/local").mkdir()
    (tree / "etc").mkdir()
    for name in FROM_HOST:
        (tree / "etc" / name).touch()


def unpack(package: Path, tree: Path, drop: Iterable[str]) -> None:
    """Write the files of ``package`` below ``tree``, but for those that match a glob of ``drop``.

    An absolute link becomes a relative one, so that it leads to the same file whether the tree is the root or not.
    Raises ArchiveCorrupt for a package that cannot be read or leads out of the tree, and OSError.
    """
    unwanted = _any_of(drop)
    for member in deb.members(package, ("*",)):
        path = merged(member.path)
        if unwanted.match(path):
            continue
        place = tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        if member.content is None:
            place.symlink_to(relative(member.target or "", path))
        else:
            with place.open("xb") as file:
                shutil.copyfileobj(member.content, file, 1 << 20)
            place.chmod(0o755 if member.executable else 0o644)


def size_bytes(tree: Path) -> int:
    """What the tree takes on disk."""
    return sum(
        _bytes_on_disk(os.lstat(os.path.join(folder, name)))  # noqa: PTH118 - a path object for each file is slow
        for folder, _, names in os.walk(tree)
        for name in names
    )


def _bytes_on_disk(found: os.stat_result) -> int:
    if sys.platform != "win32":
        return found.st_blocks * 512
    else:  # noqa: RET505 - mypy knows platforms by branches
        return found.st_size


def _any_of(globs: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, globs)) or r"(?!)")


def merged(path: str) -> str:
    """Where a path of a package is in a tree whose /bin, /lib and so on are links into /usr."""
    first = path.partition("/")[0]
    return f"usr/{path}" if first in MERGED else path


def relative(target: str, path: str) -> str:
    """The target of the link at ``path``, made relative if it was absolute."""
    if not target.startswith("/"):
        return target
    inside = merged(posixpath.normpath(target).lstrip("/"))
    return posixpath.relpath(inside or ".", posixpath.dirname(path))
