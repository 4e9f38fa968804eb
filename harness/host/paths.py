"""Where the harness keeps things: data shipped with it, the cache, the results store, private directories.

Every location follows the platform's convention (XDG on Linux, ~/Library on macOS) and can be moved by an
environment variable: ``VISORBENCH_CACHE_DIR``, ``VISORBENCH_DATA_DIR``, ``VISORBENCH_RUNTIME_DIR``,
``VISORBENCH_LOCK_DIR``.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platformdirs import PlatformDirs

SOCKADDR_UN_MAX = 103
"""The longest path of a unix socket that every platform takes (macOS: 104 bytes with the NUL)."""

_LOCKS = Path("/run/lock")
_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(*parts: str) -> Path:
    """A file or folder that comes with the harness, from a clone or from an installed wheel."""
    installed = _PACKAGE / "_data"
    return (installed if installed.is_dir() else _PACKAGE.parent).joinpath(*parts)


def cache_dir() -> Path:
    """Downloads and built guests: everything in it can be made again."""
    return _moved("VISORBENCH_CACHE_DIR") or _platform_dirs().user_cache_path


def data_dir() -> Path:
    """The results store: nothing in it can be made again."""
    return _moved("VISORBENCH_DATA_DIR") or _platform_dirs().user_data_path


def without_home(text: str) -> str:
    """``text`` with ``~`` for the user's home folder: readers of a report need not know who measured, or where."""
    try:
        home = Path.home()
    except RuntimeError:  # nobody's
        return text
    if home == home.parent or str(home) not in text:
        return text
    return re.sub(rf"(?<![\w.-]){re.escape(str(home))}(?![\w.-])", "~", text)


def runtime_dir() -> Path:
    """The registry of owned processes; private (0700), created on first use.

    Raises DiskFull, CacheReadOnly.
    """
    path = _moved("VISORBENCH_RUNTIME_DIR") or data_dir() / "run"
    with naming_write_errors("the harness's run-time files", path, elsewhere="set VISORBENCH_RUNTIME_DIR"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def lock_dir() -> Path:
    """Where all users of this host meet: a folder in which everybody may make files, and remove only their own.

    Whoever moves it (``VISORBENCH_LOCK_DIR``) waits only for those who have moved it to the same place.
    """
    if moved := _moved("VISORBENCH_LOCK_DIR"):
        with naming_write_errors("the measuring lock", moved, elsewhere="set VISORBENCH_LOCK_DIR"):
            moved.mkdir(parents=True, exist_ok=True)
        return moved
    if sys.platform == "win32":
        return Path(os.environ.get("PUBLIC", r"C:\Users\Public"))
    else:  # noqa: RET505 - mypy knows platforms by branches
        return _unix_lock_dir()


def _unix_lock_dir() -> Path:
    try:
        of_locks = _LOCKS.stat().st_mode  # Debian opens it to every user, Fedora to root alone
    except OSError:
        of_locks = 0
    return _LOCKS if of_locks & stat.S_ISVTX and of_locks & stat.S_IWOTH else Path("/tmp")  # noqa: S108


def scratch_dir() -> Path:
    """For large files that are soon gone, on the disk that the cache is on: a system's own folder for them may be in
    memory. Raises DiskFull, CacheReadOnly."""
    path = cache_dir() / "scratch"
    with naming_write_errors("a folder", path, elsewhere="set VISORBENCH_CACHE_DIR"):
        path.mkdir(parents=True, exist_ok=True)
    return path


def large_files_dir() -> Path:
    """Where QEMU itself puts what guests write on disks that stay as they are: /tmp may be in memory."""
    if sys.platform == "win32":
        return Path(tempfile.gettempdir())
    named = os.environ.get("TMPDIR", "/tmp")  # noqa: S108 - what is made in it is private
    return Path("/var/tmp" if named in ("", "/tmp") else named)  # noqa: S108


@contextmanager
def private_directory(prefix: str = "vb-", *, root: Path | None = None) -> Iterator[Path]:
    """A fresh 0700 directory in ``root``, removed afterwards; without a root with a path short enough for unix sockets.

    It is entered in the registry, so that ``visorbench reap`` removes what a crash left behind. Raises DiskFull,
    CacheReadOnly.
    """
    from harness.host import registry  # noqa: PLC0415 - it needs runtime_dir

    root = root or _for_sockets()
    with naming_write_errors("a private directory", root, elsewhere="set TMPDIR"):
        path = registry.new_directory(root, prefix)
    entry = None
    try:
        entry = registry.note_directory(path)
        yield path
    finally:
        registry.remove(path)
        if entry is not None and not path.exists():
            registry.remove(entry)


def _for_sockets() -> Path:
    root = Path(tempfile.gettempdir())
    if sys.platform == "win32" or len(os.fsencode(root)) <= SOCKADDR_UN_MAX - 48:
        return root
    return Path("/tmp")  # noqa: S108 - macOS hands out /var/folders/…/T; a private directory is private there as well


def _moved(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser() if value else None


def _platform_dirs() -> PlatformDirs:
    from platformdirs import PlatformDirs  # noqa: PLC0415 - keeps `visorbench --help` fast

    return PlatformDirs("visorbench", appauthor=False)
